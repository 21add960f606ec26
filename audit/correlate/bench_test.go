package correlate_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
)

// BenchmarkCorrelate joins attempts with as many records, which come twice, in
// another order, some minutes after the calls, in pages of 50. It reports what a
// correlator that remembers all of them holds on the heap.
func BenchmarkCorrelate(b *testing.B) {
	for _, n := range []int{250_000, 500_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := newWorkload(n)
			for b.Loop() {
				before := heap()
				start := time.Now()
				c, matched := w.run(b)
				took := time.Since(start)
				b.ReportMetric(took.Seconds(), "s")
				b.ReportMetric(took.Seconds()/float64(n)*1e9, "ns/attempt")
				b.ReportMetric(float64(heap()-before)/float64(n), "bytes/attempt")
				if matched != n {
					b.Fatalf("%d of %d matched", matched, n)
				}
				runtime.KeepAlive(c)
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// workload makes lines and records as they are asked for, so that the heap is the
// correlator's.
type workload struct {
	n     int
	order []int32 // of the records
}

func newWorkload(n int) *workload {
	w := &workload{n: n, order: make([]int32, n)}
	r := rand.New(rand.NewPCG(3, 4))
	for i := range w.order {
		w.order[i] = int32(i)
	}
	// Records come up to ten minutes apart from their order.
	const near = 6000
	for from := 0; from < n; from += near {
		part := w.order[from:min(from+near, n)]
		r.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
	}
	return w
}

const perSecond = 10

func (w *workload) run(b *testing.B) (*correlate.Correlator, int) {
	c := correlate.New(correlate.Config{Start: epoch})
	c.Tick(epoch)
	matched := 0
	count := func(events []audit.Event) {
		for i := range events {
			if events[i].State == "matched" {
				matched++
			}
			if events[i].Kind == audit.KindFinding {
				b.Fatalf("%+v", events[i])
			}
			c.Entry(&events[i])
		}
	}
	const delay = 9000 // attempts
	page := make([]cloudtrail.Record, 0, 50)
	for i := range w.n + delay {
		now := float64(i) / perSecond
		if i < w.n {
			for _, e := range call(i, now, answered(i)) {
				e.Index = uint64(2 * i)
				count(c.Entry(&e))
			}
		}
		if r := i - delay; r >= 0 {
			n := int(w.order[r])
			page = append(page, record(n, float64(n)/perSecond))
			if len(page) == cap(page) || r == w.n-1 {
				count(c.Records(at(now), page))
				count(c.Records(at(now), page))
				page = page[:0]
			}
		}
		if i%perSecond == 0 {
			count(c.Tick(at(now)))
		}
	}
	return c, matched
}
