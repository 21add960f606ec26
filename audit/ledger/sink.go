package ledger

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	// putTimeout bounds one attempt to give a copy away.
	putTimeout = 30 * time.Second
	// A failed attempt is repeated, with a newer checkpoint if there is one.
	firstPutRetry = time.Second
	maxPutRetry   = time.Minute
)

// Sink takes copies of checkpoints to where whoever can write the log cannot
// reach them: that is what proves a rolled-back or rewritten log. It gets the
// newest one; those that were superseded while it was busy it does not get.
type Sink interface {
	// Name tells sinks apart in logs.
	Name() string
	// Put takes a signed checkpoint. It is called by one goroutine and has to
	// return soon after ctx is done.
	Put(ctx context.Context, checkpoint []byte) error
}

// Keeper is a [Sink] that can tell what it was given last. The log then refuses
// to start where it contradicts that.
type Keeper interface {
	// Kept returns the newest checkpoint, or nothing if there is none.
	Kept(ctx context.Context) ([]byte, error)
}

// sinkQueue feeds one sink and never makes the ledger wait.
type sinkQueue struct {
	sink     Sink
	log      *slog.Logger
	observer Observer

	mu     sync.Mutex // guards what follows
	next   []byte     // not given yet; a newer one takes its place
	health CopyHealth

	kick     chan struct{} // has room for one
	closing  chan struct{} // closed by finish
	cancel   context.CancelFunc
	finished chan struct{}
}

func startSink(s Sink, log *slog.Logger, o Observer) *sinkQueue {
	ctx, cancel := context.WithCancel(context.Background())
	q := &sinkQueue{
		sink: s, log: log.With("sink", s.Name()), observer: o,
		health: CopyHealth{Name: s.Name(), OK: true},
		kick:   make(chan struct{}, 1), closing: make(chan struct{}), cancel: cancel, finished: make(chan struct{}),
	}
	go q.run(ctx)
	return q
}

func (l *Ledger) distribute(c signedCheckpoint) {
	for _, q := range l.sinks {
		q.offer(c.note)
	}
}

func (q *sinkQueue) offer(checkpoint []byte) {
	q.mu.Lock()
	q.next = checkpoint
	if q.health.Waiting.IsZero() {
		q.health.Waiting = time.Now()
	}
	q.mu.Unlock()
	select {
	case q.kick <- struct{}{}:
	default:
	}
}

// finish waits until the sink has got or refused the newest checkpoint, or ctx
// is done. A sink that does not obey its context is left to itself then.
func (q *sinkQueue) finish(ctx context.Context) {
	close(q.closing)
	select {
	case <-q.finished:
	case <-ctx.Done():
	}
	q.cancel()
}

func (q *sinkQueue) take() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	checkpoint := q.next
	q.next = nil
	return checkpoint
}

// putBack keeps a checkpoint for the next attempt unless there is a newer one.
func (q *sinkQueue) putBack(checkpoint []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next == nil {
		q.next = checkpoint
	}
}

func (q *sinkQueue) run(ctx context.Context) {
	defer close(q.finished)
	var retry time.Duration
	for {
		last := false
		select {
		case <-q.closing:
			last = true
		default:
		}
		if checkpoint := q.take(); checkpoint != nil {
			retry = q.deliver(ctx, checkpoint, retry)
		}
		if last {
			return
		}
		kick, timer := q.kick, (<-chan time.Time)(nil)
		if retry > 0 {
			// Not cut short by newer checkpoints: a sink that is down would get
			// an attempt for each.
			kick, timer = nil, time.After(retry)
		}
		select {
		case <-kick:
		case <-timer:
		case <-q.closing:
		case <-ctx.Done():
			return
		}
	}
}

// deliver tries once, and returns how long to wait before the next attempt, or
// 0 if none is needed.
func (q *sinkQueue) deliver(ctx context.Context, checkpoint []byte, retry time.Duration) time.Duration {
	// A sink may hang and not heed its context, as a pipe that nobody reads.
	stuck := time.AfterFunc(putTimeout+2*killGrace, func() { q.failed(errors.New("it has taken nothing for a while, and does not give up")) })
	err := q.put(ctx, checkpoint)
	stuck.Stop()
	if err == nil {
		q.delivered()
		return 0
	}
	q.observer.Failed(StepCopy)
	q.failed(err)
	q.putBack(checkpoint)
	return min(max(2*retry, firstPutRetry), maxPutRetry)
}

func (q *sinkQueue) put(ctx context.Context, checkpoint []byte) error {
	ctx, cancel := context.WithTimeoutCause(ctx, putTimeout, errors.New("no answer in time"))
	defer cancel()
	return q.sink.Put(ctx, checkpoint)
}
