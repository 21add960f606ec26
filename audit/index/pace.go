package index

import (
	"context"
	"runtime"
	"time"
)

// The index is never in a hurry: it falls behind while callers keep the log
// growing fast, and catches up when they let go. So it leaves them the
// processors: seven of eight, which is three quarters of one where there are two,
// and nothing where a whole one is an eighth or less.
const (
	// BusyRate is how many entries a second a log grows by, at most, whose callers
	// do not notice what follows it. Past it followers leave them the processors.
	BusyRate = 2000

	// paceEvery lines take some milliseconds: long enough not to be felt as cost,
	// short enough not to be felt as a pause.
	paceEvery = 256

	processorShare = 8
)

// pace is what the following goroutine remembers from one look to the next.
type pace struct {
	lines int
	at    time.Time // when the last rest ended
	size  uint64    // of the log then
}

// rest is called for each line and now and then waits, so that work takes its
// share of the time and no more.
func (p *pace) rest(ctx context.Context, source Source) {
	if p.lines++; p.lines < paceEvery {
		return
	}
	p.lines = 0
	size := source.Size()
	worked, grown := time.Since(p.at), size-min(p.size, size)
	if !p.at.IsZero() && float64(grown) > BusyRate*worked.Seconds() {
		if idle := worked * time.Duration(max(0, processorShare/runtime.GOMAXPROCS(0)-1)); idle > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(idle):
			}
		}
	}
	p.at, p.size = time.Now(), size
}
