package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

// What system events of the journal say in their Action.
const (
	actionStart        = "start"         // Detail: version
	actionStop         = "stop"          //
	actionRecovered    = "recovered"     // Count: refused appends; Detail: causes
	actionSegment      = "segment"       // Count: every intent before this index has its outcome
	actionTornTail     = "torn_tail"     // Count: bytes; Detail: the file that keeps them
	actionSurplus      = "surplus"       // likewise, behind the end of an abandoned segment
	actionFileReplaced = "file_replaced" // Count: lost entries; Detail: which, and what happened
)

// Journal is an open log. Open makes one, Close ends it.
type Journal struct {
	cfg      Config
	log      *slog.Logger
	observer Observer
	dir      Dir
	lock     io.Closer
	bodies   bodyPool

	size atomic.Uint64 // durable entries
	free atomic.Int64  // bytes of the file system, as last seen

	kick     chan struct{} // a line was queued while the writer was idle, or enough of them while it gathered
	quit     chan struct{} // closed when Close gives up waiting
	finished chan struct{} // closed when the writer has returned
	closeErr error         // of the writer, valid once finished is closed

	stopPacking context.CancelFunc
	packed      chan struct{} // closed when nothing is compressed any more

	// keeping has room for whoever renames or removes closed segments: the packer,
	// for one segment at a time, and Prune. It guards released. It is a channel,
	// for it is held for as long as a disk takes.
	keeping  chan struct{}
	released bool // the directory is given free

	// mu guards what follows. It is held for copying a line, never across a
	// system call.
	mu       sync.Mutex
	queue    []*batch // oldest first; the first may be sealed
	queued   int      // bytes in queue
	spare    [][]byte
	next     uint64            // index of the next line
	open     map[string]uint64 // intents without outcome, id to index
	idle     bool              // the writer waits for kick
	enough   int               // the writer gathers, until a batch has so many lines; 0 when it does not
	grown    chan struct{}     // closed and dropped when size grows; nil if nobody watches
	watchdog *time.Timer
	armed    bool // the watchdog will call
	closed   bool
	closedAt time.Time
	gaveUp   bool // quit is closed
	episode  episode
	failing  string        // reason while condFailing holds
	lost     []Range       // durable entries taken by somebody else in this run
	notes    []audit.Event // to be recorded once writing works again

	w writer // owned by the writing goroutine
}

// Open takes the directory, repairs what an interrupted write left, and records
// what it did, every call whose outcome is unknown, and the start. It returns
// once all that is durable; while it is not, ctx bounds the wait.
//
// It refuses if another writer holds the directory, and if the log is damaged in
// a way that no interrupted write explains: then it changes nothing, and the
// error says what is wrong where and what to do.
func Open(ctx context.Context, c Config) (*Journal, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open audit journal: %w", err)
	}
	dir, err := c.FS.CreateDir(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("open audit journal: %w", err)
	}
	lock, err := dir.Lock(lockName)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open audit journal: %w", err), dir.Close())
	}
	r, err := recoverDir(dir, c.Logger)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open audit journal: %w", err), lock.Close(), dir.Close())
	}
	j := &Journal{
		cfg: c, log: c.Logger, observer: c.Observer, dir: dir, lock: lock,
		kick: make(chan struct{}, 1), quit: make(chan struct{}), finished: make(chan struct{}),
		next: r.next, open: map[string]uint64{},
		w: writer{seg: r.seg},
	}
	j.packed, j.keeping = make(chan struct{}), make(chan struct{}, 1)
	j.size.Store(r.next)
	j.watchdog = time.AfterFunc(c.CommitTimeout, j.watch)
	j.watchdog.Stop()
	j.checkFree()
	started := j.enqueueStart(r.events)
	packing, stop := context.WithCancel(context.Background())
	j.stopPacking = stop
	go j.pack(packing)
	go j.run()
	if err := j.awaitStart(ctx, started); err != nil {
		reason := j.Health().Reason
		j.giveUp()
		return nil, fmt.Errorf("open audit journal: record the start: %w (%s)", err, reason)
	}
	return j, nil
}

func (j *Journal) enqueueStart(recovered []audit.Event) ticket {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range recovered {
		j.enqueueEvent(&recovered[i])
	}
	b := j.enqueueSystem(actionStart, 0, j.cfg.Version)
	return ticket{b, b.wake}
}

func (j *Journal) awaitStart(ctx context.Context, t ticket) error {
	timeout := time.NewTimer(openTimeout)
	defer timeout.Stop()
	for {
		select {
		case <-t.wake:
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return ErrTimeout
		}
		if t.batch.done.Load() {
			return nil
		}
		t.wake = j.rewake(t.batch)
	}
}

// Close refuses what comes from now on, writes what is queued, records the stop
// and gives the directory free. If ctx ends first, lines that were owed are lost,
// which the error says; the next Open records the calls whose outcome was among
// them.
func (j *Journal) Close(ctx context.Context) error {
	j.mu.Lock()
	if !j.closed {
		j.enqueueSystem(actionStop, 0, "")
		j.closed, j.closedAt = true, time.Now()
	}
	j.mu.Unlock()
	select {
	case <-j.finished:
		return j.closeErr
	case <-ctx.Done():
		j.giveUp()
		if n := j.waiting(); n > 0 {
			return fmt.Errorf("close audit journal: %d lines are not durable: %w", n, ctx.Err())
		}
		return nil
	}
}

// waiting returns how many lines are queued.
func (j *Journal) waiting() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, b := range j.queue {
		n += b.lines
	}
	return n
}

// giveUp ends the writer with lines still queued. A writer that hangs in a
// system call keeps the directory locked until that returns, so that nobody
// writes beside it.
func (j *Journal) giveUp() {
	j.mu.Lock()
	if !j.closed {
		j.closed, j.closedAt = true, time.Now()
	}
	if !j.gaveUp {
		j.gaveUp = true
		close(j.quit)
	}
	j.mu.Unlock()
	select {
	case <-j.finished:
	case <-time.After(giveUpGrace):
	}
}

// Size returns the number of durable entries, which is the index of the next.
func (j *Journal) Size() uint64 { return j.size.Load() }

// Watch returns a channel that is closed when Size grows after the call. A
// follower calls Watch, then reads up to Size, then waits.
func (j *Journal) Watch() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.grown == nil {
		j.grown = make(chan struct{})
	}
	return j.grown
}
