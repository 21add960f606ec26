package metrics

import "github.com/prometheus/client_golang/prometheus"

// Rejections counts what the callers' listener turned away before it could be
// read as a call, and the connections that ended without an answer.
type Rejections struct {
	reasons counters
}

func newRejections(reg prometheus.Registerer, reasons []string) *Rejections {
	return &Rejections{reasons: newCounters(reg,
		counterOpts("http", "rejected_total", "Requests refused before they were read as a call, and connections that ended without an answer, by reason."),
		"reason", reasons...)}
}

// Rejected counts one of them.
func (r *Rejections) Rejected(reason string) { r.reasons.inc(reason) }
