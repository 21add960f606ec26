package correlate

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

// nanos is a time in nanoseconds. Times outside of what that can express become
// the nearest.
func nanos(t time.Time) int64 {
	switch {
	case t.Unix() <= 0:
		return 0
	case t.Unix() >= math.MaxInt64/second/2:
		return math.MaxInt64 / 2
	}
	return t.UnixNano()
}

func (c *Correlator) entry(e *audit.Event) {
	at := nanos(e.Time)
	b := c.bucket(at)
	b.enter(e.Index)
	c.next = max(c.next, e.Index+1)
	if !c.started {
		c.started = true
		if c.cfg.Start.IsZero() && e.Index == 0 {
			c.start = at
		}
	}
	switch e.Kind {
	case audit.KindIntent:
		c.intent(e, at)
	case audit.KindOutcome:
		c.outcome(e, at, b)
	case audit.KindVerdict:
		c.takeVerdict(e)
	case audit.KindFinding:
		c.takeFinding(e, at)
	}
	if !c.live {
		c.leaveBehind(at)
	}
}

func (c *Correlator) intent(e *audit.Event, at int64) {
	if e.ID == "" || c.byID[keyOf(e.ID)] != 0 {
		return
	}
	r := c.remember(e, at)
	c.addAttempt(r, attempt{})
}

// remember adds a call to memory.
func (c *Correlator) remember(e *audit.Event, start int64) ref {
	id := keyOf(e.ID)
	r := c.calls.add(call{id: id, start: start, index: e.Index})
	c.describe(c.calls.at(r), e)
	c.byID[id] = r
	if !id.isUUID() {
		c.oddIDs[id] = strings.Clone(e.ID)
	}
	b := c.bucket(start)
	b.enter(e.Index)
	b.add(r)
	return r
}

// describe takes from a line what it says of the call.
func (c *Correlator) describe(l *call, e *audit.Event) {
	k := shapeKey{operation: e.Operation, readOnly: e.ReadOnly, region: e.Region}
	if u := e.Upstream; u != nil {
		k.account, k.arn, k.accessKey, k.endpoint = u.Account, u.IdentityARN, u.AccessKeyID, u.Endpoint
	}
	s := c.takeShape(k)
	if l.shape != nil {
		c.dropShape(l.shape)
	}
	if l.shape != s {
		if b := c.buckets[floorDiv(l.start, minute)]; b != nil {
			b.fit = nil
		}
	}
	l.shape = s
	if l.connection = c.hashConnection(e.ConnectionID); cutShort(e, "connection_id") {
		l.connection = 0
	}
}

func cutShort(e *audit.Event, field string) bool {
	return slices.Contains(e.Truncated, field)
}

// addAttempt adds an attempt behind those that a call has.
func (c *Correlator) addAttempt(call ref, a attempt) ref {
	a.call = call
	r := c.attempts.add(a)
	c.counts[a.state]++
	l := c.calls.at(call)
	if l.first == 0 {
		l.first = r
		return r
	}
	last := l.first
	for c.attempts.at(last).next != 0 {
		last = c.attempts.at(last).next
	}
	c.attempts.at(last).next = r
	return r
}

// maxAttempts bounds the attempts of one call. Gatepost makes two at most.
const maxAttempts = 16

func (c *Correlator) outcome(e *audit.Event, at int64, b *bucket) {
	attempts := e.Attempts[:min(len(e.Attempts), maxAttempts)]
	orphan := e.Action == audit.ActionOutcomeUnknown
	r := ref(0)
	if e.ID != "" && (len(attempts) > 0 || e.Cache != audit.CacheHit) {
		r = c.byID[keyOf(e.ID)]
	}
	if r == 0 {
		switch {
		case len(attempts) > 0 && e.ID != "":
			r = c.remember(e, at-max(min(e.DurationUS, 3600e6), 0)*1000)
		case orphan && e.ID != "":
			r = c.remember(e, idTime(e.ID, at))
		case e.Cache == audit.CacheHit || e.Cache == audit.CacheCoalesced:
			b.hits++
			c.hits++
			return
		default:
			b.refusals++
			c.refusals++
			return
		}
	}
	l := c.calls.at(r)
	if l.done {
		return // an id is used once
	}
	c.describe(l, e)
	l.done, l.orphan, l.end = true, orphan, at
	if orphan && len(attempts) == 0 {
		attempts = []audit.Attempt{{}}
	}
	if len(attempts) == 0 {
		b.refusals++
		c.refusals++
	}
	c.fill(r, l, attempts, e.ErrorClass)
	if c.live {
		c.joinWaiting(l)
	}
}

// fill gives a call the attempts that its outcome lists. Until then it may have
// had one, and that may have got a record.
func (c *Correlator) fill(r ref, l *call, attempts []audit.Attempt, class audit.ErrorClass) {
	provisional := l.first
	var claimed key
	if provisional != 0 {
		a := c.attempts.at(provisional)
		if a.traits&learned != 0 {
			claimed = a.request
		}
		if claimed != (key{}) && c.requests[claimed] == provisional {
			delete(c.requests, claimed)
		}
		a.request, a.traits = key{}, a.traits&^learned
	}
	claimedBy := ref(0)
	for i := range attempts {
		ar := provisional
		if i > 0 || ar == 0 {
			ar = c.addAttempt(r, attempt{})
		}
		a := c.attempts.at(ar)
		a.no = uint8(i)
		a.status = int16(min(max(attempts[i].Status, 0), 999))
		a.code = c.internCode(attempts[i].ErrorCode)
		a.request = keyOf(attempts[i].RequestID)
		a.traits = a.traits&grouped | expectation(&attempts[i], class, i == len(attempts)-1, l.orphan)
		if a.request != (key{}) {
			if c.requests[a.request] == 0 {
				c.requests[a.request] = ar
			}
			if a.request == claimed {
				claimedBy = ar
			}
		}
		c.await(ar)
	}
	if provisional == 0 {
		return
	}
	a := c.attempts.at(provisional)
	switch {
	case a.event == key{}:
	case claimedBy == provisional || claimed == key{} && len(attempts) > 0:
	case len(attempts) > 0 && claimedBy == 0 && a.request == key{}:
		a.request, a.traits = claimed, a.traits|learned
		c.requests[claimed] = provisional
	default:
		// The record is of another attempt, or of somebody who knew the call's id.
		if w := c.unbind(provisional); w != nil {
			defer c.judgeAgain(w)
		}
	}
	if len(attempts) == 0 {
		c.forgetAttempt(provisional, a)
		l.first = 0
	}
}

// idTime is the time in a UUIDv7, or at if that is no such id or later.
func idTime(id string, at int64) int64 {
	k, ok := parseKey(id)
	if !ok || k[6]>>4 != 7 {
		return at
	}
	var ms int64
	for _, b := range k[:6] {
		ms = ms<<8 | int64(b)
	}
	return min(ms*1e6, at)
}

// await sets the deadlines of an attempt.
func (c *Correlator) await(r ref) {
	a := c.attempts.at(r)
	due := c.calls.at(a.call).last()
	if a.traits&unexpected == 0 {
		due += int64(c.cfg.LateAfter)
	}
	c.due.push(due, r)
}
