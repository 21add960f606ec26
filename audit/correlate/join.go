package correlate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// join looks for the attempt that a record is of, and reports whether the record
// is decided. Late says that the log has been read Grace past it.
func (c *Correlator) join(a *arrival, late bool) bool {
	if a.original != (key{}) && c.amend(a) {
		return true
	}
	if r := c.requests[a.request]; a.request != (key{}) && r != 0 {
		c.joinRequest(r, a)
		return true
	}
	token, named := a.name()
	if !named {
		return false
	}
	cr := c.byID[token]
	if cr == 0 {
		return false
	}
	l := c.calls.at(cr)
	if !l.done && !late {
		return false // the outcome will tell its attempts' request ids
	}
	switch list, why := c.candidates(l, a); {
	case len(list) == 0:
		c.find(Bypass, a, c.callText(l), why)
	case len(list) == 1 || a.request != (key{}):
		c.bind(list[0], a, byToken)
	case !late:
		return false
	default:
		c.shareLater(a, list)
	}
	return true
}

func (c *Correlator) joinRequest(r ref, a *arrival) {
	t := c.attempts.at(r)
	if t.event != (key{}) && (t.evidence == byRequest || t.traits&learned != 0) {
		// One request has one record; this is a copy of it.
		c.decided(a)
		c.noteAll(a, sighting{attempt: r, fate: joined})
		if t.evidence == byRequest {
			c.canary(r, a.record, a.at, a.seen)
		}
		return
	}
	c.bind(r, a, byRequest)
}

// candidates returns the attempts of a call that a record which names the call
// may be of: of those without a record the ones from which it differs least. The
// ones that must have a record go before those of which nobody knows; among these
// the first does. Without any it says why.
func (c *Correlator) candidates(l *call, a *arrival) (list []ref, why string) {
	if l.first == 0 {
		return nil, "The user agent names a call for which gatepost sent nothing."
	}
	if field := contradicts(l.shape, a.record); field != "" {
		return nil, fmt.Sprintf("The user agent names a call of gatepost's whose %s is another.", field)
	}
	why = "The user agent names a call of gatepost's whose attempts have other request ids."
	least, sure := 0, false
	for r, t := range c.attemptsOf(l) {
		if !compatible(t, a) {
			continue
		}
		if t.event != (key{}) && t.evidence >= byToken {
			why = "The user agent names a call of gatepost's whose attempts have other records."
			continue
		}
		d := c.compare(l, t, a.record)
		n, must := len(d.grave), t.traits&(unsure|unexpected) == 0
		switch {
		case len(list) == 0 || n < least || n == least && must && !sure:
			list, least, sure = append(list[:0], r), n, must
		case n == least && must && sure:
			list = append(list, r)
		}
	}
	return list, why
}

// minPrefix is how much of a request id has to be left of one that was cut.
const minPrefix = 8

// compatible holds unless the record has a request id and the attempt another.
// CloudTrail documents that it may cut a request id.
func compatible(t *attempt, a *arrival) bool {
	if a.request == (key{}) || t.request == (key{}) || t.request == a.request {
		return true
	}
	id := a.record.RequestID
	return t.request.isUUID() && len(id) >= minPrefix && strings.HasPrefix(t.request.String(), id)
}

// bind joins an attempt with a record. The record that it was joined with by less
// is judged again.
func (c *Correlator) bind(r ref, a *arrival, by evidence) {
	t := c.attempts.at(r)
	l := c.calls.at(t.call)
	var displaced *arrival
	if t.event != (key{}) && t.event != a.event {
		displaced = c.unbind(r)
	}
	c.decided(a)
	t.event, t.evidence = a.event, by
	if t.request == (key{}) && a.request != (key{}) && a.request.isUUID() { // what was cut may be the beginning of many
		t.request = a.request
		t.traits |= learned
		if c.requests[a.request] == 0 {
			c.requests[a.request] = r
		}
	}
	said := c.seen[a.event].fate&amendedSaid != 0
	c.noteAll(a, sighting{attempt: r, fate: joined})
	if by < byRequest {
		c.hold(r, a)
	} else {
		delete(c.held, r)
		c.canary(r, a.record, a.at, a.seen)
	}
	d := c.compare(l, t, a.record)
	if by == byRequest && len(d.grave) == 0 && c.strange(l.shape.arn, a.record.SourceIP) {
		d.note("source_ip", "", a.record.SourceIP)
	}
	if a.original != (key{}) && !said {
		c.findAmended(a, c.callText(l), d)
	}
	c.settle(r, a, d)
	if t.traits&grouped != 0 {
		c.leaveGroups(r, true)
	}
	if displaced != nil {
		c.judgeAgain(displaced)
	}
}

// settle says what a record means for its attempt.
func (c *Correlator) settle(r ref, a *arrival, d differences) {
	t := c.attempts.at(r)
	state := rankMatched
	switch {
	case t.evidence == weak:
		state = rankMatchedWeak
	case len(d.grave) > 0:
		state = rankMismatched
	}
	c.set(t, state)
	c.sayVerdict(r, a, d.list(), "")
}

// unbind takes its record from an attempt, and returns it if it was kept.
func (c *Correlator) unbind(r ref) *arrival {
	t := c.attempts.at(r)
	if s, ok := c.seen[t.event]; ok && s.attempt == r {
		s.fate &^= joined
		s.attempt = 0
		c.seen[t.event] = s
		if s.fate == 0 {
			c.unsee(t.event)
		}
	}
	a := c.held[r]
	delete(c.held, r)
	if a != nil {
		for _, k := range []key{a.shared, a.original, a.copies} {
			if k != (key{}) {
				c.unsee(k)
			}
		}
	}
	if t.traits&learned != 0 {
		if c.requests[t.request] == r {
			delete(c.requests, t.request)
		}
		t.request, t.traits = key{}, t.traits&^learned
	}
	t.event, t.evidence = key{}, none
	return a
}

// unsee forgets a record, so that it is judged when it comes again.
func (c *Correlator) unsee(k key) { delete(c.seen, k) }

// judgeAgain looks for another attempt for a record that has lost its own.
func (c *Correlator) judgeAgain(a *arrival) {
	if c.join(a, false) {
		return
	}
	c.wait(a)
}

// decided is called for each record that need not wait any longer.
func (c *Correlator) decided(a *arrival) {
	c.waiting.remove(a)
	c.dropGroup(a.event)
}

// joinWaiting gives the records that wait for the outcome of a call to its
// attempts: those with the request ids first.
func (c *Correlator) joinWaiting(l *call) {
	for _, t := range c.attemptsOf(l) {
		if t.request == (key{}) {
			continue
		}
		for _, a := range slices.Clone(c.waiting.byRequest[t.request]) {
			if a.waits && !c.overtaken(a) {
				c.join(a, false)
			}
		}
	}
	for _, a := range slices.Clone(c.waiting.byCall[l.id]) {
		if a.waits && !c.overtaken(a) {
			c.join(a, false)
		}
	}
}

// overtaken takes out a record that was decided while it waited: by a correction
// of it, or of the record that it is a copy of.
func (c *Correlator) overtaken(a *arrival) bool {
	s := c.seen[a.event]
	if s.fate&(joined|found) == 0 && a.shared != (key{}) {
		s = c.seen[a.shared]
		if s.fate&(joined|found) != 0 {
			c.note(a.event, s, a.at)
		}
	}
	if s.fate&(joined|found) == 0 {
		return false
	}
	c.waiting.remove(a)
	return true
}

// joinBacklog takes the records that came before the log had been read.
func (c *Correlator) joinBacklog() {
	backlog := c.waiting.backlog
	c.waiting.backlog = nil
	for _, a := range backlog {
		if s := c.seen[a.event]; s.fate&(joined|found) != 0 {
			c.decided(a)
			c.again(a, s) // the log has told by now what became of it
			continue
		}
		if a.waits && !c.overtaken(a) {
			c.join(a, false)
		}
	}
}

// decideWaiting judges the records past which the log has been read.
func (c *Correlator) decideWaiting() {
	if !c.started {
		return // there is no log yet
	}
	for due := c.waiting.queue.pop(c.now); due != nil; due = c.waiting.queue.pop(c.now) {
		for _, a := range due {
			if a.waits && !c.overtaken(a) {
				c.judge(a)
			}
		}
	}
}

// judge decides about a record that no call has claimed.
func (c *Correlator) judge(a *arrival) {
	if c.join(a, true) {
		return
	}
	switch {
	case a.named:
		c.find(ForeignInstance, a, "", fmt.Sprintf("The user agent names a call that the log%s does not know: another gatepost's, or forged.", c.ofOrigin()))
	case !a.tellsAgent():
		c.joinWeakly(a)
	default:
		c.find(Bypass, a, "", "No call to AWS in the log has this request id, and the user agent is not gatepost's.")
	}
}

// cutUserAgent is a length from which CloudTrail may have cut off the end of a
// user agent, where gatepost's token would be.
const cutUserAgent = 1000

// tellsAgent reports whether the user agent is there, to its end.
func (a *arrival) tellsAgent() bool {
	return !cloudtrail.Unknown(a.record.UserAgent) && len(a.record.UserAgent) < cutUserAgent
}

func (c *Correlator) ofOrigin() string {
	if c.cfg.Origin == "" {
		return ""
	}
	return " " + c.cfg.Origin
}
