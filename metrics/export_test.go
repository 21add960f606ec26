package metrics

import "github.com/prometheus/client_golang/prometheus"

// Gatherer lets tests read what the exposition formats can't show.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// ErrorClasses, EventKinds, CacheResults and Decisions are the closed sets that
// are written down here and owned by the audit event.
func ErrorClasses() []string { return errorClasses() }
func EventKinds() []string   { return eventKinds() }
func CacheResults() []string { return cacheResults() }
func Decisions() []string    { return decisions() }
