package metrics

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Request names the series of one answered call. Values outside the closed
// sets are counted under "other".
type Request struct {
	Operation  string // a name of the API's, or "Unknown"
	Region     string
	Cache      string // hit, miss, coalesced, bypass, none
	Decision   string // allow, deny
	ErrorClass string
}

// Requests counts the calls on the callers' listener.
//
// The two families share their look-up: the labels of a call, as they are,
// find both the counter and the histogram in one read of an immutable map, with
// no lock, no hashing of a variadic slice and no allocation. Only labels inside
// the closed sets are ever keys of that map, so it is as bounded as the series.
//
// Expected from the start, for each served region: what GetConnection and
// StartConnection do when all is well, what AWS may answer or fail to, and
// gatepost's own refusals. That is 80 series a region and one more for "other";
// see expectedRequests. The product of the sets, which only a caller with keys
// for everything could fill, is 39 operations × (regions + 1) × 6 × 3 × 23.
type Requests struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	sets     callSets

	series atomic.Pointer[map[Request]requestSeries]

	mu        sync.Mutex                          // guards durations, and the making of a new series map
	durations map[durationLabels]*tracedHistogram // shared by the calls that differ in region, decision or error class only
}

// durationLabels are the labels that the histogram keeps: it has twenty series
// where the counter has one.
type durationLabels struct{ operation, cache string }

type requestSeries struct {
	total    prometheus.Counter
	duration *tracedHistogram
}

func newRequests(reg prometheus.Registerer, sets callSets, regions []string) *Requests {
	r := &Requests{
		total: prometheus.NewCounterVec(
			counterOpts("", "requests_total", "Calls answered or refused on the callers' listener, by what came of them."),
			[]string{"operation", "region", "cache", "decision", "error_class"}),
		duration: prometheus.NewHistogramVec(
			secondsOpts("", "request_duration_seconds", "Time from a call's first byte to its answer, the audit log's commits included.", callBounds()),
			[]string{"operation", "cache"}),
		sets:      sets,
		durations: make(map[durationLabels]*tracedHistogram),
	}
	reg.MustRegister(r.total, r.duration)

	series := make(map[Request]requestSeries)
	for _, labels := range expectedRequests(regions) {
		series[labels] = r.resolve(labels)
	}
	r.series.Store(&series)
	return r
}

// expectedRequests are the series that exist before their first call.
func expectedRequests(regions []string) []Request {
	outcomes := []struct {
		operations     []string
		cache          string
		decision       string
		errorClassSets [][]string
	}{
		{[]string{operationGetConnection}, cacheHit, allow,
			[][]string{{"none"}, endedByGatepost()}},
		{[]string{operationGetConnection}, cacheMiss, allow,
			[][]string{answeredByAWS(), notAnsweredByAWS(), endedByGatepost()}},
		{[]string{operationGetConnection}, cacheCoalesced, allow,
			[][]string{answeredByAWS(), notAnsweredByAWS(), endedByGatepost()}},
		{[]string{operationGetConnection, operationStartConnection}, cacheBypass, allow,
			[][]string{answeredByAWS(), notAnsweredByAWS(), endedByGatepost()}},
		{[]string{operationGetConnection, operationStartConnection}, cacheNone, deny,
			[][]string{{"signature", "clock_skew", "policy", "bad_request", "validation"}}},
		{[]string{operationGetConnection, operationStartConnection}, cacheNone, allow,
			[][]string{endedByGatepost()}},
	}
	expected := []Request{{other, other, other, other, other}}
	for _, region := range regions {
		for _, o := range outcomes {
			for _, operation := range o.operations {
				for _, classes := range o.errorClassSets {
					for _, class := range classes {
						expected = append(expected, Request{operation, region, o.cache, o.decision, class})
					}
				}
			}
		}
	}
	return expected
}

// Observe counts one call that has ended and the time it took. The event id
// becomes the exemplar of the bucket, now and then; an empty one is none.
func (r *Requests) Observe(labels Request, took time.Duration, eventID string) {
	s, ok := (*r.series.Load())[labels]
	if !ok {
		s = r.admit(labels)
	}
	s.total.Inc()
	s.duration.observe(took, eventID)
}

// admit finds the series of labels that are outside the closed sets, or whose
// combination is new.
func (r *Requests) admit(labels Request) requestSeries {
	labels = Request{
		Operation:  r.sets.operation.fold(labels.Operation),
		Region:     r.sets.region.fold(labels.Region),
		Cache:      r.sets.cache.fold(labels.Cache),
		Decision:   r.sets.decision.fold(labels.Decision),
		ErrorClass: r.sets.errorClass.fold(labels.ErrorClass),
	}
	if s, ok := (*r.series.Load())[labels]; ok {
		return s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := (*r.series.Load())[labels]; ok {
		return s
	}
	series := maps.Clone(*r.series.Load())
	series[labels] = r.resolve(labels)
	r.series.Store(&series)
	return series[labels]
}

// resolve needs mu, or that nobody else knows r yet.
func (r *Requests) resolve(labels Request) requestSeries {
	key := durationLabels{labels.Operation, labels.Cache}
	d, ok := r.durations[key]
	if !ok {
		h := r.duration.WithLabelValues(labels.Operation, labels.Cache).(prometheus.Histogram)
		d = newTracedHistogram(h, callBounds())
		r.durations[key] = d
	}
	return requestSeries{
		total:    r.total.WithLabelValues(labels.Operation, labels.Region, labels.Cache, labels.Decision, labels.ErrorClass),
		duration: d,
	}
}
