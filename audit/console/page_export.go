package console

import (
	"context"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/console/dashboard"
	"github.com/gatepost-proxy/gatepost/audit/export"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

// exportEvents exports the entries that the view of events shows, newest first.
func (c *Console) exportEvents(w http.ResponseWriter, r *http.Request) error {
	return c.exportEntries(w, r, "events")
}

// exportFindings exports the findings that their view shows, newest first.
func (c *Console) exportFindings(w http.ResponseWriter, r *http.Request) error {
	queryOf(r).chooseFindings()
	return c.exportEntries(w, r, "findings")
}

func (c *Console) exportEntries(w http.ResponseWriter, r *http.Request, name string) error {
	q := queryOf(r)
	q.limit = exportPageLength
	page := func(ctx context.Context, cursor string) ([]export.Record, string, error) {
		q.cursor = cursor
		found, err := c.query(ctx, q)
		records := make([]export.Record, len(found.Entries))
		for i := range found.Entries {
			records[i] = export.Record{Event: &found.Entries[i].Event, Line: found.Entries[i].Line}
		}
		return records, found.Next, err
	}
	return download(c, w, r, name, page, func(out io.Writer, format export.Format, records iter.Seq2[export.Record, error]) error {
		return export.Write(r.Context(), out, records, export.Options{Format: format, Version: c.cfg.Version})
	})
}

// exportConnections exports the list of connections, in an order that does not
// change meanwhile.
func (c *Console) exportConnections(w http.ResponseWriter, r *http.Request) error {
	var until map[string]time.Time
	page := func(ctx context.Context, cursor string) ([]usageRow, string, error) {
		if cursor == "" {
			until = dashboard.CachedUntil(c.cached(""))
		}
		list, next, err := c.cfg.Index.EveryConnection(ctx, cursor, exportPageLength)
		rows := make([]usageRow, len(list))
		for i, u := range list {
			rows[i] = usageRow{Usage: u, until: until[u.ConnectionID]}
		}
		return rows, next, err
	}
	return download(c, w, r, "connections", page, func(out io.Writer, format export.Format, rows iter.Seq2[usageRow, error]) error {
		return writeTable(r.Context(), out, format, connectionColumns(), rows)
	})
}

// exportCallers exports the list of callers, in an order that does not change
// meanwhile, and then the keys that nobody has used.
func (c *Console) exportCallers(w http.ResponseWriter, r *http.Request) error {
	var keys []dashboard.Key
	byID, used := make(map[string]*dashboard.Key), make(map[string]bool)
	page := func(ctx context.Context, cursor string) ([]usageRow, string, error) {
		if cursor == "" {
			keys = c.keys(ctx)
			for i := range keys {
				byID[keys[i].ID] = &keys[i]
			}
		}
		list, next, err := c.cfg.Index.EveryCaller(ctx, cursor, exportPageLength)
		rows := make([]usageRow, len(list))
		for i, u := range list {
			k := byID[u.AccessKeyID]
			rows[i] = usageRow{Usage: u, key: k, keysKnown: keys != nil}
			if k != nil {
				used[k.ID] = true
			}
		}
		if err == nil && next == "" {
			for i := range keys {
				if k := &keys[i]; !used[k.ID] {
					rows = append(rows, usageRow{Usage: index.Usage{Principal: k.Principal, AccessKeyID: k.ID}, key: k, keysKnown: true})
				}
			}
		}
		return rows, next, err
	}
	return download(c, w, r, "callers", page, func(out io.Writer, format export.Format, rows iter.Seq2[usageRow, error]) error {
		return writeTable(r.Context(), out, format, callerColumns(), rows)
	})
}
