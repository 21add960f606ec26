package metrics

import (
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
)

// exemplarEvery is how often one bucket of one series takes a new exemplar. An
// exemplar costs a dozen allocations and, in a native histogram, a lock; a
// scraper keeps one per bucket and scrape. Rationing each bucket apart, not the
// whole series, lets the rare slow call through however busy the fast buckets
// are, and the slow call is the one that is looked for.
const exemplarEvery = time.Second

// maxEventID bounds what is accepted as an exemplar's value: room for a UUID
// and far below the 128 characters at which the client library panics.
const maxEventID = 64

// exemplarLabel names the event id in an exemplar.
const exemplarLabel = "event_id"

// tracedHistogram is one series of a histogram that remembers, bucket by
// bucket, when it last took an exemplar.
type tracedHistogram struct {
	histogram prometheus.Histogram
	bounds    []float64
	start     time.Time
	taken     []atomic.Int64 // per bucket: nanoseconds after start, plus one; 0 for never
}

func newTracedHistogram(h prometheus.Histogram, bounds []float64) *tracedHistogram {
	return &tracedHistogram{
		histogram: h,
		bounds:    bounds,
		start:     time.Now(),
		taken:     make([]atomic.Int64, len(bounds)+1),
	}
}

func (t *tracedHistogram) observe(took time.Duration, eventID string) {
	v := seconds(took)
	if !validEventID(eventID) || !t.due(v) {
		t.histogram.Observe(v)
		return
	}
	t.histogram.(prometheus.ExemplarObserver).ObserveWithExemplar(v, prometheus.Labels{exemplarLabel: eventID})
}

// due claims the exemplar of v's bucket; of several callers at once one gets it.
func (t *tracedHistogram) due(v float64) bool {
	i := 0
	for i < len(t.bounds) && v > t.bounds[i] {
		i++
	}
	now := int64(time.Since(t.start)) + 1
	last := t.taken[i].Load()
	if last != 0 && now-last < int64(exemplarEvery) {
		return false
	}
	return t.taken[i].CompareAndSwap(last, now)
}

func validEventID(id string) bool {
	return id != "" && len(id) <= maxEventID && utf8.ValidString(id)
}
