package correlate

// amend takes a record that corrects another, and reports whether it could. The
// attempt that the other was joined with, or would have been, is judged by the
// correction from then on.
func (c *Correlator) amend(a *arrival) bool {
	if r := c.amended(a); r != 0 {
		c.rejudge(r, a)
		return true
	}
	fate := c.seen[a.original].fate
	if fate&(found|unclear|joined) == 0 {
		return false
	}
	if _, named := a.name(); fate&(found|joined) == 0 && (named || a.tellsAgent()) {
		// It tells whose the record is that could be several attempts'.
		c.dropGroup(a.original)
		return false
	}
	// The other is a finding, or one of several attempts', or its attempt is
	// forgotten: there is no verdict to correct.
	c.decided(a)
	if c.seen[a.event].fate&amendedSaid == 0 {
		c.findAmended(a, "", differences{})
	}
	c.note(a.event, sighting{fate: found}, a.at)
	c.note(a.shared, sighting{fate: found}, a.at)
	return true
}

// amended returns the attempt of the record that this one corrects: the one with
// the request id, or else the one that was joined with it, unless that was by less
// than what the correction tells.
func (c *Correlator) amended(a *arrival) ref {
	original := c.seen[a.original]
	request := keyOf(a.record.Addendum.OriginalRequestID)
	before := ref(0)
	if r := original.attempt; r != 0 && original.fate&joined != 0 {
		t := c.attempts.at(r)
		if t.call != 0 && (t.event == a.original || t.event == a.event || request != (key{}) && t.request == request) {
			before = r
		}
	}
	r := c.requests[request]
	if request == (key{}) || r == 0 || r == before && c.attempts.at(r).evidence == weak {
		if before != 0 && c.attempts.at(before).evidence == weak && c.disowns(a, before) {
			c.unbind(before)
			return 0
		}
		return before
	}
	if before != 0 && before != r {
		// It was joined by less than the request id.
		if w := c.unbind(before); w != nil {
			c.note(w.shared, sighting{attempt: r, fate: joined}, w.at) // its copies are of this attempt, too
		}
	}
	return r
}

// disowns reports whether a user agent names another call than an attempt's, or is
// not gatepost's at all.
func (c *Correlator) disowns(a *arrival, r ref) bool {
	if token, ok := a.name(); ok {
		return c.byID[token] != c.attempts.at(r).call
	}
	return a.tellsAgent()
}

func (c *Correlator) rejudge(r ref, a *arrival) {
	c.dropGroup(a.original)
	t := c.attempts.at(r)
	other := t.event != a.original && t.event != a.event && t.evidence < byRequest && t.traits&learned == 0
	if t.event == (key{}) || other {
		c.bind(r, a, byRequest)
		return
	}
	c.decided(a)
	said := c.seen[a.event].fate
	l := c.calls.at(t.call)
	t.event = a.event
	if t.request != (key{}) && t.traits&learned == 0 && keyOf(a.record.Addendum.OriginalRequestID) == t.request {
		t.evidence = byRequest // the correction may bring the request id that the original lacked
	}
	if token, ok := a.name(); ok && token == l.id {
		t.evidence = max(t.evidence, byToken)
	}
	c.noteAll(a, sighting{attempt: r, fate: joined})
	if t.evidence < byRequest {
		c.hold(r, a)
	} else {
		delete(c.held, r)
		c.canary(r, a.record, a.at, a.seen)
	}
	d := c.compare(l, t, a.record)
	if said&amendedSaid == 0 {
		c.findAmended(a, c.callText(l), d)
	}
	if said&joined == 0 {
		c.settle(r, a, d)
	}
}
