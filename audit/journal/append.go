package journal

import (
	"context"
	"sync"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

// Commit is where and how fast a line became durable.
type Commit struct {
	Index uint64
	Took  time.Duration // from the call to its return
}

// bodies are buffers for encoding outside the lock.
type bodyPool struct{ pool sync.Pool }

func (p *bodyPool) get() *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return b
	}
	return new(make([]byte, 0, 2048))
}

func (p *bodyPool) put(b *[]byte) {
	*b = (*b)[:0]
	p.pool.Put(b)
}

// Append records e: it sets V, Index, Origin and, if it is zero, Time, and
// returns once the line is durable. The error is [ErrTimeout] after at most
// CommitTimeout (and not before seven eighths of it), or at once an
// [*Unavailable].
//
// An error leaves nothing to undo. After an Unavailable the line does not exist;
// after ErrTimeout it is queued, and is durable when Size is above the Index of the
// Commit, unless the process ends before: a caller that gives up an intent then
// owes its outcome, see [Journal.Record].
//
// A queued line is not withdrawn when ctx is cancelled: it carries values only.
func (j *Journal) Append(ctx context.Context, e *audit.Event) (Commit, error) {
	return j.record(ctx, e, false)
}

// Settle records the outcome of a call whose intent is durable. Unlike an
// Append it is queued also while the journal cannot commit, and may use the disk
// reserve; after ErrTimeout the line stays queued and is written when the
// journal recovers. It is refused only by a closed journal, and when
// [MaxQueuedBytes] of lines are waiting: then nobody has the memory to keep it,
// and the next start records that the outcome is unknown.
func (j *Journal) Settle(ctx context.Context, e *audit.Event) (Commit, error) {
	return j.record(ctx, e, true)
}

// Record queues an owed line as Settle does, and does not wait for it.
func (j *Journal) Record(e *audit.Event) {
	_, _ = j.submit(context.Background(), e, true) // logs a refusal, which nobody here could mend
}

func (j *Journal) record(ctx context.Context, e *audit.Event, owed bool) (Commit, error) {
	started := time.Now()
	t, err := j.submit(ctx, e, owed)
	if err != nil {
		return Commit{}, err
	}
	err = j.wait(t, started)
	return Commit{Index: e.Index, Took: time.Since(started)}, err
}

// ticket is what a caller waits for. The channel was the batch's when the line
// was queued.
type ticket struct {
	batch *batch
	wake  <-chan struct{}
}

func (j *Journal) submit(ctx context.Context, e *audit.Event, owed bool) (ticket, error) {
	e.V = audit.Version
	e.Origin = j.cfg.Origin
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	body := j.bodies.get()
	*body = audit.AppendBody(*body, e)

	j.mu.Lock()
	if reason := j.refuses(owed); reason != "" {
		j.mu.Unlock()
		j.bodies.put(body)
		j.observer.Refused(reason)
		if owed {
			j.log.ErrorContext(ctx, "owed audit line is lost", "id", e.ID, "kind", e.Kind, "reason", reason)
		}
		return ticket{}, &Unavailable{Reason: reason}
	}
	b := j.enqueue(e, *body)
	t := ticket{b, b.wake}
	j.mu.Unlock()

	j.bodies.put(body)
	j.observer.Appended(e.Kind)
	return t, nil
}

// refuses returns the reason for which a line is turned away now, or nothing.
// j.mu is held.
func (j *Journal) refuses(owed bool) string {
	if owed {
		switch {
		case j.closed:
			return ReasonClosed
		case j.queued >= MaxQueuedBytes:
			return ReasonOverload
		}
		return ""
	}
	reason := j.refusal()
	switch reason {
	case "":
		return ""
	case ReasonOverload:
		j.begin(condOverload, "more lines than the disk takes")
	}
	j.episode.refused++
	return reason
}

// wait returns when the ticket's batch is durable or the time is up.
func (j *Journal) wait(t ticket, started time.Time) error {
	for {
		<-t.wake
		if t.batch.done.Load() {
			return nil
		}
		t.wake = j.rewake(t.batch)
		if t.batch.done.Load() {
			return nil
		}
		if time.Since(started) >= j.cfg.CommitTimeout-j.quantum() {
			j.observer.Refused(ReasonTimeout)
			return ErrTimeout
		}
	}
}

// rewake returns the channel to wait on after one that was closed too early.
func (j *Journal) rewake(b *batch) <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	return b.wake
}

// quantum is the grain of timeouts. Whoever would run out of time before the
// next look at the clock gives up at this one.
func (j *Journal) quantum() time.Duration { return j.cfg.CommitTimeout / 8 }

// arm starts the watchdog unless it runs. j.mu is held.
func (j *Journal) arm() {
	if !j.armed {
		j.armed = true
		j.watchdog.Reset(j.cfg.CommitTimeout)
	}
}

// watch wakes those who wait for a batch that is overdue, so that they look at
// their clocks, and notices when the disk hangs. It runs on the watchdog's timer:
// one for the journal, which a batch that commits in time never touches.
func (j *Journal) watch() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.armed = false
	if len(j.queue) == 0 {
		return
	}
	now := time.Now()
	if j.gaveUp && now.Sub(j.closedAt) > 2*j.cfg.CommitTimeout {
		return // nobody can be waiting any more
	}
	next := j.cfg.CommitTimeout
	for i, b := range j.queue {
		age := now.Sub(b.start)
		if age >= j.cfg.CommitTimeout {
			close(b.wake)
			b.wake = make(chan struct{})
			next = j.quantum()
		} else {
			next = min(next, j.cfg.CommitTimeout-age)
		}
		if i == 0 && b.sealed && now.Sub(b.began) >= j.cfg.CommitTimeout && !j.episode.holds[condStalled] {
			j.log.Error("audit journal: disk does not answer", "dir", j.cfg.Dir, "for", now.Sub(b.began))
			j.begin(condStalled, "disk did not answer within the commit timeout")
		}
	}
	j.armed = true
	j.watchdog.Reset(next)
}
