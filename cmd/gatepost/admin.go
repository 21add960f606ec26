package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"time"
)

// newAdminServer serves what operators need to see: health, readiness and metrics. It has a mux and a listener of its own, so that
// nothing of it can be reached by callers, and nothing of theirs from here.
func newAdminServer(s *service) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", s.metrics.Handler(s.log))
	return &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second, // a scraper sends its header at once
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
}

// component is one line of readiness. A component that is not OK but does not make calls fail, such as a keys file that no longer
// loads, is a warning.
type component struct {
	OK      bool           `json:"ok"`
	Reason  string         `json:"reason,omitempty"`
	Since   *time.Time     `json:"since,omitempty"`
	Details map[string]any `json:"details,omitempty"`
}

// readiness reports each component, and whether calls would be answered now.
func (s *service) readiness(r *http.Request) (components map[string]component, ready bool) {
	components = make(map[string]component)

	journal := s.journal.Health()
	c := component{OK: journal.OK, Reason: journal.Reason, Details: map[string]any{"size": journal.Size, "free_bytes": journal.FreeBytes}}
	if !journal.OK {
		c.Since = &journal.Since
	}
	components["audit"] = c

	up := s.upstream.Ready(r.Context())
	components["upstream"] = component{OK: up.OK, Reason: up.Reason, Details: map[string]any{
		"account": up.Identity.Account, "identity_arn": up.Identity.ARN, "clock_offset_ms": up.ClockOffset.Milliseconds(),
	}}

	keys := s.keys.Status()
	c = component{OK: keys.Err == nil, Details: map[string]any{"keys": keys.Keys, "loaded": keys.Loaded}}
	if keys.Err != nil {
		c.Reason, c.Since = "the keys file is refused; the keys loaded before stay in use: see the log", &keys.Since
	}
	components["keys"] = c

	if s.tls != nil {
		status := s.tls.Status()
		components["tls"] = component{OK: status.OK, Reason: status.Reason, Details: map[string]any{"not_after": status.NotAfter, "loaded": status.LoadedAt}}
	}
	if s.cache != nil {
		stats := s.cache.Stats()
		components["cache"] = component{OK: true, Details: map[string]any{"entries": stats.Entries, "bytes": stats.Bytes}}
	}
	return components, journal.OK && up.OK
}

func (s *service) readyz(w http.ResponseWriter, r *http.Request) {
	components, ready := s.readiness(r)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.Encode(map[string]any{"ready": ready, "components": components})
}
