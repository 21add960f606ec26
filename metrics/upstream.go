package metrics

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Upstream measures the traffic to AWS. Its methods suit an observer of the
// upstream client.
//
// Expected from the start, for each served region: what AWS may answer to
// GetConnection and StartConnection or fail to, 24 series a region. At most
// 39 operations × (regions + 1) × 23 error classes exist.
type Upstream struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	expiry   atomic.Pointer[time.Time]
	sets     callSets
}

func newUpstream(reg prometheus.Registerer, sets callSets, regions []string) *Upstream {
	u := &Upstream{
		requests: prometheus.NewCounterVec(
			counterOpts("upstream", "requests_total", "Requests to AWS, each retry a request of its own, by what came of them."),
			[]string{"operation", "region", "error_class"}),
		duration: prometheus.NewHistogramVec(
			secondsOpts("upstream", "request_duration_seconds", "Time from sending a request to AWS to the end of its answer.", callBounds()),
			[]string{"operation", "region"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Subsystem: "upstream", Name: "in_flight",
			Help: "Calls to AWS that wait for an answer.",
		}),
		sets: sets,
	}
	expiry := &gauges[*time.Time]{parts: []gauge[*time.Time]{{
		gaugeDesc("upstream", "credentials_expiry_timestamp_seconds", "When the credentials used for AWS expire, +Inf for never; absent until there are some.", nil),
		func(at *time.Time) (float64, bool) {
			switch {
			case at == nil:
				return 0, false
			case at.IsZero():
				return math.Inf(1), true
			}
			return timestamp(*at)
		},
	}}}
	expiry.Track(u.expiry.Load)
	reg.MustRegister(u.requests, u.duration, u.inFlight, expiry)

	for _, region := range regions {
		for _, operation := range []string{operationGetConnection, operationStartConnection} {
			u.duration.WithLabelValues(operation, region)
			for _, class := range slices.Concat(answeredByAWS(), notAnsweredByAWS()) {
				u.requests.WithLabelValues(operation, region, class)
			}
		}
	}
	u.duration.WithLabelValues(other, other)
	u.requests.WithLabelValues(other, other, other)
	return u
}

// Attempt counts one request to AWS that has ended, and the time it took.
func (u *Upstream) Attempt(operation, region, class string, took time.Duration) {
	operation, region = u.sets.operation.fold(operation), u.sets.region.fold(region)
	u.requests.WithLabelValues(operation, region, u.sets.errorClass.fold(class)).Inc()
	u.duration.WithLabelValues(operation, region).Observe(seconds(took))
}

// InFlight changes the number of calls under way by delta.
func (u *Upstream) InFlight(delta int) { u.inFlight.Add(float64(delta)) }

// CredentialsExpiry tells when the credentials in use expire; the zero time
// means never.
func (u *Upstream) CredentialsExpiry(at time.Time) { u.expiry.Store(&at) }
