package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// gauges exports what another component knows, read from it once a scrape, so
// that the values of one component belong together.
type gauges[State any] struct {
	read  atomic.Pointer[func() State]
	parts []gauge[State]
}

// gauge takes its value out of the state; false leaves the series out of this
// scrape, for values that do not exist right now.
type gauge[State any] struct {
	desc  *prometheus.Desc
	value func(State) (float64, bool)
}

// Track gives the function that is read at each scrape, concurrently if several
// scrapers come. It must not wait for a disk or a network: what it tells is
// needed most when those hang.
func (g *gauges[State]) Track(read func() State) { g.read.Store(&read) }

// Describe implements prometheus.Collector.
func (g *gauges[State]) Describe(descs chan<- *prometheus.Desc) {
	for _, part := range g.parts {
		descs <- part.desc
	}
}

// Collect implements prometheus.Collector.
func (g *gauges[State]) Collect(metrics chan<- prometheus.Metric) {
	read := g.read.Load()
	if read == nil {
		return
	}
	state := (*read)()
	for _, part := range g.parts {
		if v, ok := part.value(state); ok {
			metrics <- prometheus.MustNewConstMetric(part.desc, prometheus.GaugeValue, v)
		}
	}
}

func gaugeDesc(subsystem, name, help string, labels prometheus.Labels) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, subsystem, name), help, nil, labels)
}

func always[N int | int64](n N) (float64, bool) { return float64(n), true }

func truth(b bool) (float64, bool) {
	if b {
		return 1, true
	}
	return 0, true
}

// timestamp leaves the zero time out: seconds since 1970 have no value for never.
func timestamp(t time.Time) (float64, bool) {
	if t.IsZero() {
		return 0, false
	}
	return float64(t.UnixMilli()) / 1e3, true
}
