package correlate

import "slices"

const minute = 60 * second

// bucket is what is remembered of a minute. It is forgotten as a whole.
type bucket struct {
	minute   int64
	low      uint64 // the least index of an entry of this minute, and of a call that is in it
	entries  bool   // low is one
	calls    []ref
	seen     []key // of the ids in Correlator.seen
	hits     uint64
	refusals uint64
	fit      *fitting // the calls by what a record without ids tells; made when it is needed
}

// bucket returns the minute of a time. What is older than everything remembered
// goes to the oldest minute there may be.
func (c *Correlator) bucket(at int64) *bucket {
	m := max(floorDiv(at, minute), c.horizon)
	if c.newest != nil && c.newest.minute == m {
		return c.newest
	}
	b := c.buckets[m]
	if b == nil {
		b = &bucket{minute: m}
		c.buckets[m] = b
		i, _ := slices.BinarySearch(c.minutes, m)
		c.minutes = slices.Insert(c.minutes, i, m)
	}
	c.newest = b
	return b
}

func (b *bucket) enter(index uint64) {
	if !b.entries || index < b.low {
		b.low, b.entries = index, true
	}
}

// keepFor is how long before now the time begins that is remembered.
func (c *Correlator) keepFor() int64 { return int64(c.cfg.SettleAfter + c.cfg.Keep) }

// forget drops the minutes that are over, after it has said what is still to be
// said of their attempts.
func (c *Correlator) forget() {
	c.pullBack()
	c.forgetBefore(floorDiv(c.now-c.keepFor(), minute))
}

func (c *Correlator) forgetBefore(horizon int64) {
	if horizon <= c.horizon {
		return
	}
	c.horizon = horizon
	for len(c.minutes) > 0 && c.minutes[0] < c.horizon {
		b := c.buckets[c.minutes[0]]
		delete(c.buckets, b.minute)
		c.minutes = slices.Delete(c.minutes, 0, 1)
		c.newest = nil
		for _, r := range b.calls {
			c.forgetCall(r)
		}
		for _, k := range b.seen {
			delete(c.seen, k)
		}
		c.hits -= b.hits
		c.refusals -= b.refusals
	}
	for _, p := range c.places {
		p.forget(c.horizon)
	}
}

const unsettled = "No complete reading of CloudTrail has settled it."

func (c *Correlator) forgetCall(r ref) {
	l := c.calls.at(r)
	if m := floorDiv(l.last(), minute); m >= c.horizon {
		// Its outcome came long after its intent: it has not settled.
		b := c.bucket(l.last())
		b.enter(l.index)
		b.add(r)
		return
	}
	for ar, a := range c.attemptsOf(l) {
		switch {
		case a.state != rankPending && a.state != rankLate:
		case c.live && a.state == rankPending && a.traits&unexpected != 0:
			c.conclude(ar, rankNotExpected, "")
		case c.live:
			c.conclude(ar, rankUnknown, unsettled)
		default:
			c.past.add(l.id, a)
		}
		c.forgetAttempt(ar, a)
	}
	delete(c.byID, l.id)
	delete(c.oddIDs, l.id)
	c.dropShape(l.shape)
	c.calls.drop(r)
}

func (c *Correlator) forgetAttempt(r ref, a *attempt) {
	if a.request != (key{}) && c.requests[a.request] == r {
		delete(c.requests, a.request)
	}
	if a.traits&grouped != 0 {
		c.leaveGroups(r, false)
	}
	delete(c.held, r)
	c.counts[a.state]--
	c.attempts.drop(r)
}

// pullBack brings back what a clock put far into the future, so that it does not
// stay for ever.
func (c *Correlator) pullBack() {
	limit := floorDiv(c.now, minute) + 60
	for n := len(c.minutes); n > 0 && c.minutes[n-1] > limit; n = len(c.minutes) {
		far := c.buckets[c.minutes[n-1]]
		delete(c.buckets, far.minute)
		c.minutes = c.minutes[:n-1]
		c.newest = nil
		b := c.bucket(c.now)
		if far.entries {
			b.enter(far.low)
		}
		for _, r := range far.calls {
			l := c.calls.at(r)
			l.start, l.end = min(l.start, c.now), min(l.end, c.now)
			b.add(r)
			for ar := range c.attemptsOf(l) {
				c.await(ar)
			}
		}
		b.seen = append(b.seen, far.seen...)
		b.hits += far.hits
		b.refusals += far.refusals
	}
}

func (b *bucket) add(r ref) {
	b.calls = append(b.calls, r)
	b.fit = nil
}
