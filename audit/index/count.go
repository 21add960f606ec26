package index

import (
	"context"
	"errors"
	"time"
)

// Counts are kept by the minute, the hour and the day, so that a year is counted
// as fast as an hour.
var levels = [...]time.Duration{time.Minute, time.Hour, 24 * time.Hour}

// allCalls is the name under which calls are counted whatever they are.
const allCalls = 0

type countKey struct {
	minute int64 // since 1970
	name   int64
}

type useKey struct {
	name  int64
	field field
}

type use struct {
	first, last    uint64
	calls, refused int64
}

// tallies are the counts and uses that a transaction adds.
type tallies struct {
	counts map[countKey]int64
	uses   map[useKey]use

	addCount, addUse *inserter
}

func newTallies(ctx context.Context, c *session) (t *tallies, err error) {
	t = &tallies{counts: map[countKey]int64{}, uses: map[useKey]use{}}
	t.addCount, err = newInserter(ctx, c, `INSERT INTO counts (level, start, name, n)`, 4,
		` ON CONFLICT DO UPDATE SET n = n + excluded.n`)
	if err != nil {
		return nil, err
	}
	t.addUse, err = newInserter(ctx, c, `INSERT INTO uses (name, field, first, last, calls, refused)`, 6,
		` ON CONFLICT DO UPDATE SET last = excluded.last, calls = calls + excluded.calls, refused = refused + excluded.refused`)
	return t, err
}

func (t *tallies) reset() {
	clear(t.counts)
	clear(t.uses)
	t.addCount.reset()
	t.addUse.reset()
}

func (t *tallies) count(micros, name, n int64) {
	t.counts[countKey{floorDiv(micros, time.Minute.Microseconds()), name}] += n
}

func (t *tallies) use(name int64, f field, index uint64, refused bool) {
	k := useKey{name, f}
	u, ok := t.uses[k]
	if !ok {
		u.first = index
	}
	u.last = index
	u.calls++
	if refused {
		u.refused++
	}
	t.uses[k] = u
}

func (t *tallies) flush(ctx context.Context) error {
	for level, width := range levels {
		sums := t.counts
		if level > 0 {
			sums = map[countKey]int64{}
			for k, n := range t.counts {
				sums[countKey{floorDiv(k.minute, int64(width/time.Minute)), k.name}] += n
			}
		}
		for k, n := range sums {
			if n == 0 {
				continue
			}
			if err := t.addCount.add(ctx, int64(level), k.minute, k.name, n); err != nil {
				return err
			}
		}
	}
	for k, u := range t.uses {
		if err := t.addUse.add(ctx, k.name, int64(k.field), int64(u.first), int64(u.last), u.calls, u.refused); err != nil {
			return err
		}
	}
	err := errors.Join(t.addCount.flush(ctx), t.addUse.flush(ctx))
	t.reset()
	return err
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
