package console

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/export"
)

const (
	// maxExports bounds what exports hold: each has a page of rows, and keeps the
	// index busy.
	maxExports       = 4
	exportPageLength = 500
)

// errRevoked ends an export whose reader may no longer read.
var errRevoked = errors.New("the session or token has ended")

// pages gives the rows behind a cursor, and the cursor of what comes then; "" is
// before the first and behind the last.
type pages[T any] func(ctx context.Context, cursor string) (rows []T, next string, err error)

// download streams all pages as a file whose name says what is in it. One that
// breaks off ends its connection without the end that HTTP has, so that what has
// arrived is not taken for all.
func download[T any](c *Console, w http.ResponseWriter, r *http.Request, name string, page pages[T], write func(w io.Writer, format export.Format, rows iter.Seq2[T, error]) error) error {
	if err := c.limits.allow(r); err != nil {
		return err
	}
	select {
	case c.exports <- struct{}{}:
		defer func() { <-c.exports }()
	default:
		return &failure{status: http.StatusServiceUnavailable, detail: "Too many exports are under way; come back in a moment.", retryAfter: 10 * time.Second}
	}
	// The first page tells whether there will be an answer at all.
	first, next, err := page(r.Context(), "")
	if err != nil {
		return pageFailure(err)
	}
	if err := c.record(w, r, actionExport, http.StatusOK); err != nil {
		return err
	}
	format := cmp.Or(queryOf(r).format, export.JSONL)
	types := map[export.Format]string{export.CSV: "text/csv; charset=utf-8; header=present", export.JSONL: "application/x-ndjson", export.OCSF: "application/x-ndjson"}
	extensions := map[export.Format]string{export.CSV: ".csv", export.JSONL: ".jsonl", export.OCSF: ".ocsf.jsonl"}
	h := w.Header()
	h.Set("Content-Type", types[format])
	h.Set("Content-Disposition", `attachment; filename="gatepost-`+name+"-"+time.Now().UTC().Format("20060102T150405Z")+extensions[format]+`"`)
	out := &patientWriter{w: w, control: http.NewResponseController(w)}
	if err := write(out, format, allPages(r.Context(), first, next, page, c.allowed(r.Context()))); err != nil {
		if r.Context().Err() == nil {
			c.log.WarnContext(r.Context(), "export breaks off", slog.Any("err", err))
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

// allPages are the rows of a page and of those behind it, as long as they may be
// read.
func allPages[T any](ctx context.Context, rows []T, next string, page pages[T], allowed func() bool) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for {
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			if !allowed() {
				yield(none, errRevoked)
				return
			}
			var err error
			if rows, next, err = page(ctx, next); err != nil {
				yield(none, err)
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
