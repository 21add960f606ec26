package journal

import "time"

// A sync costs the same for one line as for sixty. When many callers write at a
// time, the first one back after a batch would start the next sync alone, and all
// the others would wait for it and then for their own: every second sync is spent
// on one line. So the writer waits until half of those who were in flight a moment
// ago are back. The other half is answered meanwhile and makes the batch after it,
// so that the disk and the callers work at the same time.
//
// A line that has nobody to wait for is not held up: with a batch of one before
// it, or none of late, the target is one.
const (
	// A sync longer ago than this many others says nothing about who is in flight.
	gatherMemory = 4
	// The wait is at most this part of what a sync takes: less than what it saves.
	gatherShare = 2
	// A disk that takes longer is in trouble, and not to be waited for.
	maxGather = 2 * time.Millisecond
	// With so many lines a sync costs each of them less than the rest of a call
	// does, and waiting for more only leaves the disk idle.
	gatherLines = 32
)

// gathering is what the writing goroutine remembers of the batches before.
type gathering struct {
	lines   int           // of the last batch
	settled time.Time     // when it was durable
	sync    time.Duration // what a sync takes, smoothed
	timer   *time.Timer
}

// note remembers a batch that became durable.
func (g *gathering) note(lines int, synced time.Duration) {
	g.lines, g.settled = lines, time.Now()
	g.sync += (synced - g.sync) / 8
}

// target is how many lines to wait for when some are queued.
func (g *gathering) target(queued int) int {
	if time.Since(g.settled) > gatherMemory*g.sync {
		return 1
	}
	return min((g.lines+queued)/2, gatherLines)
}

// gather waits until the oldest batch has as many lines as are worth a sync, or
// the wait has become too long.
func (j *Journal) gather() {
	g := &j.w.gathering
	j.mu.Lock()
	if len(j.queue) != 1 || j.closed {
		j.mu.Unlock()
		return
	}
	b := j.queue[0]
	target := g.target(b.lines)
	if b.lines >= target {
		j.mu.Unlock()
		return
	}
	j.enough = target
	j.mu.Unlock()

	if g.timer == nil {
		g.timer = time.NewTimer(0)
		<-g.timer.C
	}
	g.timer.Reset(min(g.sync/gatherShare, maxGather))
	select {
	case <-j.kick:
	case <-g.timer.C:
	case <-j.quit:
	}
	g.timer.Stop()
	j.mu.Lock()
	j.enough = 0
	j.mu.Unlock()
}
