package correlate

import (
	"slices"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// weakWindow is how far a record's eventTime may lie outside of the time in which
// an attempt was made, whole seconds and clocks included, when nothing but time
// tells attempts apart.
const weakWindow = 30 * second

// maxCandidates bounds the attempts that are said to share an ambiguous record.
// Others that it fits are said to when they would be missing else.
const maxCandidates = 16

// fitting has the calls of a minute by what a record without ids tells of them.
type fitting struct {
	shapes  []*shape
	byShape map[*shape][]ref
	by      map[fit][]ref
}

type fit struct {
	shape      *shape
	connection uint64
}

// fitting is made once for each minute, since records without ids come in numbers
// or not at all.
func (c *Correlator) fitting(b *bucket) *fitting {
	if b.fit != nil {
		return b.fit
	}
	f := &fitting{byShape: make(map[*shape][]ref), by: make(map[fit][]ref)}
	for _, r := range b.calls {
		l := c.calls.at(r)
		list, known := f.byShape[l.shape]
		if !known {
			f.shapes = append(f.shapes, l.shape)
		}
		f.byShape[l.shape] = append(list, r)
		k := fit{l.shape, l.connection}
		f.by[k] = append(f.by[k], r)
	}
	b.fit = f
	return f
}

// joinWeakly looks for the attempts that a record could be of whose request id
// and user agent tell nothing, or nothing that is known.
func (c *Correlator) joinWeakly(a *arrival) {
	switch list := c.fittingAttempts(a); len(list) {
	case 0:
		c.find(Bypass, a, "", "No call to AWS in the log fits: the record has no user agent, and no request id that the log knows.")
	case 1:
		c.bind(list[0], a, weak)
	default:
		c.shareLater(a, list)
	}
}

// shareLater lets a record that could be several attempts' wait until these
// settle: most have got records of their own by then.
func (c *Correlator) shareLater(a *arrival, list []ref) {
	settled := a.at + max(int64(c.cfg.Grace), int64(c.cfg.SettleAfter)-2*weakWindow-c.clockMargin())
	if c.now < settled && a.waits {
		c.waiting.queue.push(settled, a)
		return
	}
	c.share(a, list)
}

// fittingAttempts returns attempts without a record that a record fits, at most
// maxCandidates.
func (c *Correlator) fittingAttempts(a *arrival) (list []ref) {
	r := a.record
	connections := c.connectionHashes(r.Request.ConnectionID)
	from := floorDiv(a.at-int64(c.cfg.Grace)-weakWindow, minute)
	to := floorDiv(a.at+weakWindow, minute)
	first, _ := slices.BinarySearch(c.minutes, from)
	for _, m := range c.minutes[first:] {
		if m > to {
			break
		}
		f := c.fitting(c.buckets[m])
		for _, s := range f.shapes {
			if !fits(s, r) {
				continue
			}
			if len(connections) == 0 {
				list, f.byShape[s] = c.unclaimed(list, f.byShape[s], a, s)
				continue
			}
			for _, h := range append(connections, 0) {
				if k := (fit{s, h}); f.by[k] != nil {
					list, f.by[k] = c.unclaimed(list, f.by[k], a, s)
				}
			}
		}
	}
	return list
}

// unclaimed adds to a list those attempts of calls that have no record and were
// made when the record was. The calls that it returns are those that another
// record may still ask for: not the ones whose records are certain.
func (c *Correlator) unclaimed(list []ref, calls []ref, a *arrival, s *shape) (_, open []ref) {
	open = calls[:0]
	for i, cr := range calls {
		if len(list) == maxCandidates {
			return list, append(open, calls[i:]...)
		}
		l := c.calls.at(cr)
		if l.shape != s {
			continue
		}
		end := max(l.end, l.start)
		if l.orphan {
			end = l.start + int64(c.cfg.Grace)
		}
		fits := l.start-weakWindow <= a.at && a.at <= end+weakWindow
		certain := l.done
		for r, t := range c.attemptsOf(l) {
			certain = certain && t.evidence == byRequest
			if fits && len(list) < maxCandidates && t.event == (key{}) && compatible(t, a) && !slices.Contains(list, r) {
				list = append(list, r)
			}
		}
		if !certain {
			open = append(open, cr)
		}
	}
	return list, open
}

// group is a record and the attempts that it may be of.
type group struct {
	arrival    *arrival
	candidates []ref
}

// share says that a record is one of several attempts'.
func (c *Correlator) share(a *arrival, list []ref) {
	c.decided(a)
	a.keep()
	c.noteAll(a, sighting{fate: unclear})
	g := &group{arrival: a, candidates: list}
	c.grouped[a.event] = g
	m := floorDiv(a.at, minute)
	c.groupsAt[m] = append(c.groupsAt[m], g)
	for _, r := range list {
		c.enterGroup(r, g)
	}
}

func (c *Correlator) enterGroup(r ref, g *group) {
	t := c.attempts.at(r)
	t.traits |= grouped
	c.groups[r] = append(c.groups[r], g)
	if t.state < rankAmbiguous {
		c.set(t, rankAmbiguous)
		c.sayVerdict(r, g.arrival, nil, "The record may also be another attempt's.")
	}
}

// sharesRecord reports whether an attempt that would be missing fits a record that
// is several attempts', and makes it one of them.
func (c *Correlator) sharesRecord(r ref) bool {
	t := c.attempts.at(r)
	l := c.calls.at(t.call)
	for m := floorDiv(l.start-weakWindow, minute); m <= floorDiv(l.last()+weakWindow, minute); m++ {
		for _, g := range c.groupsAt[m] {
			a := g.arrival
			if len(g.candidates) == 0 || a.named || !compatible(t, a) || !fits(l.shape, a.record) || a.at < l.start-weakWindow || a.at > l.last()+weakWindow {
				continue
			}
			if id := a.record.Request.ConnectionID; l.connection != 0 && !cloudtrail.Unknown(id) && !c.sameConnection(l.connection, id) {
				continue
			}
			g.candidates = append(g.candidates, r)
			c.enterGroup(r, g)
			return true
		}
	}
	return false
}

// leaveGroups takes an attempt out of all groups. A record to which that leaves
// one candidate is judged again, and so is one that had a full group: another may
// take the place.
func (c *Correlator) leaveGroups(r ref, matched bool) {
	groups := c.groups[r]
	delete(c.groups, r)
	c.attempts.at(r).traits &^= grouped
	for _, g := range groups {
		full := len(g.candidates) >= maxCandidates
		g.candidates = slices.DeleteFunc(g.candidates, func(other ref) bool { return other == r })
		switch {
		case (len(g.candidates) <= 1 || full) && matched:
			c.dropGroup(g.arrival.event)
			c.judge(g.arrival)
		case len(g.candidates) == 0:
			c.dropGroup(g.arrival.event)
		}
	}
}

// dropGroup ends a group whose record is decided.
func (c *Correlator) dropGroup(event key) {
	g := c.grouped[event]
	if g == nil {
		return
	}
	delete(c.grouped, event)
	m := floorDiv(g.arrival.at, minute)
	if c.groupsAt[m] = slices.DeleteFunc(c.groupsAt[m], func(other *group) bool { return other == g }); len(c.groupsAt[m]) == 0 {
		delete(c.groupsAt, m)
	}
	for _, r := range g.candidates {
		c.groups[r] = slices.DeleteFunc(c.groups[r], func(other *group) bool { return other == g })
		if len(c.groups[r]) == 0 {
			delete(c.groups, r)
			c.attempts.at(r).traits &^= grouped
		}
	}
	g.candidates = nil
}

func (c *Correlator) hasGroup(event key) bool { return c.grouped[event] != nil }
