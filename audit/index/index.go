package index

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// ErrLocked says that another process keeps the index.
var ErrLocked = errors.New("the index is in use by another process")

// Index is the queryable copy of a log, and what keeps it up. Open makes one,
// Run follows the journal, Close ends it.
type Index struct {
	*Reader
	cfg  Config
	path string
	lock io.Closer

	// transaction is how many entries one has at most.
	transaction int

	cursor  atomic.Uint64
	suspect atomic.Bool // a query found what no index would hold

	// working is held by whoever uses what follows: Run, Rebuild, Close.
	working sync.Mutex
	w       *writer
	file    os.FileInfo // that w writes
	closed  bool
	pace    pace

	// mu guards grown, which is closed and dropped when cursor has changed.
	mu    sync.Mutex
	grown chan struct{}
}

// Open takes the index of a directory. One that is absent, foreign, damaged, of
// another version or of another log than the source's is started anew, which the
// logger and the observer are told. Nothing is indexed before Run.
func Open(ctx context.Context, c Config) (*Index, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open audit index: %w", err)
	}
	l, err := lock(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("open audit index: %w", err)
	}
	x := &Index{cfg: c, path: filepath.Join(c.Dir, fileName), lock: l, transaction: maxTransaction}
	x.Reader = &Reader{dir: c.Dir, src: c.Source, budget: queryBudget, report: func() { x.suspect.Store(true) }}
	if err := x.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open audit index: %w", err), l.Close())
	}
	return x, nil
}

// open opens what is there, or starts anew.
func (x *Index) open(ctx context.Context) error {
	reason, err := inspect(x.path)
	if err != nil {
		return err
	}
	var cause error
	if reason == "" {
		if err = x.use(ctx); err == nil {
			if reason, err = x.judge(); err != nil {
				// A line that cannot be read says nothing about the index.
				x.cfg.Logger.WarnContext(ctx, "audit index: not compared with the log", "error", err)
			}
		} else if isUnusable(err) {
			reason, cause = ReasonDamaged, err
		} else {
			return err
		}
	}
	if reason == "" {
		return nil
	}
	return x.restart(ctx, reason, cause)
}

// judge returns the reason for which the open index is not the log's.
func (x *Index) judge() (reason string, err error) {
	same, err := agrees(x.cfg.Source, x.w.cursor, x.w.stored)
	if err == nil && !same {
		reason = ReasonRolledBack
	}
	return reason, err
}

// use opens the file for writing and for reading.
func (x *Index) use(ctx context.Context) error {
	w, err := openWriter(ctx, x.cfg.Dir, x.path)
	if err != nil {
		return err
	}
	db, err := openReading(ctx, x.path)
	if err == nil {
		x.file, err = os.Stat(x.path)
	}
	if err != nil {
		return errors.Join(err, w.close(ctx))
	}
	x.w = w
	x.Reader.use(db)
	x.moved()
	return nil
}

// restart starts anew, with no entry indexed.
func (x *Index) restart(ctx context.Context, reason string, cause error) error {
	attrs := []any{"reason", reason, "entries", x.cfg.Source.Size()}
	if cause != nil {
		attrs = append(attrs, "cause", cause)
	}
	if reason == ReasonAbsent {
		x.cfg.Logger.InfoContext(ctx, "audit index: built from the log", attrs...)
	} else {
		x.cfg.Logger.WarnContext(ctx, "audit index: rebuilt from the log", attrs...)
	}
	x.cfg.Observer.Rebuilt(reason)
	// Whatever closing says about the old one does not matter any more.
	_ = x.release(ctx)
	if err := removeFile(x.path, reason); err != nil {
		return err
	}
	if err := create(ctx, x.path); err != nil {
		return err
	}
	x.suspect.Store(false)
	return x.use(ctx)
}

// release closes the file. Queries that run are waited for.
func (x *Index) release(ctx context.Context) error {
	err := x.Reader.Close()
	if x.w != nil {
		err = errors.Join(err, x.w.close(ctx))
		x.w = nil
	}
	return err
}

// moved tells those who wait that the cursor has changed.
func (x *Index) moved() {
	x.cursor.Store(x.w.cursor)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.grown != nil {
		close(x.grown)
		x.grown = nil
	}
}

// Indexed returns the number of entries that are indexed.
func (x *Index) Indexed() uint64 { return x.cursor.Load() }

// Lag returns the number of durable entries that are not indexed.
func (x *Index) Lag() uint64 {
	size, cursor := x.cfg.Source.Size(), x.cursor.Load()
	return size - min(size, cursor)
}

// Wait returns once so many entries are indexed, or ctx is done. With the
// journal's size it waits until everything before the call can be found.
func (x *Index) Wait(ctx context.Context, entries uint64) error {
	for {
		x.mu.Lock()
		if x.grown == nil {
			x.grown = make(chan struct{})
		}
		grown := x.grown
		x.mu.Unlock()
		if x.cursor.Load() >= entries {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// closeTimeout bounds what Close does after ctx is done: closing a database
// copies its write-ahead log back.
const closeTimeout = 5 * time.Second

// Close gives the index up. Cancel Run's context before.
func (x *Index) Close() error {
	x.working.Lock()
	defer x.working.Unlock()
	if x.closed {
		return nil
	}
	x.closed = true
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return errors.Join(x.release(ctx), x.lock.Close())
}
