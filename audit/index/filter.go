package index

import (
	"slices"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

// Filter chooses the entries of a page. It differs from audit.Filter where more
// than one event is looked at, and in what Q finds:
//
//   - State is that of a call, whose lines do not say it: an outcome or an intent
//     is chosen if the newest verdict on one of its attempts is State. While there
//     is no verdict, a call is derived if it was answered from the cache or by
//     another call's answer, not_applicable if AWS was not asked, else pending.
//     Other events are chosen by their own.
//   - Without Kind, neither intents nor verdicts are listed, but what is in Also:
//     the outcome stands for its call, and has the state. Kind overrides both.
//   - Q is part of the connection id, the principal, the access key id or the user
//     agent, the case of ASCII letters aside, or else the beginning of an id: of
//     the event, of one it refers to, of a request to AWS, of CloudTrail. In ids
//     that are not UUIDs case matters.
//   - Findings chooses those alone. All but State, Kind and the times then are
//     looked for in the finding and in the call that it is about: a verdict names
//     neither a caller nor a region. Without State, findings are left out that are
//     known_direct, amended or covered.
type Filter struct {
	audit.Filter
	Also     []audit.Kind
	Findings Findings
}

// lists reports whether a page has events of a kind.
func (f *Filter) lists(k audit.Kind) bool {
	if f.Kind != "" {
		return k == f.Kind
	}
	if f.Findings != "" {
		return k == audit.KindFinding || k == audit.KindVerdict
	}
	return isListed(k) || slices.Contains(f.Also, k)
}

// equals reports whether e has the values that are recorded exactly: an entry
// for which it does not hold is not the one that was indexed.
func (f *Filter) equals(e *audit.Event) bool {
	if f.Findings != "" {
		finding, expected := isFinding(e)
		return finding && f.lists(e.Kind) && (f.State == e.State || f.State == "" && !expected)
	}
	exact := f.Filter
	exact.State, exact.RequestID, exact.Q = "", "", ""
	exact.Since, exact.Until = time.Time{}, time.Time{}
	return f.lists(e.Kind) && exact.Match(e)
}

// finds reports whether a finding, or the call that it is about, has what is not
// looked for in sets of rows. The call may be nil.
func (f *Filter) finds(e, call *audit.Event) bool {
	times := audit.Filter{Since: f.Since, Until: f.Until}
	rest := f.Filter
	rest.State, rest.Kind, rest.Q = "", "", ""
	rest.Since, rest.Until = time.Time{}, time.Time{}
	has := func(e *audit.Event) bool { return rest.Match(e) && (f.Q == "" || hasText(e, f.Q)) }
	return times.Match(e) && (has(e) || call != nil && has(call))
}

// refines reports whether e has what sets of rows only narrow down: times below
// a microsecond, ids whose roles do not count, text.
func (f *Filter) refines(e *audit.Event) bool {
	rest := audit.Filter{Since: f.Since, Until: f.Until, RequestID: f.RequestID}
	return rest.Match(e) && (f.Q == "" || hasText(e, f.Q))
}
