package correlate

import (
	"fmt"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// set changes the state of an attempt.
func (c *Correlator) set(t *attempt, to rank) {
	c.counts[t.state]--
	t.state = to
	c.counts[to]++
}

// conclude gives an attempt without a record its state, and says so.
func (c *Correlator) conclude(r ref, to rank, detail string) {
	c.set(c.attempts.at(r), to)
	c.sayVerdict(r, nil, nil, detail)
}

func (c *Correlator) say(e audit.Event) {
	if c.out == nil {
		c.out = make([]audit.Event, 0, max(c.expect, 1))
	}
	c.out = append(c.out, e)
}

// newEvent is a decision about a call of a time.
func (c *Correlator) newEvent(kind audit.Kind, call int64) audit.Event {
	at := c.stamp.UTC()
	if c.cfg.AtCalls {
		at = time.Unix(0, call).UTC()
	}
	return audit.Event{V: audit.Version, ID: audit.NewID(at), Kind: kind, Time: at}
}

func (c *Correlator) sayVerdict(r ref, a *arrival, differences []string, detail string) {
	t := c.attempts.at(r)
	of := c.calls.at(t.call)
	e := c.newEvent(audit.KindVerdict, of.start)
	e.Of, e.OfAttempt = c.callText(of), int(t.no)
	e.State = string(t.state.state())
	if a != nil {
		e.CloudTrailEventID = a.record.EventID
		e.Evidence = t.evidence.String()
		if t.state == rankAmbiguous {
			e.Evidence = weak.String()
		}
		e.LagMS = a.lag()
		e.Differences = differences
		l := a.links()
		if t.traits&learned != 0 {
			l.request = t.request
		}
		detail = l.appendTo(detail)
	}
	e.Detail = detail
	c.say(e)
}

// lag is how long after the call its record was there.
func (a *arrival) lag() int64 {
	if a.seen == 0 {
		return 0
	}
	return max(a.seen-a.at, 0) / int64(time.Millisecond)
}

// find says what a record is that is no call of ours. Of is the call that it is
// about, if it is about one. A record from before the log is none of its business.
func (c *Correlator) find(kind Kind, a *arrival, of, detail string) {
	c.decided(a)
	if a.at < c.start {
		c.noteAll(a, sighting{fate: found})
		return
	}
	if of == "" && c.knownDirect(a.record) {
		kind, detail = KnownDirect, "The configuration expects this caller to go round gatepost."
	}
	if a.original != (key{}) {
		detail += fmt.Sprintf(" The record corrects %.256s, which the log does not know.", a.record.Addendum.OriginalEventID)
	}
	c.noteAll(a, sighting{fate: found})
	c.sayFinding(kind, a, of, detail, nil)
}

// findAmended says that a record corrects another.
func (c *Correlator) findAmended(a *arrival, of string, d differences) {
	c.note(a.event, sighting{fate: amendedSaid}, a.at)
	detail := "The record corrects an earlier one."
	if id := a.record.Addendum.OriginalEventID; id != "" {
		detail = fmt.Sprintf("The record corrects %.256s.", id)
	}
	if fields := a.record.Addendum.UpdatedFields; len(fields) > 0 {
		detail += fmt.Sprintf(" Updated: %.512s.", fmt.Sprint(fields))
	}
	c.sayFinding(Amended, a, of, detail, d.list())
}

func (c *Correlator) sayFinding(kind Kind, a *arrival, of, detail string, differences []string) {
	r := a.record
	e := c.newEvent(audit.KindFinding, a.at)
	e.State, e.Of = string(kind), of
	e.CloudTrailEventID = r.EventID
	e.Operation, e.ReadOnly, e.Region = r.EventName, r.ReadOnly, r.AWSRegion
	e.ConnectionID, e.SourceIP, e.UserAgent = told(r.Request.ConnectionID), r.SourceIP, r.UserAgent
	e.ErrorCode = r.ErrorCode
	e.Upstream = &audit.Upstream{Account: accountOf(r), IdentityARN: told(r.UserIdentity.ARN), AccessKeyID: told(r.UserIdentity.AccessKeyID)}
	if *e.Upstream == (audit.Upstream{}) {
		e.Upstream = nil
	}
	if attempt := (audit.Attempt{RequestID: r.RequestID, ErrorCode: r.ErrorCode}); attempt != (audit.Attempt{}) {
		e.Attempts = []audit.Attempt{attempt}
	}
	e.LagMS = a.lag()
	e.Differences = differences
	l := a.links()
	e.Detail = l.appendTo(detail)
	c.say(e)
}

// told is a value of a record, "" if the record does not tell it.
func told(value string) string {
	if cloudtrail.Unknown(value) {
		return ""
	}
	return value
}

// takeVerdict takes a verdict from the log: one that was reached before a
// restart, or one that is known because it was reached here.
func (c *Correlator) takeVerdict(e *audit.Event) {
	cr := c.byID[keyOf(e.Of)]
	to, ok := rankOf(State(e.State))
	if !ok || e.OfAttempt < 0 {
		return
	}
	if cr == 0 {
		if to != rankLate && e.OfAttempt < maxAttempts {
			delete(c.past.unsaid, pastAttempt{keyOf(e.Of), uint8(e.OfAttempt)})
		}
		return
	}
	r := c.attemptNo(c.calls.at(cr), e.OfAttempt)
	if r == 0 {
		return
	}
	t := c.attempts.at(r)
	if c.live && to <= t.state || to < t.state && to < rankMatched {
		return
	}
	c.set(t, to)
	if e.CloudTrailEventID == "" {
		return
	}
	event, at := keyOf(e.CloudTrailEventID), c.calls.at(cr).last()
	at = max(at, nanos(e.Time)-max(e.LagMS, 0)*int64(time.Millisecond))
	if to == rankAmbiguous {
		c.note(event, sighting{fate: unclear}, at)
		return
	}
	by := parseEvidence(e.Evidence)
	if t.event != (key{}) && t.event != event && by > t.evidence {
		c.unbind(r)
	}
	t.event, t.evidence = event, by
	l := parseLinks(e.Detail)
	if l.request != (key{}) && t.request == (key{}) {
		t.request = l.request
		t.traits |= learned
		if c.requests[l.request] == 0 {
			c.requests[l.request] = r
		}
	}
	for _, id := range append(l.records(), event) {
		c.note(id, sighting{attempt: r, fate: joined}, at)
	}
}

// takeFinding takes a finding from the log.
func (c *Correlator) takeFinding(e *audit.Event, at int64) {
	event := keyOf(e.CloudTrailEventID)
	if event == (key{}) {
		return
	}
	l := parseLinks(e.Detail)
	if Kind(e.State) == Amended {
		c.note(event, sighting{fate: amendedSaid}, at)
		return
	}
	for _, id := range append(l.records(), event) {
		c.note(id, sighting{fate: found}, at)
	}
}
