package console

import (
	"net/http"
	"strconv"
)

// purge forgets cached answers: those for one connection, or all. It is recorded
// before it is done, so that nothing is done in secret; how much there was to
// forget is for whoever asked.
func (c *Console) purge(w http.ResponseWriter, r *http.Request) error {
	if err := c.limits.allow(r); err != nil {
		return err
	}
	if err := c.record(w, r, actionPurge, http.StatusOK); err != nil {
		return err
	}
	purged := 0
	switch connection := queryOf(r).connection; {
	case c.cfg.Purger == nil:
	case connection == "":
		purged = c.cfg.Purger.PurgeAll()
	default:
		purged = c.cfg.Purger.PurgeConnection(connection)
	}
	reply(w, "application/json", []byte(`{"purged":`+strconv.Itoa(purged)+"}\n"))
	return nil
}
