package reconcile

import (
	"cmp"
	"slices"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
)

// Report is what an offline reconciliation found.
type Report struct {
	Origin  string    `json:"origin"`
	First   uint64    `json:"first"`   // index of the first entry
	Entries uint64    `json:"entries"` // that were read
	Began   time.Time `json:"began"`   // of the first entry
	Ended   time.Time `json:"ended"`   // of the last entry

	Records uint64                `json:"records"` // of Outposts, duplicates among them
	Windows []cloudtrail.Coverage `json:"windows"`

	// States counts attempts, and calls without any; Findings counts records.
	States   map[correlate.State]uint64 `json:"states"`
	Findings map[correlate.Kind]uint64  `json:"findings"`

	// Notable is what is worth a look, in the order of time.
	Notable []Notable `json:"notable"`

	// open are the states of attempts that may still change.
	open      map[attemptKey]attemptState
	forgotten time.Time // those of before are settled
}

// Notable is a finding that nobody expected, or the last verdict on an attempt that
// should have had a record and does not simply have it: neither matched nor
// not_expected, nor late, which looking back is no more than not known. Its members
// are those of an event, but for what only an entry of a log has.
type Notable struct {
	Kind audit.Kind `json:"kind"`
	Time time.Time  `json:"time"` // of the call: a finding's in its record, a verdict's in the log

	SourceIP     string          `json:"source_ip,omitempty"`
	UserAgent    string          `json:"user_agent,omitempty"`
	Operation    string          `json:"operation,omitempty"`
	ReadOnly     bool            `json:"read_only,omitempty"`
	Region       string          `json:"region,omitempty"`
	ConnectionID string          `json:"connection_id,omitempty"`
	Upstream     *audit.Upstream `json:"upstream,omitempty"`
	Attempts     []audit.Attempt `json:"attempts,omitempty"`
	ErrorCode    string          `json:"error_code,omitempty"`

	Of                string   `json:"of,omitempty"`
	OfAttempt         int      `json:"of_attempt,omitempty"`
	State             string   `json:"state"`
	CloudTrailEventID string   `json:"cloudtrail_event_id,omitempty"`
	Evidence          string   `json:"evidence,omitempty"`
	Differences       []string `json:"differences,omitempty"`
	Detail            string   `json:"detail,omitempty"`
}

func newNotable(e *audit.Event) *Notable {
	return &Notable{
		Kind: e.Kind, Time: e.Time,
		SourceIP: e.SourceIP, UserAgent: e.UserAgent, Operation: e.Operation, ReadOnly: e.ReadOnly, Region: e.Region, ConnectionID: e.ConnectionID,
		Upstream: e.Upstream, Attempts: e.Attempts, ErrorCode: e.ErrorCode,
		Of: e.Of, OfAttempt: e.OfAttempt, State: e.State, CloudTrailEventID: e.CloudTrailEventID, Evidence: e.Evidence, Differences: e.Differences, Detail: e.Detail,
	}
}

type attemptKey struct {
	of      string
	attempt int
}

type attemptState struct {
	state   correlate.State
	since   time.Time // of the entry that the attempt is of
	verdict *Notable  // nil if it is not worth a look
}

func newReport() *Report {
	return &Report{
		States: make(map[correlate.State]uint64), Findings: make(map[correlate.Kind]uint64), Notable: []Notable{}, Windows: []cloudtrail.Coverage{},
		open: make(map[attemptKey]attemptState),
	}
}

// Clean reports whether there is nothing that needs an eye: no call went round,
// and no attempt is missing, contradicted or unclear.
func (r *Report) Clean() bool {
	for _, state := range []correlate.State{correlate.Missing, correlate.Mismatched, correlate.Ambiguous} {
		if r.States[state] > 0 {
			return false
		}
	}
	return r.Findings[correlate.Bypass] == 0 && r.Findings[correlate.ForeignInstance] == 0
}

// entry counts an entry of the log.
func (r *Report) entry(e *audit.Event) {
	r.Entries++
	r.Ended = e.Time
	if e.Kind != audit.KindOutcome {
		return
	}
	attempts := len(e.Attempts)
	switch {
	case attempts > 0:
	case e.Cache == audit.CacheHit || e.Cache == audit.CacheCoalesced:
		r.States[correlate.Derived]++
	case e.Action == audit.ActionOutcomeUnknown:
		attempts = 1
	default:
		r.States[correlate.NotApplicable]++
	}
	for i := range attempts {
		k := attemptKey{e.ID, i}
		s := r.open[k] // a verdict may have come before
		if s.state == "" {
			s.state = correlate.Pending
		}
		s.since = e.Time
		r.open[k] = s
	}
}

// take notes a decision.
func (r *Report) take(e *audit.Event) {
	if e.Kind == audit.KindFinding {
		r.Findings[correlate.Kind(e.State)]++
		if correlate.Kind(e.State) != correlate.KnownDirect {
			r.Notable = append(r.Notable, *newNotable(e))
		}
		return
	}
	k := attemptKey{e.Of, e.OfAttempt}
	s := attemptState{state: correlate.State(e.State), since: r.open[k].since}
	if s.since.IsZero() {
		s.since = r.Ended // the outcome is yet to be read
	}
	switch s.state {
	case correlate.Matched, correlate.Late, correlate.NotExpected:
	default:
		s.verdict = newNotable(e)
	}
	r.open[k] = s
}

// forgetEvery is how often those are looked for of which nothing more will be said.
const forgetEvery = 6 * time.Hour

// forget settles the attempts of before a time.
func (r *Report) forget(before time.Time) {
	if before.Before(r.forgotten.Add(forgetEvery)) {
		return
	}
	r.forgotten = before
	for k, s := range r.open {
		if s.since.Before(before) {
			r.settle(s)
			delete(r.open, k)
		}
	}
}

func (r *Report) settle(s attemptState) {
	r.States[s.state]++
	if s.verdict != nil {
		r.Notable = append(r.Notable, *s.verdict)
	}
}

// finish settles everything.
func (r *Report) finish() *Report {
	for _, s := range r.open {
		r.settle(s)
	}
	clear(r.open)
	slices.SortStableFunc(r.Notable, func(a, b Notable) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.CloudTrailEventID, b.CloudTrailEventID), cmp.Compare(a.Of, b.Of), cmp.Compare(a.OfAttempt, b.OfAttempt))
	})
	return r
}
