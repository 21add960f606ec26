package console

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/console/token"
)

// Readiness says whether calls would be answered now, and what each component
// has to do with it.
type Readiness struct {
	Ready      bool                 `json:"ready"`
	Components map[string]Component `json:"components"`
}

// Component is one line of readiness. One that is not OK but does not make calls
// fail, such as a keys file that no longer loads, is a warning.
type Component struct {
	OK      bool           `json:"ok"`
	Reason  string         `json:"reason,omitempty"`
	Since   *time.Time     `json:"since,omitempty"`
	Details map[string]any `json:"details,omitempty"`
}

// brief is what strangers may know, such as a load balancer without a token.
func (r Readiness) brief() Readiness {
	b := Readiness{Ready: r.Ready, Components: make(map[string]Component, len(r.Components))}
	for name, c := range r.Components {
		b.Components[name] = Component{OK: c.OK, Reason: c.Reason}
	}
	return b
}

func (c *Console) healthz(w http.ResponseWriter, _ *http.Request) error {
	reply(w, "text/plain; charset=utf-8", []byte("ok\n"))
	return nil
}

// readyz answers in full to whoever may see it, in brief to whoever shows no
// token, and not at all to a wrong one.
func (c *Console) readyz(w http.ResponseWriter, r *http.Request) error {
	if c.cfg.Tokens == nil && foreign(r) != "" || c.cfg.Tokens != nil && len(r.Header.Values("Authorization")) == 0 {
		return writeReadiness(w, c.cfg.Ready(r.Context()).brief())
	}
	c.gate.Require(token.Viewer, c.handle(func(w http.ResponseWriter, r *http.Request) error {
		return writeReadiness(w, c.cfg.Ready(r.Context()))
	})).ServeHTTP(w, r)
	return nil
}

func writeReadiness(w http.ResponseWriter, r Readiness) error {
	body, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	if !r.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write(append(body, '\n'))
	return nil
}
