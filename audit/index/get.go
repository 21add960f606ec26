package index

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gatepost-proxy/gatepost/audit"
)

// maxGet bounds the memory of an answer. No call has as many lines.
const maxGet = 1000

// At returns the entry of an index. The error is [ErrNotFound] if it is not
// indexed, or not in the log any more.
func (r *Reader) At(ctx context.Context, index uint64) (e Entry, err error) {
	err = r.view(ctx, func(v *view) error {
		if _, ok, err := v.place(ctx, index); err != nil || !ok {
			return errors.Join(err, notFoundUnless(ok))
		}
		e, err = v.entry(ctx, index)
		if errors.Is(err, errGone) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		return v.state(ctx, &e)
	})
	if err != nil {
		return Entry{}, fmt.Errorf("get entry %d: %w", index, err)
	}
	return e, nil
}

func notFoundUnless(ok bool) error {
	if ok {
		return nil
	}
	return ErrNotFound
}

// Get returns what the log has about an event, in the order of the log: the
// entries with its id, which are intent and outcome of a call, and those about
// it, such as verdicts. The error is [ErrNotFound] if there is nothing.
func (r *Reader) Get(ctx context.Context, id string) ([]Entry, error) {
	list, err := r.byID(ctx, id, roleOutcome, roleOf, func(e *audit.Event) bool { return e.ID == id || e.Of == id })
	if err != nil {
		return nil, fmt.Errorf("get event %q: %w", id, err)
	}
	return list, nil
}

// ByRequest returns the outcomes of the calls of which an attempt had this
// request id of AWS's, which is one call, and the findings about records that have
// it. It does not return hits that repeat the answer; Query does, with the same id
// as RequestID. The error is
// [ErrNotFound] if there is none.
func (r *Reader) ByRequest(ctx context.Context, requestID string) ([]Entry, error) {
	list, err := r.byID(ctx, requestID, roleRequest, roleRequest, func(e *audit.Event) bool {
		return slices.ContainsFunc(e.Attempts, func(a audit.Attempt) bool { return a.RequestID == requestID })
	})
	if err != nil {
		return nil, fmt.Errorf("get request %q: %w", requestID, err)
	}
	return list, nil
}

// byID returns the entries to which an id is what the roles from first to last
// say.
func (r *Reader) byID(ctx context.Context, id string, first, last idRole, fits func(*audit.Event) bool) (list []Entry, err error) {
	if id == "" {
		return nil, ErrNotFound
	}
	err = r.view(ctx, func(v *view) error {
		indices, err := v.roleRows(ctx, id, first, last)
		if err != nil {
			return err
		}
		for _, index := range indices {
			e, err := v.entry(ctx, index)
			if errors.Is(err, errGone) {
				continue
			}
			if err != nil {
				return err
			}
			if !fits(&e.Event) {
				return damagedf("entry %d is not what was indexed", index)
			}
			if err := v.state(ctx, &e); err != nil {
				return err
			}
			list = append(list, e)
		}
		return notFoundUnless(len(list) > 0)
	})
	return list, err
}

// roleRows returns the newest entries in which an id has one of some roles, all of
// which stand in the same runs, ascending.
func (v *view) roleRows(ctx context.Context, id string, first, last idRole) ([]uint64, error) {
	runs := "[0]"
	if first.run(0) != 0 {
		var err error
		if runs, err = v.runs(ctx); err != nil {
			return nil, err
		}
	}
	ask, err := v.prepare(ctx, `SELECT i.place, i.rows FROM json_each(?) r CROSS JOIN ids i
		ON i.run = r.value AND i.id = ? AND i.place BETWEEN ? AND ?`)
	if err != nil {
		return nil, err
	}
	found, err := ask.QueryContext(ctx, runs, []byte(idKey(id)), idPlace(first, 0), idPlace(last, maxChunk))
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var list []uint64
	for found.Next() {
		var place int64
		var b []byte
		if err := found.Scan(&place, &b); err != nil {
			return nil, err
		}
		rows, err := decodeRowSet(b)
		if err != nil {
			return nil, err
		}
		for r := range rows.all {
			list = append(list, indexOf(chunkOfPlace(place), r))
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	return list[max(0, len(list)-maxGet):], found.Err()
}
