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

	// running is held by whoever follows: Run, or Close after it. What stands
	// below belongs to the holder.
	running sync.Mutex
	tree    *tree
	full    []tile            // complete tiles that are not written yet
	last    signedCheckpoint  // the newest that is durable
	pending *signedCheckpoint // signed, but not known to be durable
	anchors []anchor          // copies ahead of last, smallest first
	failure failure
	refusal *RefusedError // once there is one, nothing is signed any more
	at      string        // the step under way

	mendAfter time.Time       // when to try again to rebuild tiles
	closing   context.Context // done once Close has begun
	close     context.CancelFunc

	// damaged is set by readers that met a damaged tile.
	damaged atomic.Bool
	repair  chan struct{} // has room for one

	// size is that of the newest durable checkpoint, whose tiles are on disk.
	size atomic.Int64

	mu        sync.Mutex // guards what stands below
	published signedCheckpoint
	signedAt  time.Time
	changed   chan struct{} // closed at the next change of published or health
	health    Health
	unmended  error // why damaged tiles could not be rebuilt
	ended     error // why nothing will be signed any more
}

// signedCheckpoint is a checkpoint with the note that it was read from or
// written to.
type signedCheckpoint struct {
	Checkpoint
	note []byte
}

// anchor is a checkpoint kept elsewhere that the tree has to pass through.
type anchor struct {
	Checkpoint
	name string
}

// Health is a ledger's state at one moment.
type Health struct {
	OK     bool
	Reason string    // why not: one of Steps, or a Reason to refuse
	Detail string    // the error
	Since  time.Time // when that began

	Size   uint64    // entries that the newest checkpoint covers
	Signed time.Time // when that was made; zero while it is the empty log's
}

// Health reports whether the ledger keeps up, and has all its tiles.
func (l *Ledger) Health() Health {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.health
	if h.OK && l.unmended != nil {
		h.OK, h.Reason, h.Detail = false, StepTiles, l.unmended.Error()
	}
	h.Size = l.published.Size
	h.Signed = l.signedAt
	return h
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
