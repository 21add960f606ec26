package ledger

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Ledger follows one journal. Make one with [Open].
type Ledger struct {
	cfg   Config
	log   *slog.Logger
	src   Source
	root  Root
	store *store
	key   *signingKey
	lock  io.Closer
	sinks []*sinkQueue

	closing context.Context // done once Close has begun
	close   context.CancelFunc

	// running is held by whoever follows: Run, or Close after it. What stands
	// below belongs to the holder.
	running   sync.Mutex
	tree      *tree
	full      []tile            // complete tiles that are not written yet
	last      signedCheckpoint  // the newest that is durable
	pending   *signedCheckpoint // signed, but not known to be durable
	anchors   []anchor          // copies ahead of last, smallest first
	at        string            // the step under way
	failure   failure
	refusal   *RefusedError // once there is one, nothing is signed any more
	mendAfter time.Time     // when to try again to rebuild tiles

	damaged atomic.Bool   // a reader has met a damaged tile
	repair  chan struct{} // wakes Run to rebuild; has room for one

	// size is that of the newest durable checkpoint, whose tiles are on disk.
	size atomic.Int64

	mu        sync.Mutex // guards what stands below
	published signedCheckpoint
	signedAt  time.Time
	health    Health
	unmended  Health        // why damaged tiles could not be rebuilt; OK if there are none
	ended     error         // why nothing will be signed any more
	changed   chan struct{} // closed at the next change of published, health or ended
}

// signedCheckpoint is a checkpoint with the note that it was read from or
// written to.
type signedCheckpoint struct {
	Checkpoint
	note []byte
}

// VerifierKey returns the key that checkpoints and proofs are verified with, in
// the note package's text form.
func (l *Ledger) VerifierKey() string { return l.key.verifierKey }

// Checkpoint returns the newest durable checkpoint and the signed note that it
// stands in.
func (l *Ledger) Checkpoint() (Checkpoint, []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.published.Checkpoint, l.published.note
}

// snapshot returns the newest durable checkpoint, a channel that is closed when
// there may be a newer one, and an error if there never will be.
func (l *Ledger) snapshot() (c signedCheckpoint, changed <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.published, l.changed, l.ended
}

// publish makes a durable checkpoint the one that readers see.
func (l *Ledger) publish(c signedCheckpoint, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.published = c
	l.size.Store(int64(c.Size))
	if c.Size > 0 {
		l.signedAt = at
	}
	l.wake()
}

// wake tells those who wait that something has changed. l.mu is held.
func (l *Ledger) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// hashes reads the hashes of a tree that the newest checkpoint covers.
func (l *Ledger) hashes(of tlog.Tree) tlog.HashReader {
	return l.store.hashes(of, l.size.Load)
}

// reportDamage asks the follower to make the tiles again.
func (l *Ledger) reportDamage(err error) {
	if !l.damaged.Swap(true) {
		l.log.Error("audit ledger: tiles are damaged and will be rebuilt from the journal", "error", err)
	}
	select {
	case l.repair <- struct{}{}:
	default:
	}
}
