package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"golang.org/x/mod/sumdb/tlog"
)

// Run follows the journal until ctx is done or [Ledger.Close] is called, and
// then returns nil. It gathers entries for one interval after the first that no
// checkpoint covers, then signs them all; while there are none, it sleeps.
//
// What fails is tried again, except for a refusal: that is returned, and the
// ledger signs no more.
func (l *Ledger) Run(ctx context.Context) error {
	if !l.running.TryLock() {
		return errors.New("audit ledger is followed already")
	}
	defer l.running.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.closing, cancel)()

	for {
		grown := l.src.Watch()
		if !l.behind() {
			select {
			case <-ctx.Done():
				return nil
			case <-grown:
			case <-l.repair:
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(l.delay()):
		}
		err := l.step(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if refused, ok := errors.AsType[*RefusedError](err); ok {
			return refused
		}
	}
}

// Close signs what the journal has become meanwhile, waits until the sinks have
// their copies or ctx is done, and gives the directory up. Close the journal
// first, so that its last line is signed, and stop serving the handler.
func (l *Ledger) Close(ctx context.Context) error {
	if !l.beginClose() {
		return nil
	}
	l.running.Lock()
	defer l.running.Unlock()

	var err error
	if l.refusal == nil {
		err = l.step(ctx)
	}
	for _, s := range l.sinks {
		s.finish(ctx)
	}
	return errors.Join(err, l.lock.Close(), l.root.Close())
}

// beginClose ends Run and reports whether nobody has done so before.
func (l *Ledger) beginClose() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing.Err() != nil {
		return false
	}
	l.close()
	if l.ended == nil {
		l.ended = errClosed
	}
	l.wake()
	return true
}

// behind reports whether there is something that no checkpoint covers.
func (l *Ledger) behind() bool {
	return l.pending != nil || l.damaged.Load() ||
		l.tree.size != int64(l.last.Size) || l.src.Size() > uint64(l.tree.size)
}

// delay is the time to gather entries, longer after failures.
func (l *Ledger) delay() time.Duration {
	if l.failure.count == 0 {
		return l.cfg.Interval
	}
	return min(l.cfg.Interval<<min(l.failure.count-1, 16), max(maxBackoff, l.cfg.Interval))
}

// step brings tree, tiles and checkpoint to where the journal is.
func (l *Ledger) step(ctx context.Context) error {
	err := l.advance(ctx)
	if err != nil && ctx.Err() != nil {
		return err
	}
	if _, damaged := errors.AsType[*DamagedError](err); damaged {
		l.reportDamage(err)
	}
	l.note(err)
	return err
}

func (l *Ledger) advance(ctx context.Context) error {
	began := time.Now()
	if err := l.mend(ctx); err != nil {
		return err
	}
	if err := l.follow(ctx); err != nil {
		return err
	}
	if l.pending != nil {
		// What is not known to be durable comes first: nothing else is signed
		// before that is certain.
		if err := l.commit(began); err != nil {
			return err
		}
	}
	if l.tree.size == int64(l.last.Size) {
		return nil
	}
	if err := l.writeTiles(); err != nil {
		return err
	}
	return l.sign(began)
}

// mend rebuilds the tiles if somebody has found them damaged. Where that is not
// possible, because the lines were pruned say, the log goes on without: only
// what those tiles cover cannot be proved. It returns what stands in the way of
// going on.
func (l *Ledger) mend(ctx context.Context) error {
	if !l.damaged.Load() || time.Now().Before(l.mendAfter) {
		return nil
	}
	err := l.rebuild(ctx)
	if _, refused := errors.AsType[*RefusedError](err); refused || ctx.Err() != nil {
		return err
	}
	if err != nil {
		l.log.Error("audit ledger: damaged tiles cannot be rebuilt", "error", err)
		l.cfg.Observer.Failed(StepTiles)
		l.mendAfter = time.Now().Add(mendRetry)
	} else {
		l.damaged.Store(false)
	}
	l.noteMending(err)
	return nil
}

// follow takes the journal's new entries into the tree.
func (l *Ledger) follow(ctx context.Context) error {
	if err := l.flush(); err != nil {
		return err
	}
	l.at = StepRead
	for line, err := range l.src.Read(uint64(l.tree.size)) {
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		next := uint64(l.tree.size)
		if index, ok := audit.ParseHead(line.Bytes); line.Index != next || !ok || index != next {
			return fmt.Errorf("read journal: entry %d is missing, and nothing can be signed without it", next)
		}
		l.tree.add(tlog.RecordHash(line.Bytes), l.keep)
		if len(l.anchors) > 0 && l.anchors[0].Size == uint64(l.tree.size) {
			if err := l.anchors[0].check(l.tree.root()); err != nil {
				return err
			}
			l.anchors = l.anchors[1:]
		}
		if len(l.full) >= flushTiles {
			if err := l.flush(); err != nil {
				return err
			}
			l.at = StepRead
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// keep is told of each complete tile.
func (l *Ledger) keep(t tlog.Tile, data []byte) {
	l.full = append(l.full, tile{t, data})
}

// flush writes the complete tiles that have gathered. They stay gathered until
// they are durable.
func (l *Ledger) flush() error {
	l.at = StepTiles
	if err := l.store.write(l.full); err != nil {
		return err
	}
	l.full = nil
	return nil
}

// writeTiles writes all tiles that the tree has and the last checkpoint's had not.
func (l *Ledger) writeTiles() error {
	if err := l.flush(); err != nil {
		return err
	}
	var grown []tile
	for _, t := range l.tree.partial() {
		if t.W != widthAt(t.L, t.N, int64(l.last.Size)) {
			grown = append(grown, t)
		}
	}
	return l.store.write(grown)
}
