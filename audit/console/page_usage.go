package console

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/console/dashboard"
)

func (c *Console) connectionsPage(w http.ResponseWriter, r *http.Request) error {
	if err := c.limits.allow(r); err != nil {
		return err
	}
	q := queryOf(r)
	list, next, err := c.cfg.Index.Connections(r.Context(), q.cursor, defaultLimit)
	if err != nil {
		return pageFailure(err)
	}
	return c.recorded(w, r, actionConnections, dashboard.Connections{
		List: list, Next: next, Later: q.cursor != "", Cached: c.cached(""), Purges: c.cfg.Purger != nil, Purged: q.purged,
	})
}

func (c *Console) connectionPage(w http.ResponseWriter, r *http.Request) error {
	if err := c.limits.allow(r); err != nil {
		return err
	}
	q := queryOf(r)
	q.filter = audit.Filter{Connection: q.connection}
	page, err := c.query(r.Context(), q)
	if err != nil {
		return pageFailure(err)
	}
	return c.recorded(w, r, actionEvents, dashboard.Connection{
		ID: q.connection, Entries: page.Entries, Cached: c.cached(q.connection), Purges: c.cfg.Purger != nil, Purged: q.purged,
	})
}

// cached is what the cache holds of a connection, or of all.
func (c *Console) cached(connection string) []dashboard.Cached {
	if c.cfg.Cached == nil {
		return nil
	}
	all := c.cfg.Cached.Cached()
	if connection == "" {
		return all
	}
	var list []dashboard.Cached
	for _, e := range all {
		if e.ConnectionID == connection {
			list = append(list, e)
		}
	}
	return list
}

// purgeForm forgets the cached answers of a connection, or all if the form says so
// in as many words.
func (c *Console) purgeForm(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	if q.all == (q.connection != "") {
		return badParameter("connection", "The form names one connection, or says all.")
	}
	purged, err := c.forget(w, r)
	if err != nil {
		return err
	}
	to := url.URL{Path: "/connections", RawQuery: "purged=" + strconv.Itoa(purged)}
	if !q.all {
		to.Path, to.RawPath = "/connection/"+q.connection, dashboard.ConnectionPath(q.connection)
	}
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
	return nil
}

func (c *Console) callersPage(w http.ResponseWriter, r *http.Request) error {
	if err := c.limits.allow(r); err != nil {
		return err
	}
	q := queryOf(r)
	list, next, err := c.cfg.Index.Callers(r.Context(), q.cursor, defaultLimit)
	if err != nil {
		return pageFailure(err)
	}
	return c.recorded(w, r, actionCallers, dashboard.Callers{List: list, Next: next, Later: q.cursor != "", Keys: c.keys(r.Context()), At: time.Now()})
}
