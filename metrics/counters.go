package metrics

import "github.com/prometheus/client_golang/prometheus"

// counters is a counter family with one label. Every value of the closed set,
// "other" included, exists from the start.
type counters struct {
	byValue map[string]prometheus.Counter // never changes
}

func newCounters(reg prometheus.Registerer, opts prometheus.CounterOpts, label string, values ...string) counters {
	set := newLabelSet(values...)
	vec := prometheus.NewCounterVec(opts, []string{label})
	reg.MustRegister(vec)
	c := counters{byValue: make(map[string]prometheus.Counter, len(set))}
	for v := range set {
		c.byValue[v] = vec.WithLabelValues(v)
	}
	return c
}

func (c counters) inc(value string) {
	counter, ok := c.byValue[value]
	if !ok {
		counter = c.byValue[other]
	}
	counter.Inc()
}
