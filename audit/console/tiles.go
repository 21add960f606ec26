package console

import (
	"net/http"
	"strings"
)

// tiles answers with the tree: its checkpoint, its hashes, its entries. Those are
// the log's lines, and reading them is recorded.
func (c *Console) tiles(w http.ResponseWriter, r *http.Request) error {
	out := &writer{ResponseWriter: w, failed: func(err error) { c.fail(w, r, err) }}
	if strings.HasPrefix(queryOf(r).tile, "entries/") {
		if err := c.limits.allow(r); err != nil {
			return err
		}
		out.before = func(status int) error { return c.record(w, r, actionEntries, status) }
	}
	c.cfg.Tiles.ServeHTTP(out, r)
	return nil
}

func (c *Console) metrics(w http.ResponseWriter, r *http.Request) error {
	c.cfg.Metrics.ServeHTTP(&writer{ResponseWriter: w, failed: func(err error) { c.fail(w, r, err) }}, r)
	return nil
}
