package console

import (
	"cmp"
	"net/http"
	"strconv"

	"github.com/gatepost-proxy/gatepost/audit"
)

func (c *Console) events(w http.ResponseWriter, r *http.Request) error {
	return c.page(w, r, "events", actionEvents)
}

func (c *Console) findings(w http.ResponseWriter, r *http.Request) error {
	queryOf(r).filter.Kind = audit.KindFinding
	return c.page(w, r, "findings", actionFindings)
}

// page answers with a page of lines under a name.
func (c *Console) page(w http.ResponseWriter, r *http.Request, name, action string) error {
	if err := c.limits.allow(r); err != nil {
		return err
	}
	q := queryOf(r)
	page, err := c.cfg.Index.Query(r.Context(), Query{Filter: q.filter, Intents: q.intents, Before: q.before, Limit: cmp.Or(q.limit, defaultLimit)})
	if err != nil {
		return indexFailure(err)
	}
	size := 64
	for _, e := range page.Entries {
		size += len(e.Line) + 1
	}
	body := make([]byte, 0, size)
	body = append(body, `{"`+name+`":[`...)
	for i, e := range page.Entries {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, e.Line...)
	}
	body = append(body, ']')
	if page.Next > 0 {
		body = append(body, `,"next_cursor":"`...)
		body = strconv.AppendUint(body, page.Next, 10)
		body = append(body, '"')
	}
	body = append(body, `,"indexed":`...)
	body = strconv.AppendUint(body, page.Indexed, 10)
	body = append(body, '}', '\n')
	if err := c.record(w, r, action, http.StatusOK); err != nil {
		return err
	}
	reply(w, "application/json", body)
	return nil
}

// indexFailure is for whatever an index says but ErrNotFound.
func indexFailure(err error) error {
	return unavailable("The index of the audit log cannot answer now; the log itself is not affected.", err)
}
