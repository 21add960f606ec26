package main

import "github.com/gatepost-proxy/gatepost/audit"

// The colours mean the same in every column: green is as it should be, and cost
// AWS nothing or was confirmed by it; yellow is worth a look, and mostly the
// caller's own doing; red is refused, broken or unaccounted for; faint is in
// passing. Without colours nothing is lost: each stands on a word.

func (c eventCells) kindColour(k audit.Kind) func(string) string {
	switch k {
	case audit.KindFinding:
		return c.colours.red
	case audit.KindAdmin:
		return c.colours.yellow
	case audit.KindIntent, audit.KindSystem:
		return c.colours.faint
	default:
		return nil
	}
}

func (c eventCells) decisionColour(d audit.Decision) func(string) string {
	if d == audit.Deny {
		return c.colours.red
	}
	return nil
}

func (c eventCells) cacheColour(r audit.CacheResult) func(string) string {
	switch r {
	case audit.CacheHit, audit.CacheCoalesced:
		return c.colours.green
	case audit.CacheNone:
		return c.colours.faint
	default:
		return nil
	}
}

func (c eventCells) statusColour(status int) func(string) string {
	switch {
	case status >= 500:
		return c.colours.red
	case status >= 400:
		return c.colours.yellow
	case status >= 200 && status < 300:
		return c.colours.green
	default:
		return nil
	}
}

// classColour tells what failed on gatepost's side, or AWS's, from what AWS
// answered to the caller.
func (c eventCells) classColour(class audit.ErrorClass) func(string) string {
	switch class {
	case audit.ErrorClassAudit, audit.ErrorClassOverload, audit.ErrorClassAWSAuth, audit.ErrorClassInternalServer,
		audit.ErrorClassUpstreamConnect, audit.ErrorClassUpstreamCredentials, audit.ErrorClassUpstreamInvalid,
		audit.ErrorClassUpstreamTimeout, audit.ErrorClassUpstreamTLS:
		return c.colours.red
	default:
		return c.colours.yellow
	}
}

// stateColour serves verdicts and findings.
func (c eventCells) stateColour(state string) func(string) string {
	switch state {
	case "matched", "covered":
		return c.colours.green
	case "missing", "mismatched", "bypass":
		return c.colours.red
	case "late", "unknown", "ambiguous", "matched_weak", "foreign_instance", "amended":
		return c.colours.yellow
	case "derived", "not_applicable", "not_expected", "known_direct":
		return c.colours.faint
	default:
		return nil
	}
}
