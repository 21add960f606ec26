package console

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/export"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

const (
	// maxExports bounds what exports hold: each has a page of entries, and keeps
	// the index busy.
	maxExports       = 4
	exportPageLength = 500
)

// errRevoked ends an export whose reader may no longer read.
var errRevoked = errors.New("the session or token has ended")

// exportPage streams what a view shows, all of it, newest first. An export that
// breaks off ends its connection without the end that HTTP has, so that what has
// arrived is not taken for all.
func (c *Console) exportPage(w http.ResponseWriter, r *http.Request) error {
	if err := c.limits.allow(r); err != nil {
		return err
	}
	q := queryOf(r)
	format := cmp.Or(q.format, export.JSONL)
	select {
	case c.exports <- struct{}{}:
		defer func() { <-c.exports }()
	default:
		return &failure{status: http.StatusServiceUnavailable, detail: "Too many exports are under way; come back in a moment.", retryAfter: 10 * time.Second}
	}
	// The first page tells whether there will be an answer at all.
	q.limit = exportPageLength
	first, err := c.query(r.Context(), q)
	if err != nil {
		return pageFailure(err)
	}
	if err := c.record(w, r, actionExport, http.StatusOK); err != nil {
		return err
	}
	types := map[export.Format]string{export.CSV: "text/csv; charset=utf-8; header=present", export.JSONL: "application/x-ndjson", export.OCSF: "application/x-ndjson"}
	extensions := map[export.Format]string{export.CSV: ".csv", export.JSONL: ".jsonl", export.OCSF: ".ocsf.jsonl"}
	h := w.Header()
	h.Set("Content-Type", types[format])
	h.Set("Content-Disposition", `attachment; filename="gatepost-`+time.Now().UTC().Format("20060102T150405Z")+extensions[format]+`"`)
	out := &patientWriter{w: w, control: http.NewResponseController(w)}
	err = export.Write(r.Context(), out, c.exported(r.Context(), q, first), export.Options{Format: format, Version: c.cfg.Version})
	if err != nil {
		if r.Context().Err() == nil {
			c.log.WarnContext(r.Context(), "export breaks off", slog.Any("err", err))
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

// exported are the entries of a query, page by page.
func (c *Console) exported(ctx context.Context, q *query, page index.Page) iter.Seq2[export.Record, error] {
	allowed := c.allowed(ctx)
	return func(yield func(export.Record, error) bool) {
		for {
			for i := range page.Entries {
				if !yield(export.Record{Event: &page.Entries[i].Event, Line: page.Entries[i].Line}, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			if !allowed() {
				yield(export.Record{}, errRevoked)
				return
			}
			q.cursor = page.Next
			var err error
			if page, err = c.query(ctx, q); err != nil {
				yield(export.Record{}, err)
				return
			}
		}
	}
}

// patientWriter gives each write its own time, so that an answer may take long
// while its reader reads.
type patientWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (p *patientWriter) Write(b []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return p.w.Write(b)
}
