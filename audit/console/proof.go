package console

import (
	"context"
	"net/http"
)

// proof answers with an offline proof that an event is in the log.
func (c *Console) proof(w http.ResponseWriter, r *http.Request) error {
	if err := c.limits.allow(r); err != nil {
		return err
	}
	s, err := c.lookup(r)
	if err != nil {
		return c.recordMissing(w, r, actionProof, err)
	}
	ctx, cancel := context.WithTimeout(r.Context(), proofPatience)
	defer cancel()
	text, err := c.cfg.Prover.Prove(ctx, s.event.Index)
	if err != nil {
		return unavailable("No checkpoint covers this event yet; one is signed every second or so while there is activity.", err)
	}
	if err := c.record(w, r, actionProof, http.StatusOK); err != nil {
		return err
	}
	reply(w, "text/plain; charset=utf-8", text)
	return nil
}
