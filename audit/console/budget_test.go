package console_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/console"
)

// While callers keep the log growing fast, and only then, streams get their share
// of the processors and no more.
func TestBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &lines{}
		b := console.NewBudget(log)
		// work is what streams do for some seconds, of which the log grows at a rate;
		// it returns what part of one processor they took.
		work := func(perSecond uint64) float64 {
			const cost = 10 * time.Millisecond
			began, worked := time.Now(), time.Duration(0)
			for last := began; time.Since(began) < 10*time.Second; worked += cost {
				time.Sleep(cost)
				b.Spend(nil, cost)
				log.grow(uint64(float64(perSecond) * time.Since(last).Seconds()))
				last = time.Now()
			}
			return float64(worked) / float64(time.Since(began))
		}
		if got := work(1000); got < 0.99 {
			t.Errorf("beside few callers: %v", got)
		}
		share := float64(runtime.GOMAXPROCS(0)) / 16
		if got := work(10_000); got > share*1.1+0.02 || got < min(share*0.9, 0.99) {
			t.Errorf("beside many callers: %v, want %v", got, share)
		}
		if got := work(1000); got < 0.95 {
			t.Errorf("beside few callers again: %v", got)
		}
		work(10_000)
		done := make(chan struct{})
		close(done)
		began := time.Now()
		for range 100 {
			b.Spend(done, 10*time.Millisecond)
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("who has left waits for %v", took)
		}
	})
}
