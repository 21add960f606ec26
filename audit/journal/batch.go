package journal

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

// batch is lines that are written and synced together. It is made by the first
// line that needs it and stands in Journal.queue until it is durable.
type batch struct {
	// Guarded by Journal.mu until the batch is sealed, then read only, by the
	// goroutine that writes.
	buf    []byte
	first  uint64 // index of the first line
	lines  int
	start  time.Time // when the first line came
	sealed bool      // no line may join any more
	began  time.Time // when writing began

	// wake is closed when the batch is durable, and also when it is time for
	// waiters to look at their clock; then another takes its place, under
	// Journal.mu. So a waiter costs one receive and no timer.
	wake chan struct{}
	done atomic.Bool
}

// enqueue assigns the next index to e and puts its line, of which body is the
// encoded rest, behind all others. j.mu is held.
func (j *Journal) enqueue(e *audit.Event, body []byte) *batch {
	const headBytes = 40 // the longest head and the newline
	var b *batch
	if n := len(j.queue); n > 0 {
		b = j.queue[n-1]
	}
	if b == nil || b.sealed || len(b.buf)+headBytes+len(body) > MaxBatchBytes {
		b = &batch{first: j.next, start: time.Now(), wake: make(chan struct{})}
		if n := len(j.spare); n > 0 {
			b.buf, j.spare = j.spare[n-1][:0], j.spare[:n-1]
		}
		j.queue = append(j.queue, b)
		j.arm()
	}
	e.Index = j.next
	j.next++
	before := len(b.buf)
	b.buf = audit.AppendHead(b.buf, e.Index)
	b.buf = append(b.buf, body...)
	b.buf = append(b.buf, '\n')
	b.lines++
	j.queued += len(b.buf) - before

	switch e.Kind {
	case audit.KindIntent:
		j.open[e.ID] = e.Index
	case audit.KindOutcome:
		delete(j.open, e.ID)
	}
	if j.idle || j.enough > 0 && b.lines >= j.enough {
		j.idle, j.enough = false, 0
		select {
		case j.kick <- struct{}{}:
		default: // one is on its way
		}
	}
	return b
}

// enqueueSystem queues an event about the journal itself. j.mu is held.
func (j *Journal) enqueueSystem(action string, count uint64, detail string) *batch {
	e := systemEvent(action, count, detail)
	return j.enqueueEvent(&e)
}

// systemEvent makes an event about the journal itself; Origin is set when it is
// queued.
func systemEvent(action string, count uint64, detail string) audit.Event {
	now := time.Now()
	return audit.Event{
		ID: audit.NewID(now), Kind: audit.KindSystem, Time: now,
		Action: action, Count: count, Detail: detail,
	}
}

// enqueueEvent queues an event that nobody waits for. j.mu is held.
func (j *Journal) enqueueEvent(e *audit.Event) *batch {
	e.V, e.Origin = audit.Version, j.cfg.Origin
	b := j.enqueue(e, audit.AppendBody(nil, e))
	j.observer.Appended(e.Kind)
	return b
}

// seal takes the oldest batch to be written, or nothing. over means that there
// will not be another.
func (j *Journal) seal() (b *batch, over bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.queue) == 0 {
		j.idle = true
		return nil, j.closed
	}
	b = j.queue[0]
	b.sealed = true
	b.began = time.Now()
	return b, false
}

// horizon returns an index before which every intent has its outcome in the log,
// as seen by whoever reads a line that is queued now: what was taken off j.open
// stands before it. j.mu is held.
func (j *Journal) horizon() uint64 {
	horizon := j.next
	for _, index := range j.open {
		horizon = min(horizon, index)
	}
	return horizon
}

// settle marks the oldest batch as durable and wakes those who wait for it.
func (j *Journal) settle(b *batch) {
	j.mu.Lock()
	defer j.mu.Unlock()
	// Moving the few that follow keeps the queue's memory for good.
	j.queue = slices.Delete(j.queue, 0, 1)
	j.queued -= len(b.buf)
	if len(j.spare) < 2 {
		j.spare = append(j.spare, b.buf)
	}
	b.buf = nil

	j.size.Store(b.first + uint64(b.lines))
	b.done.Store(true)
	close(b.wake)
	if j.grown != nil {
		close(j.grown)
		j.grown = nil
	}

	j.flushNotes()
	if j.w.seg.size >= j.cfg.SegmentBytes && !j.closed {
		j.enqueueSystem(actionSegment, j.horizon(), "")
	}
	j.end(condFailing)
	j.end(condStalled)
	if j.queued < MaxQueuedBytes/4 {
		j.end(condOverload)
	}
}
