package console

import (
	"net/http"
	"strconv"
)

func (c *Console) purge(w http.ResponseWriter, r *http.Request) error {
	purged, err := c.forget(w, r)
	if err != nil {
		return err
	}
	reply(w, "application/json", []byte(`{"purged":`+strconv.Itoa(purged)+"}\n"))
	return nil
}

// forget forgets cached answers: those for the connection that a request names, or
// all if it names none. It is recorded before it is done, so that nothing is done
// in secret; how much there was to forget is for whoever asked.
func (c *Console) forget(w http.ResponseWriter, r *http.Request) (purged int, err error) {
	if err := c.limits.allow(r); err != nil {
		return 0, err
	}
	if err := c.record(w, r, actionPurge, http.StatusOK); err != nil {
		return 0, err
	}
	switch connection := queryOf(r).connection; {
	case c.cfg.Purger == nil:
		return 0, nil
	case connection == "":
		return c.cfg.Purger.PurgeAll(), nil
	default:
		return c.cfg.Purger.PurgeConnection(connection), nil
	}
}
