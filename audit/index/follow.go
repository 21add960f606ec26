package index

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// checkEvery is how often an idle index looks whether its file is still there.
const checkEvery = 5 * time.Second

var errClosed = errors.New("audit index is closed")

// Run follows the journal until ctx is done, and then returns nil. What fails is
// tried again; an index that turns out to be damaged is rebuilt.
func (x *Index) Run(ctx context.Context) error {
	if !x.working.TryLock() {
		return errors.New("audit index is followed already")
	}
	defer x.working.Unlock()
	if x.closed {
		return errClosed
	}
	failures := 0
	for {
		grown := x.cfg.Source.Watch()
		wait := gather
		switch {
		case failures > 0:
			wait = min(minBackoff<<min(failures-1, 16), maxBackoff)
		case x.Lag() == 0 && !x.suspect.Load():
			select {
			case <-ctx.Done():
				return nil
			case <-grown:
			case <-time.After(checkEvery):
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		err := x.step(ctx, nil)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if failures == 0 {
				x.cfg.Logger.ErrorContext(ctx, "audit index: falls behind the log", "lag", x.Lag(), "error", err)
			}
			failures++
		case failures > 0:
			x.cfg.Logger.InfoContext(ctx, "audit index: follows the log again", "lag", x.Lag())
			failures = 0
		}
	}
}

// Rebuild starts anew and returns when everything that the source had at the
// beginning is indexed. progress may be nil; it is told how far that is. Run
// must not be running.
func (x *Index) Rebuild(ctx context.Context, progress func(done, total uint64)) error {
	if !x.working.TryLock() {
		return errors.New("rebuild audit index: it is followed meanwhile")
	}
	defer x.working.Unlock()
	if x.closed {
		return errClosed
	}
	if err := x.restart(ctx, ReasonAsked, nil); err != nil {
		return fmt.Errorf("rebuild audit index: %w", err)
	}
	for total := x.cfg.Source.Size(); x.Indexed() < total; {
		before := x.Indexed()
		if err := x.step(ctx, progress); err != nil {
			return fmt.Errorf("rebuild audit index: %w", err)
		}
		if x.Indexed() <= before {
			return fmt.Errorf("rebuild audit index: no further than entry %d of %d", before, total)
		}
	}
	return ctx.Err()
}

// step brings the index to where the journal is.
func (x *Index) step(ctx context.Context, progress func(done, total uint64)) error {
	if err := x.ensure(ctx); err != nil {
		return err
	}
	err := x.advance(ctx, progress)
	if err == nil || x.w == nil {
		return err
	}
	// The context may be what ended the step; undoing it must not end so too.
	undo := context.WithoutCancel(ctx)
	if undone := x.w.rollback(undo); isUnusable(undone) {
		err = undone
	} else if undone != nil {
		err = errors.Join(err, undone)
	}
	x.moved()
	if isUnusable(err) {
		return x.restart(undo, ReasonDamaged, err)
	}
	return err
}

// ensure sees to it that there is a sound file.
func (x *Index) ensure(ctx context.Context) error {
	if x.w == nil {
		return x.open(ctx)
	}
	if x.suspect.Load() {
		return x.restart(ctx, ReasonDamaged, errors.New("a query found another entry than the index has"))
	}
	if found, err := os.Stat(x.path); err != nil || !os.SameFile(found, x.file) {
		return x.restart(ctx, ReasonReplaced, err)
	}
	if x.cfg.Source.Size() < x.w.cursor {
		return x.restart(ctx, ReasonRolledBack, nil)
	}
	return nil
}

// advance takes in the journal's new entries, some chunks to a transaction.
func (x *Index) advance(ctx context.Context, progress func(done, total uint64)) error {
	if x.Lag() == 0 {
		return nil
	}
	// The driver starts a goroutine for each statement whose context can end.
	bare := context.WithoutCancel(ctx)
	total := x.cfg.Source.Size()
	x.cfg.Observer.Lag(x.Lag())
	began := time.Now()
	commit := func() error {
		entries, unread := x.w.entries, x.w.unread
		if err := x.w.commit(bare); err != nil {
			return err
		}
		x.moved()
		if unread > 0 {
			x.cfg.Logger.WarnContext(ctx, "audit index: lines of the log cannot be read", "lines", unread, "before", x.w.cursor)
		}
		if entries > 0 {
			x.cfg.Observer.Indexed(entries, time.Since(began))
		}
		x.cfg.Observer.Lag(x.Lag())
		if progress != nil {
			progress(x.w.cursor, max(total, x.w.cursor))
		}
		began = time.Now()
		return ctx.Err()
	}
	for line, err := range x.cfg.Source.Read(x.w.cursor) {
		if _, missing := errors.AsType[*journal.MissingError](err); missing {
			continue
		}
		if err != nil {
			// What came before it is sound.
			return errors.Join(fmt.Errorf("read journal: %w", err), commit())
		}
		if x.w.entries >= x.transaction {
			if err := commit(); err != nil {
				return err
			}
		}
		if err := x.w.add(bare, line); err != nil {
			return err
		}
		if progress == nil { // a rebuild that somebody waits for does not rest
			x.pace.rest(ctx, x.cfg.Source)
		}
	}
	return commit()
}
