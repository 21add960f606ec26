package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"sort"
	"time"

	"github.com/google/uuid"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/export"
	"github.com/gatepost-proxy/gatepost/audit/index"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// exportLog reads the events of a log that are to be exported, oldest first.
type exportLog struct {
	ctx      context.Context
	dir      string
	filter   eventFilter
	damaged  *damage
	progress *exportProgress
}

// records yields what the filter chooses. Damage is told of, not yielded.
func (l *exportLog) records() iter.Seq2[export.Record, error] {
	return func(yield func(export.Record, error) bool) {
		start, last := l.bounds()
		l.progress.first, l.progress.last = start, last
		inState, err := l.callsInState(start, last)
		if err != nil {
			yield(export.Record{}, err)
			return
		}
		needles := l.filter.needles()
		for line, err := range l.lines(start, last, l.damaged) {
			if err != nil {
				yield(export.Record{}, err)
				return
			}
			l.progress.at(line.Index)
			if !containsAll(line.Bytes, needles) {
				continue
			}
			r, ok := l.damaged.parse(line)
			if !ok {
				continue
			}
			if until := l.filter.Until; !until.IsZero() && !r.event.Time.Before(until.Add(clockSlack)) {
				return
			}
			if !l.filter.match(&r.event, inState.verdicts(r.event.ID, l.filter.State)) {
				continue
			}
			if !yield(export.Record{Event: &r.event, Line: r.line}, nil) {
				return
			}
		}
	}
}

// bounds returns the first entry to read, by --since, and the last there is; if
// that cannot be told, the last that there could be.
//
// Times of neighbouring lines are out of order by clockSlack at most, so that
// before an entry which is older than --since by that much there is none to find.
func (l *exportLog) bounds() (start, last uint64) {
	last = math.MaxUint64
	for line, err := range journal.ReadDirBackward(l.dir, math.MaxUint64) {
		if err == nil {
			last = line.Index
		}
		break
	}
	if l.filter.Since.IsZero() || last == math.MaxUint64 {
		return 0, last
	}
	first, _, ok := l.timeAt(0)
	if !ok || last < first || last-first > math.MaxInt-1 {
		return 0, last
	}
	since := l.filter.Since.Add(-clockSlack)
	n := sort.Search(int(last-first)+1, func(i int) bool {
		_, at, found := l.timeAt(first + uint64(i))
		ok = ok && found
		return !found || !at.Before(since)
	})
	// Damage on the way, or missing in front, is for the reading to find.
	if !ok || n == 0 {
		return 0, last
	}
	return first + uint64(n), last
}

// timeAt returns the time of the entry, or of the first there is behind it.
func (l *exportLog) timeAt(index uint64) (at uint64, t time.Time, ok bool) {
	for line, err := range journal.ReadDir(l.dir, index) {
		if _, missing := errors.AsType[*journal.MissingError](err); missing {
			continue
		}
		if err != nil {
			break
		}
		e, err := audit.ParseLine(line.Bytes)
		return line.Index, e.Time, err == nil
	}
	return 0, time.Time{}, false
}

// lines yields the lines from an entry to the end, and goes on behind a damaged
// stretch if there is anything.
func (l *exportLog) lines(from, last uint64, damaged *damage) iter.Seq2[journal.Line, error] {
	return func(yield func(journal.Line, error) bool) {
		for {
			var corrupt *journal.CorruptError
			for line, err := range journal.ReadDir(l.dir, from) {
				if damaged.take(err) {
					corrupt, _ = errors.AsType[*journal.CorruptError](err)
					continue
				}
				if err == nil {
					err = l.ctx.Err()
				}
				if !yield(line, err) || err != nil {
					return
				}
			}
			if corrupt == nil {
				return
			}
			bad := max(from, corrupt.Index)
			next, ok := l.behind(bad, last)
			if !ok {
				fmt.Fprintf(damaged.program.stderr, "warning: nothing from entry %d on can be read\n", bad)
				return
			}
			fmt.Fprintf(damaged.program.stderr, "warning: going on with entry %d: those from %d on are left out\n", next, bad)
			from = next
		}
	}
}

// behind finds the first entry after a damaged one from which the log can be
// read again.
func (l *exportLog) behind(bad, last uint64) (uint64, bool) {
	if last == math.MaxUint64 || bad >= last {
		return 0, false
	}
	readable := func(index uint64) bool {
		for _, err := range journal.ReadDir(l.dir, index) {
			_, missing := errors.AsType[*journal.MissingError](err)
			return err == nil || missing
		}
		return false
	}
	lost := bad
	for step := uint64(1); ; step *= 2 {
		next := last
		if step < last-bad {
			next = bad + step
		}
		if readable(next) {
			n := sort.Search(int(next-lost), func(i int) bool { return readable(lost + 1 + uint64(i)) })
			return lost + 1 + uint64(n), true
		}
		if next == last {
			return 0, false
		}
		lost = next
	}
}

// callsInState are the calls of which an attempt is now in the state that the
// filter asks for: a bit for each such attempt. If calls may be in that state
// without a verdict, those that have one are marked too.
type callsInState map[uuid.UUID]uint32

const (
	judged     = 1 << 31
	maxAttempt = 30
)

// callsInState reads the verdicts; they stand behind the calls that they are
// about. It returns nil when no state is asked for. Damage is for the reading
// of the events to tell.
func (l *exportLog) callsInState(from, last uint64) (callsInState, error) {
	if l.filter.State == "" {
		return nil, nil
	}
	calls := callsInState{}
	unheard := &damage{program: &program{stderr: io.Discard}}
	verdict := [][]byte{[]byte(`"kind":"verdict"`)}
	for line, err := range l.lines(from, last, unheard) {
		if err != nil {
			return nil, err
		}
		if !containsAll(line.Bytes, verdict) {
			continue
		}
		r, ok := unheard.parse(line)
		if !ok || r.event.Kind != audit.KindVerdict {
			continue
		}
		key, bit := callKey(r.event.Of), uint32(1)<<max(0, min(r.event.OfAttempt, maxAttempt))
		if index.IsImpliedState(l.filter.State) {
			calls[key] |= judged
		}
		if r.event.State == l.filter.State {
			calls[key] |= bit
		} else if calls[key] &^= bit; calls[key] == 0 {
			delete(calls, key)
		}
	}
	return calls, nil
}

// verdicts tells eventFilter.match what it wants to know of one call.
func (c callsInState) verdicts(id, state string) verdicts {
	switch {
	case c == nil:
		return nil
	case c[callKey(id)]&^judged != 0:
		return verdicts{id: {{state: state}}}
	case c[callKey(id)] != 0:
		return verdicts{id: {{}}} // some other state
	default:
		return verdicts{}
	}
}

// callKey is an event's id in the space of a UUID, which it usually is.
func callKey(id string) uuid.UUID {
	if key, err := uuid.Parse(id); err == nil && key.String() == id {
		return key
	}
	return uuid.NewSHA1(uuid.Nil, []byte(id))
}
