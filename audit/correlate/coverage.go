package correlate

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// place is an account's part of a region: what one reading of CloudTrail covers.
type place struct {
	placeKey
	// canaries are records that joined by request id, by the minute of their
	// eventTime: of those that were delivered last the first and the last.
	canaries map[int64]canary
	covered  []segment
	late     lateAttempts
}

type placeKey struct{ region, account string }

// canary is a record that proves that CloudTrail was really read.
type canary struct{ first, last, seen int64 }

// segment is a time that was read with a canary in it. Segments are in order and
// do not overlap.
type segment struct {
	start, end int64
	asOf       int64 // of the latest reading
}

// placeOf returns a place. There are as many as accounts and regions are called.
func (c *Correlator) placeOf(region, account string) *place {
	k := placeKey{region, account}
	p := c.placeBy[k]
	if p == nil {
		k = placeKey{strings.Clone(region), strings.Clone(account)}
		p = &place{placeKey: k, canaries: make(map[int64]canary)}
		c.placeBy[k] = p
		c.places = append(c.places, p)
	}
	return p
}

// canary takes a record of an attempt that joined by request id.
func (c *Correlator) canary(r ref, record *cloudtrail.Record, at, seen int64) {
	p := c.calls.at(c.attempts.at(r).call).shape.place
	if p.account == "" {
		p = c.placeOf(p.region, accountOf(record)) // the record knows better
	}
	m := floorDiv(at, minute)
	switch known, ok := p.canaries[m]; {
	case !ok || seen > known.seen:
		p.canaries[m] = canary{first: at, last: at, seen: seen}
	case seen == known.seen:
		p.canaries[m] = canary{first: min(at, known.first), last: max(at, known.last), seen: seen}
	}
}

// cover takes a reading. It counts for each place that it had a canary of, and
// for no other: one that brought nothing of a place perhaps read nothing of it.
func (c *Correlator) cover(now int64, v cloudtrail.Coverage) {
	if v.Completeness != cloudtrail.Complete && v.Completeness != cloudtrail.CompleteUnvalidated {
		return
	}
	read := segment{start: nanos(v.Start), end: nanos(v.End), asOf: min(nanos(v.AsOf), now)}
	if read.start >= read.end {
		return
	}
	for _, p := range c.places {
		if !p.within(v) || !c.hasCanary(p, read, v) {
			continue
		}
		p.cover(read)
		for _, r := range p.late.between(read.start-c.clockMargin(), min(read.end+c.clockMargin(), read.asOf-int64(c.cfg.SettleAfter))) {
			t := c.attempts.at(r)
			if t.call == 0 || t.state != rankLate {
				continue
			}
			l := c.calls.at(t.call)
			if l.shape.place != p {
				continue
			}
			if c.isCovered(p, l) {
				c.miss(r)
			} else {
				p.late.add(r, l.last())
			}
		}
	}
}

// within reports whether a reading is of the place. The account of a call is not
// known until AWS was asked for it: such calls are in any account's reading of
// their region.
func (p *place) within(v cloudtrail.Coverage) bool {
	return p.region == v.Region && (p.account == "" || v.Account == "" || p.account == v.Account)
}

// hasCanary reports whether a reading brought a record of the place, or, of calls
// whose account is not known, one of an account that was read.
func (c *Correlator) hasCanary(p *place, read segment, v cloudtrail.Coverage) bool {
	for _, q := range c.places {
		if !q.within(v) || q.account != p.account && p.account != "" {
			continue
		}
		for _, k := range q.canaries {
			if k.seen >= read.asOf && (read.start <= k.first && k.first < read.end || read.start <= k.last && k.last < read.end) {
				return true
			}
		}
	}
	return false
}

// maxSegments bounds what is remembered of windows: far more than a source makes
// that polls each minute.
const maxSegments = 1 << 13

func (p *place) cover(read segment) {
	i, _ := slices.BinarySearchFunc(p.covered, read.start, func(s segment, at int64) int { return cmp.Compare(s.end, at+1) })
	j := i
	var news []segment
	at := read.start
	for ; j < len(p.covered) && p.covered[j].start < read.end; j++ {
		old := p.covered[j]
		if old.start < read.start {
			news = append(news, segment{old.start, read.start, old.asOf})
			old.start = read.start
		}
		if at < old.start {
			news = append(news, segment{at, old.start, read.asOf})
		}
		news = append(news, segment{old.start, min(old.end, read.end), max(old.asOf, read.asOf)})
		at = min(old.end, read.end)
		if old.end > read.end {
			news = append(news, segment{read.end, old.end, old.asOf})
		}
	}
	if at < read.end {
		news = append(news, segment{at, read.end, read.asOf})
	}
	merged := news[:0]
	for _, s := range news {
		if n := len(merged); n > 0 && merged[n-1].asOf == s.asOf && merged[n-1].end == s.start {
			merged[n-1].end = s.end
		} else {
			merged = append(merged, s)
		}
	}
	p.covered = slices.Replace(p.covered, i, j, merged...)
	if n := len(p.covered); n > maxSegments {
		p.covered = slices.Delete(p.covered, 0, n-maxSegments)
	}
}

// isCovered reports whether all the time in which a record of the call may lie was
// read, long enough after the call.
func (c *Correlator) isCovered(p *place, l *call) bool {
	from, to := l.start-c.clockMargin(), l.last()+c.clockMargin()
	asOf := l.last() + int64(c.cfg.SettleAfter)
	i, _ := slices.BinarySearchFunc(p.covered, from, func(s segment, at int64) int { return cmp.Compare(s.end, at+1) })
	for ; i < len(p.covered) && p.covered[i].start <= from; i++ {
		if p.covered[i].asOf < asOf {
			return false
		}
		if from = p.covered[i].end; from > to {
			return true
		}
	}
	return false
}

func (p *place) forget(horizon int64) {
	for m := range p.canaries {
		if m < horizon {
			delete(p.canaries, m)
		}
	}
	old := 0
	for old < len(p.covered) && p.covered[old].end < horizon*minute {
		old++
	}
	p.covered = slices.Delete(p.covered, 0, old)
	p.late.forget(horizon)
}

// lateAttempts are those that wait for a reading, by minute.
type lateAttempts struct {
	by      map[int64][]ref
	minutes []int64 // of by, in order
}

func (l *lateAttempts) add(r ref, at int64) {
	if l.by == nil {
		l.by = make(map[int64][]ref)
	}
	m := floorDiv(at, minute)
	list, known := l.by[m]
	if !known {
		i, _ := slices.BinarySearch(l.minutes, m)
		l.minutes = slices.Insert(l.minutes, i, m)
	}
	l.by[m] = append(list, r)
}

// between takes out the attempts of the minutes from one time to another.
func (l *lateAttempts) between(from, to int64) (list []ref) {
	if from > to {
		return nil
	}
	i, _ := slices.BinarySearch(l.minutes, floorDiv(from, minute))
	j := i
	for ; j < len(l.minutes) && l.minutes[j] <= floorDiv(to, minute); j++ {
		list = append(list, l.by[l.minutes[j]]...)
		delete(l.by, l.minutes[j])
	}
	l.minutes = slices.Delete(l.minutes, i, j)
	return list
}

func (l *lateAttempts) forget(horizon int64) {
	for len(l.minutes) > 0 && l.minutes[0] < horizon {
		delete(l.by, l.minutes[0])
		l.minutes = slices.Delete(l.minutes, 0, 1)
	}
}
