package correlate

// passDeadlines looks at the attempts whose record is due, and at those that have
// settled.
func (c *Correlator) passDeadlines() {
	for due := c.due.pop(c.now); due != nil; due = c.due.pop(c.now) {
		for _, r := range due {
			c.onDue(r)
		}
	}
	for due := c.settling.pop(c.now); due != nil; due = c.settling.pop(c.now) {
		for _, r := range due {
			c.onSettled(r)
		}
	}
}

// onDue may be called of an attempt that is forgotten, and of another in its
// place.
func (c *Correlator) onDue(r ref) {
	t := c.attempts.at(r)
	if t.call == 0 {
		return
	}
	last := c.calls.at(t.call).last()
	switch {
	case t.state > rankLate, last+c.keepFor()+minute <= c.now: // what is to be said, forget says
	case t.traits&unexpected != 0:
		if t.state == rankPending && last <= c.now {
			c.conclude(r, rankNotExpected, "")
		}
	case t.state == rankPending && last+int64(c.cfg.LateAfter) <= c.now:
		c.conclude(r, rankLate, "")
		fallthrough
	case t.state == rankLate:
		c.settling.push(last+int64(c.cfg.SettleAfter), r)
	}
}

func (c *Correlator) onSettled(r ref) {
	t := c.attempts.at(r)
	if t.call == 0 || t.state != rankLate {
		return
	}
	l := c.calls.at(t.call)
	switch p := l.shape.place; {
	case l.last()+int64(c.cfg.SettleAfter) > c.now:
	case t.traits&unsure != 0:
		c.conclude(r, rankUnknown, "Nobody knows whether AWS saw the request, or records such.")
	case c.isCovered(p, l):
		c.miss(r)
	default:
		p.late.add(r, l.last())
	}
}

func (c *Correlator) miss(r ref) {
	if c.sharesRecord(r) {
		return
	}
	c.conclude(r, rankMissing, "CloudTrail was read for this time, and other calls were there.")
}
