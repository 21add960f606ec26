package console

import (
	"runtime"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/gatepost-proxy/gatepost/audit/index"
)

const (
	// budgetShare of the processors is what streams may take then, of all that
	// there are: what a viewer sees comes later, and nothing is left out.
	budgetShare = 1. / 16
	budgetBurst = 50 * time.Millisecond

	// byteCost is about what a byte costs that is sent to this machine.
	byteCost = 2 * time.Nanosecond
)

// budget is the processor time that all streams together may take while callers
// keep the log growing fast. Who has spent too much of it waits.
type budget struct {
	log   Log
	limit *rate.Limiter // of nanoseconds

	mu   sync.Mutex // guards what follows
	size uint64     // of the log
	at   time.Time  // when that was
	busy bool
}

func newBudget(log Log) *budget {
	return &budget{log: log, limit: rate.NewLimiter(rate.Limit(budgetShare*float64(runtime.GOMAXPROCS(0))*float64(time.Second)), int(budgetBurst))}
}

// spend waits until a cost that has arisen is within the budget, or until done.
func (b *budget) spend(done <-chan struct{}, cost time.Duration) {
	if cost <= 0 || !b.isBusy() {
		return
	}
	wait := b.limit.ReserveN(time.Now(), int(min(cost, budgetBurst))).Delay()
	if wait == 0 {
		return
	}
	select {
	case <-time.After(wait):
	case <-done:
	}
}

// isBusy looks at the log's growth now and then.
func (b *budget) isBusy() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if passed := now.Sub(b.at); passed >= pace {
		size := b.log.Size()
		b.busy = !b.at.IsZero() && float64(size-min(b.size, size)) > index.BusyRate*passed.Seconds()
		b.size, b.at = size, now
	}
	return b.busy
}
