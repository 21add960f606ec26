package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/index"
)

func (c *Console) events(w http.ResponseWriter, r *http.Request) error {
	return c.page(w, r, "events", actionEvents)
}

// page answers with a page of lines under a name.
func (c *Console) page(w http.ResponseWriter, r *http.Request, name, action string) error {
	if err := c.limits.allow(r); err != nil {
		return err
	}
	q := queryOf(r)
	indexed := c.cfg.Index.Indexed() // before the query, which may see more
	page, err := c.query(r.Context(), q)
	switch {
	case errors.Is(err, index.ErrCursor):
		return badParameter("cursor", "The parameter cursor is not the next_cursor of a former answer.")
	case err != nil:
		return indexFailure(err)
	}
	size := 256
	for i := range page.Entries {
		size += len(page.Entries[i].Line) + 64
	}
	body := append(make([]byte, 0, size), `{"`+name+`":[`...)
	for i := range page.Entries {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, page.Entries[i].Line...) // as it is stored
	}
	end := pageEnd{States: statesOf(page.Entries), Next: page.Next, Indexed: indexed}
	if q.findings != "" {
		end.addFindings(page.Entries)
	}
	rest, err := marshal(end)
	if err != nil {
		return err
	}
	body = append(append(body, "],"...), rest[1:]...)
	if err := c.record(w, r, action, http.StatusOK); err != nil {
		return err
	}
	reply(w, "application/json", body)
	return nil
}

// pagePatience is how long a page that is not full is looked for. The index gives
// up sooner, and tells where to go on: what it finds at once is always worth more
// than what it would find later, but half a page is better made whole.
const pagePatience = 250 * time.Millisecond

func (c *Console) query(ctx context.Context, q *query) (index.Page, error) {
	began := time.Now()
	limit := cmp.Or(q.limit, defaultLimit)
	filter := index.Filter{Filter: q.filter, Also: q.also, Findings: q.findings}
	page, err := c.cfg.Index.Query(ctx, filter, q.cursor, limit)
	for err == nil && page.Next != "" && len(page.Entries) < limit && time.Since(began) < pagePatience {
		var more index.Page
		more, err = c.cfg.Index.Query(ctx, filter, page.Next, limit-len(page.Entries))
		page.Entries, page.Next = append(page.Entries, more.Entries...), more.Next
	}
	return page, err
}

// pageEnd is what follows the lines of a page.
type pageEnd struct {
	States map[string]string `json:"states"`
	*findingsEnd
	Next    string `json:"next_cursor,omitempty"`
	Indexed uint64 `json:"indexed"`
}

// statesOf are the states of the calls on a page, which their lines do not say, by
// event id.
func statesOf(entries []index.Entry) map[string]string {
	states := make(map[string]string)
	for i := range entries {
		if e := &entries[i]; e.State != "" && e.State != e.Event.State {
			states[e.Event.ID] = e.State
		}
	}
	return states
}

// indexFailure is for whatever is wrong with the index itself.
func indexFailure(err error) error {
	return unavailable("The index of the audit log cannot answer now; the log itself is not affected.", err)
}
