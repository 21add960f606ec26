package metrics

import "github.com/prometheus/client_golang/prometheus"

// Gatherer lets tests read what the exposition formats can't show.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// The closed sets that are written down here and owned by the audit event and the
// correlator.
func ErrorClasses() []string      { return errorClasses() }
func EventKinds() []string        { return eventKinds() }
func CacheResults() []string      { return cacheResults() }
func Decisions() []string         { return decisions() }
func CorrelationStates() []string { return correlationStates() }
