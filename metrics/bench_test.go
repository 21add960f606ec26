package metrics_test

import (
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/metrics"
)

var cached = metrics.Request{Operation: "GetConnection", Region: "us-west-2", Cache: "hit", Decision: "allow", ErrorClass: "none"}

func TestObserveDoesNotAllocate(t *testing.T) {
	m := newMetrics(t)
	m.Requests.Observe(cached, time.Millisecond, eventID(1)) // takes the bucket's exemplar for this second
	if n := testing.AllocsPerRun(1000, func() { m.Requests.Observe(cached, time.Millisecond, "0198c2f4-8a52-7d3e-9c41-3f6f5f0b7a10") }); n != 0 {
		t.Errorf("%v allocations a call, want 0", n)
	}
}

func BenchmarkRequestsObserve(b *testing.B) {
	m := newMetrics(b)
	id := eventID(1)
	b.ReportAllocs()
	for b.Loop() {
		m.Requests.Observe(cached, 800*time.Microsecond, id)
	}
}

func BenchmarkRequestsObserveParallel(b *testing.B) {
	m := newMetrics(b)
	id := eventID(1)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Requests.Observe(cached, 800*time.Microsecond, id)
		}
	})
}

func BenchmarkRequestsObserveUnknownLabels(b *testing.B) {
	m := newMetrics(b)
	labels := metrics.Request{Operation: "x", Region: "mars-1", Cache: "y", Decision: "z", ErrorClass: "w"}
	b.ReportAllocs()
	for b.Loop() {
		m.Requests.Observe(labels, 800*time.Microsecond, "")
	}
}

func BenchmarkUpstreamAttempt(b *testing.B) {
	m := newMetrics(b)
	b.ReportAllocs()
	for b.Loop() {
		m.Upstream.Attempt("GetConnection", "us-west-2", "none", 70*time.Millisecond)
	}
}

func BenchmarkAuditCommitted(b *testing.B) {
	m := newMetrics(b)
	b.ReportAllocs()
	for b.Loop() {
		m.Audit.Committed(17, 3*time.Millisecond, 2*time.Millisecond)
	}
}

func BenchmarkScrape(b *testing.B) {
	m := newMetrics(b)
	exercise(m)
	b.ReportAllocs()
	for b.Loop() {
		scrape(b, m, acceptOpenMetrics)
	}
}
