package index

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

const (
	// DefaultLimit is the length of a page that is not asked for one.
	DefaultLimit = 50
	// MaxLimit bounds the memory of a page.
	MaxLimit = 1000
)

// Page is a part of a query's answer.
type Page struct {
	Entries []Entry // newest first
	// Next is the cursor of what comes after, or "" if there is no more. A page
	// may be short, even empty, and have one: then the time of a query was up, and
	// the next goes on where this one has got.
	Next string
	// Unreadable counts entries that were passed over because the log has
	// something else in their place: verify tells what.
	Unreadable int
}

// Query returns the newest entries that f chooses, at most limit, behind the
// cursor of the page before; "" begins with the newest. Entries that are added
// meanwhile do not move a cursor.
func (r *Reader) Query(ctx context.Context, f Filter, cursor string, limit int) (Page, error) {
	before := uint64(math.MaxUint64)
	if cursor != "" {
		var err error
		if before, err = parseCursor(cursor); err != nil {
			return Page{}, fmt.Errorf("query audit index: %w", err)
		}
	}
	if limit <= 0 {
		limit = DefaultLimit
	}
	q := query{filter: f, before: before, limit: min(limit, MaxLimit), until: time.Now().Add(r.budget)}
	err := r.view(ctx, func(v *view) error { return q.run(ctx, v) })
	if err != nil {
		return Page{}, fmt.Errorf("query audit index: %w", err)
	}
	return q.page, nil
}

// query is one call of Query.
type query struct {
	filter Filter
	before uint64
	limit  int
	until  time.Time
	page   Page
}

func (q *query) run(ctx context.Context, v *view) error {
	size, err := v.cursor(ctx)
	if err != nil {
		return err
	}
	q.before = min(q.before, uint64(size))
	if q.before == 0 {
		return nil
	}
	chunk := chunkOf(q.before - 1)
	var p plan
	defer p.close()
	if err := p.add(ctx, v, &q.filter, chunk, q.until); err != nil {
		return err
	}
	var m bitmap
	for {
		chunk, err = p.seek(chunk)
		if paused, ok := errors.AsType[*pausedError](err); ok {
			q.page.Next = encodeCursor(indexOf(paused.chunk, 0))
			return nil
		}
		if err != nil || chunk == noChunk {
			return err
		}
		if err := p.rows(chunk, q.before, &m); err != nil {
			return err
		}
		for row := range m.descending {
			index := indexOf(chunk, row)
			if index < v.lines.first {
				return nil
			}
			if more, err := q.take(ctx, v, index); err != nil || !more {
				return err
			}
		}
		if chunk == 0 {
			return nil
		}
		if q.late() {
			q.page.Next = encodeCursor(indexOf(chunk, 0))
			return nil
		}
		chunk--
	}
}

func (q *query) late() bool { return time.Now().After(q.until) }

// add adds an entry to the page if it has what sets of rows only narrow down, and
// reports whether to go on.
func (q *query) add(ctx context.Context, v *view, e Entry) (more bool, err error) {
	if q.filter.Findings == "" {
		if !q.filter.refines(&e.Event) {
			return true, nil
		}
	} else {
		var call *audit.Event
		if e.Event.Of != "" {
			if e.Call, err = v.callOf(ctx, &e.Event); err != nil {
				return false, err
			}
			if e.Call != nil {
				call = &e.Call.Event
			}
		}
		if !q.filter.finds(&e.Event, call) {
			return true, nil
		}
	}
	if len(q.page.Entries) == q.limit {
		q.page.Next = encodeCursor(e.Event.Index + 1)
		return false, nil
	}
	if err := v.state(ctx, &e); err != nil {
		return false, err
	}
	if q.filter.Findings != "" {
		if e.Acknowledged, err = v.acknowledgement(ctx, &e.Event); err != nil {
			return false, err
		}
	}
	q.page.Entries = append(q.page.Entries, e)
	return true, nil
}

// take looks at an entry, adds it to the page if it is chosen, and reports
// whether to go on.
func (q *query) take(ctx context.Context, v *view, index uint64) (more bool, err error) {
	e, err := v.entry(ctx, index)
	_, unreadable := errors.AsType[*unreadableError](err)
	switch {
	case errors.Is(err, errGone):
	case unreadable:
		q.page.Unreadable++
	case err != nil:
		return false, err
	case !q.filter.equals(&e.Event):
		return false, damagedf("entry %d is not what was indexed", index)
	default:
		if more, err := q.add(ctx, v, e); err != nil || !more {
			return false, err
		}
	}
	if index == 0 {
		return false, nil
	}
	if q.late() {
		q.page.Next = encodeCursor(index)
		return false, nil
	}
	return true, nil
}
