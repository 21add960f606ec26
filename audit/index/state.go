package index

import (
	"slices"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
)

// States are the values of a filter's State: those of a call, then those of a
// finding.
func States() []string {
	var list []string
	for _, s := range correlate.States() {
		list = append(list, string(s))
	}
	for _, k := range correlate.Kinds() {
		list = append(list, string(k))
	}
	return list
}

// The states that a call is in as long as no verdict says anything about it:
// they follow from its own lines, and are not written into the log.
const (
	stateNotApplicable = string(correlate.NotApplicable) // AWS was not asked
	stateDerived       = string(correlate.Derived)       // another call's answer was given, and that call's verdicts are its own
	statePending       = string(correlate.Pending)       // CloudTrail is to say
)

// impliedStates are these, the likeliest of a call that gets a verdict first.
func impliedStates() [3]string { return [...]string{statePending, stateDerived, stateNotApplicable} }

// IsImpliedState reports whether a call may be in a state without a verdict.
func IsImpliedState(state string) bool {
	implied := impliedStates()
	return slices.Contains(implied[:], state)
}

// ImpliedState is the state that a line of a call gives it while there is no
// verdict. An intent knows no better than that AWS may have been asked; its call's
// outcome does. One that was written for a call that was cut short knows no better
// either.
func ImpliedState(e *audit.Event) string {
	switch {
	case e.Kind == audit.KindIntent, e.Action == audit.ActionOutcomeUnknown:
		return statePending
	case e.Cache == audit.CacheHit, e.Cache == audit.CacheCoalesced:
		return stateDerived
	case len(e.Attempts) > 0:
		return statePending
	case e.Fill != nil:
		return stateDerived
	}
	return stateNotApplicable
}
