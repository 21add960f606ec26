package console

import (
	"slices"
	"time"
)

// ParseEventsQuery reads a query as /api/v1/events does.
func ParseEventsQuery(raw string) (encoded string, limit int, err error) {
	q := newQuery()
	if err := q.parse(raw, slices.Concat(filterParameters, pageParameters)); err != nil {
		return "", 0, err
	}
	return q.values.Encode(), q.limit, nil
}

// Described is what a route says of itself, beside its Route.
type Described struct {
	Route
	Head       bool
	Session    bool
	Parameters map[string][]string // the closed sets, nil for others; those of the path as {name}
}

func (c *Console) Described() (list []Described) {
	for _, r := range c.routes() {
		d := Described{Route: r.Route, Head: r.head, Session: r.session, Parameters: map[string][]string{}}
		for _, p := range r.parameters {
			name := p.name
			if p.inPath {
				name = "{" + name + "}"
			}
			d.Parameters[name] = p.values
		}
		list = append(list, d)
	}
	return list
}

// Tail is the shared end of the log.
type Tail struct{ *tail }

// NewTail makes one.
func NewTail(log Log) Tail { return Tail{newTail(log)} }

// Viewer is a stream that follows it.
type Viewer struct {
	tail     *tail
	audience *audience
}

// Join adds a stream with a query.
func (t Tail) Join(raw string) (Viewer, error) {
	q := newQuery()
	err := q.parse(raw, slices.Concat(filterParameters, streamParameters))
	return Viewer{t.tail, t.join(q)}, err
}

// Leave removes it.
func (v Viewer) Leave() { v.tail.leave(v.audience) }

// From returns the indices of what the tail has for it from an index on.
func (v Viewer) From(next uint64) (indices []uint64, behind uint64, more <-chan struct{}, ok bool) {
	entries, behind, more, ok := v.tail.from(v.audience, next)
	for _, e := range entries {
		indices = append(indices, e.index)
	}
	return indices, behind, more, ok
}

// Budget is the processor time that streams share.
type Budget struct{ *budget }

// NewBudget makes one.
func NewBudget(log Log) Budget { return Budget{newBudget(log)} }

// Spend waits until a cost is within it.
func (b Budget) Spend(done <-chan struct{}, cost time.Duration) { b.spend(done, cost) }
