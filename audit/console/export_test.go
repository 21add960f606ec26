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
type Tail struct{ tail }

// NewTail makes one.
func NewTail(log Log) *Tail { return &Tail{tail{log: log}} }

// From returns the indices of what the tail has from an index on.
func (t *Tail) From(next uint64) (indices []uint64, later time.Duration, ok bool) {
	entries, later, ok := t.from(next)
	for _, e := range entries {
		indices = append(indices, e.event.Index)
	}
	return indices, later, ok
}
