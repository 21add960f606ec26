package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
	"github.com/gatepost-proxy/gatepost/proxy/outposts"
)

// eventFilter is what the flags of a command choose.
type eventFilter struct {
	audit.Filter
	// intents and verdicts ask for those beside everything else.
	intents, verdicts bool
}

// addEventFlags gives cmd the filter flags, and --also for what is otherwise left
// out, as the API has it.
func addEventFlags(cmd *cobra.Command) func() eventFilter {
	filter := addFilterFlags(cmd)
	also := addChoice(cmd, "also", "", "kinds to show beside the others, which are left out without --kind: the outcome stands for its call", false,
		string(audit.KindIntent), string(audit.KindVerdict), string(audit.KindIntent+","+audit.KindVerdict))
	return func() eventFilter {
		f := filter()
		f.intents = strings.Contains(also.value, string(audit.KindIntent))
		f.verdicts = strings.Contains(also.value, string(audit.KindVerdict))
		return f
	}
}

// addFilterFlags gives cmd a flag for each field of audit.Filter. The filter
// is filled when the command runs, after the flags are parsed.
func addFilterFlags(cmd *cobra.Command) func() eventFilter {
	f := &eventFilter{}
	flags := cmd.Flags()
	flags.StringVar(&f.Principal, "principal", "", "`name` of the caller")
	flags.StringVar(&f.Connection, "connection", "", "connection `id`")
	flags.StringVar(&f.Operation, "operation", "", "operation's `name`, such as GetConnection")
	flags.StringVar(&f.Region, "region", "", "`region` that the call was for")
	decision := addChoice(cmd, "decision", "", "what the policy said", false, string(audit.Allow), string(audit.Deny))
	cache := addChoice(cmd, "cache", "", "what the cache did", false,
		string(audit.CacheHit), string(audit.CacheMiss), string(audit.CacheCoalesced), string(audit.CacheBypass), string(audit.CacheNone))
	var classes []string
	for _, c := range audit.ErrorClasses() {
		classes = append(classes, string(c))
	}
	class := addChoice(cmd, "error-class", "", "how the call failed, none if it did not", false, classes...)
	flags.StringVar(&f.RequestID, "request-id", "", "`id` that a caller was given: AWS's request id or the event's")
	flags.StringVar(&f.State, "state", "", "`state` that CloudTrail puts the call in, such as matched, pending, missing; or a finding, such as bypass")
	kind := addChoice(cmd, "kind", "", "kind of event", false,
		string(audit.KindIntent), string(audit.KindOutcome), string(audit.KindVerdict), string(audit.KindFinding), string(audit.KindAdmin), string(audit.KindSystem))
	since, until := &momentFlag{sign: -1}, &momentFlag{sign: -1}
	flags.Var(since, "since", "from then on: RFC 3339, a date, or a time ago such as 15m, 24h, 7d")
	flags.Var(until, "until", "before then; as --since")
	flags.StringVar(&f.Q, "q", "", "`text` in the connection id, principal, user agent or any id")

	var operations []string
	for _, op := range outposts.Operations() {
		operations = append(operations, op.Name)
	}
	complete(cmd, "operation", operations...)
	complete(cmd, "state", index.States()...)
	completeNothing(cmd, "principal", "connection", "region", "request-id", "since", "until", "q")

	return func() eventFilter {
		f.Decision = audit.Decision(decision.value)
		f.Cache = audit.CacheResult(cache.value)
		f.ErrorClass = audit.ErrorClass(class.value)
		f.Kind = audit.Kind(kind.value)
		f.Since, f.Until = since.at, until.at
		return *f
	}
}

// match reports whether e is chosen. verdicts knows what later events said
// about calls; it may be nil.
func (f *eventFilter) match(e *audit.Event, verdicts verdicts) bool {
	if f.Kind == "" && (e.Kind == audit.KindIntent && !f.intents || e.Kind == audit.KindVerdict && !f.verdicts) {
		return false
	}
	one := f.Filter
	if f.State == "" || verdicts == nil {
		return one.Match(e)
	}
	switch e.Kind {
	case audit.KindOutcome, audit.KindIntent:
		// The state of a call stands in its verdicts, or follows from its outcome.
		one.State = ""
		return verdicts.has(e, f.State) && one.Match(e)
	default:
		return one.Match(e)
	}
}

// needles are texts without which no line is chosen, so that a log of many
// millions of lines need not be parsed in full to find a few.
func (f *eventFilter) needles() [][]byte {
	var list [][]byte
	add := func(name, value string) {
		if value == "" {
			return
		}
		// Only text that every encoder writes alike.
		if quoted, err := json.Marshal(value); err == nil && string(quoted) == `"`+value+`"` {
			list = append(list, []byte(`"`+name+`":`+string(quoted)))
		}
	}
	add("principal", f.Principal)
	add("connection_id", f.Connection)
	add("operation", f.Operation)
	add("region", f.Region)
	add("decision", string(f.Decision))
	add("cache", string(f.Cache))
	add("error_class", string(f.ErrorClass))
	add("kind", string(f.Kind))
	return list
}

// containsAll reports whether line holds every needle.
func containsAll(line []byte, needles [][]byte) bool {
	for _, n := range needles {
		if !bytes.Contains(line, n) {
			return false
		}
	}
	return true
}

// verdicts are the newest states of calls' attempts, by event id, for a
// reader that goes from the newest line to the oldest.
type verdicts map[string][]verdict

type verdict struct {
	attempt int
	state   string
}

// add takes in a verdict, unless a newer one for the same attempt is known.
func (v verdicts) add(e *audit.Event) {
	for _, known := range v[e.Of] {
		if known.attempt == e.OfAttempt {
			return
		}
	}
	v[e.Of] = append(slices.DeleteFunc(v[e.Of], func(k verdict) bool { return k.attempt == noAttempt }), verdict{e.OfAttempt, e.State})
}

// noAttempt is the attempt of a state that follows from a call's outcome.
const noAttempt = -1

// imply takes in what the outcome of a call implies, for its intent, which stands
// before it.
func (v verdicts) imply(outcome *audit.Event) {
	if len(v[outcome.ID]) == 0 {
		v[outcome.ID] = []verdict{{noAttempt, index.ImpliedState(outcome)}}
	}
}

// has reports whether one of the attempts of a line's call is in state, or, while
// there is no verdict on any, the line implies it.
func (v verdicts) has(call *audit.Event, state string) bool {
	known := v[call.ID]
	if len(known) == 0 {
		return index.ImpliedState(call) == state
	}
	return slices.ContainsFunc(known, func(k verdict) bool { return k.state == state })
}

// state is that of the last attempt of a line's call, which decided its answer, or
// what the line implies.
func (v verdicts) state(call *audit.Event) string {
	state, last := index.ImpliedState(call), noAttempt-1
	for _, known := range v[call.ID] {
		if known.attempt > last {
			state, last = known.state, known.attempt
		}
	}
	return state
}
