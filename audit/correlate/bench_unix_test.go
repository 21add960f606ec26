//go:build unix

package correlate_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
)

// BenchmarkCorrelate joins attempts with as many records, which come twice, in
// another order, ten minutes after the calls, in pages of 50. It reports the time
// that the correlator takes, on the wall and on the processors, without that of
// making up the input, and what it holds on the heap while it remembers all.
func BenchmarkCorrelate(b *testing.B) {
	for _, n := range []int{250_000, 500_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := newWorkload(n)
			for b.Loop() {
				before := heap()
				c := w.run(b)
				b.ReportMetric(w.wall.Seconds(), "s")
				b.ReportMetric(w.cpu.Seconds(), "cpu-s")
				b.ReportMetric(w.wall.Seconds()/float64(n)*1e9, "ns/attempt")
				b.ReportMetric(float64(heap()-before)/float64(n), "bytes/attempt")
				if w.matched != n {
					b.Fatalf("%d of %d matched", w.matched, n)
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

// workload makes lines and records a part at a time, so that the heap is the
// correlator's.
type workload struct {
	n         int
	order     []int32 // of the records
	matched   int
	wall, cpu time.Duration
}

const (
	perSecond = 10
	partSize  = 5000
	delay     = 600 * perSecond
)

func newWorkload(n int) *workload {
	w := &workload{n: n, order: make([]int32, n)}
	r := rand.New(rand.NewPCG(3, 4))
	for i := range w.order {
		w.order[i] = int32(i)
	}
	for from := 0; from < n; from += partSize / 2 {
		part := w.order[from:min(from+partSize/2, n)]
		r.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
	}
	return w
}

func (w *workload) run(b *testing.B) *correlate.Correlator {
	w.matched, w.wall, w.cpu = 0, 0, 0
	c := correlate.New(correlate.Config{Start: epoch})
	c.Tick(epoch)
	take := func(events []audit.Event) {
		for i := range events {
			if events[i].State == "matched" {
				w.matched++
			}
			if events[i].Kind == audit.KindFinding {
				b.Fatalf("%+v", events[i])
			}
			c.Entry(&events[i])
		}
	}
	for from := 0; from < w.n+delay; from += partSize {
		var lines []audit.Event
		var records []cloudtrail.Record
		for i := from; i < min(from+partSize, w.n+delay); i++ {
			if i < w.n {
				for _, e := range call(i, float64(i)/perSecond, answered(i)) {
					e.Index = uint64(2*i + len(lines)%2)
					lines = append(lines, e)
				}
			}
			if r := i - delay; r >= 0 {
				n := int(w.order[r])
				records = append(records, record(n, float64(n)/perSecond))
			}
		}
		start, used := time.Now(), cpuTime()
		for i := range lines {
			take(c.Entry(&lines[i]))
			if i%(2*perSecond) == 0 {
				take(c.Tick(lines[i].Time))
			}
		}
		now := at(float64(from+partSize) / perSecond)
		for range 2 {
			for page := range slices.Chunk(records, 50) {
				take(c.Records(now, page))
			}
		}
		take(c.Tick(now))
		w.wall += time.Since(start)
		w.cpu += cpuTime() - used
	}
	return c
}

// cpuTime is what the process has used of the processors, the garbage collector
// included.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
