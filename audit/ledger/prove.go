package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"

	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// NotCoveredError says that no checkpoint covers an entry.
type NotCoveredError struct {
	Index uint64
	Size  uint64 // of the newest checkpoint
	Err   error  // why there is none, if it was waited for
}

func (e *NotCoveredError) Error() string {
	s := fmt.Sprintf("entry %d is not covered by the newest checkpoint, of %d entries", e.Index, e.Size)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *NotCoveredError) Unwrap() error { return e.Err }

// Prove returns the text of an offline proof of one entry against the newest
// checkpoint. If none covers the entry yet, it waits for one until ctx is done.
// An entry that the journal does not have, and one that nothing will be signed
// over, is a [*NotCoveredError] at once.
func (l *Ledger) Prove(ctx context.Context, index uint64) ([]byte, error) {
	for {
		c, changed, err := l.snapshot()
		if index < c.Size {
			return l.prove(c, index)
		}
		if err != nil || index >= l.src.Size() {
			return nil, &NotCoveredError{index, c.Size, err}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, &NotCoveredError{index, c.Size, context.Cause(ctx)}
		}
	}
}

func (l *Ledger) prove(c signedCheckpoint, index uint64) ([]byte, error) {
	p, err := l.view().prove(c, index)
	if err != nil {
		if _, damaged := errors.AsType[*DamagedError](err); damaged {
			l.reportDamage(err)
		}
		return nil, err
	}
	return p.Text(), nil
}

func (l *Ledger) view() view { return view{l.store, l.size.Load, l.src.Read} }

// ProveDir is [Ledger.Prove] for whoever does not follow the log: it reads the
// audit directory as it is, and never waits. It may run beside a ledger.
func ProveDir(dir string, index uint64) ([]byte, error) {
	root, err := osFS{}.OpenRoot(filepath.Join(dir, directoryName))
	if err != nil {
		return nil, fmt.Errorf("prove entry %d: %w", index, err)
	}
	defer root.Close()
	key, err := readVerifierKey(root)
	if err != nil {
		return nil, err
	}
	// Beside a ledger, tiles of the checkpoint that was read may be superseded
	// before they are; a newer checkpoint is there by then.
	var text, before []byte
	for {
		if text, err = root.ReadFile(checkpointName); err != nil {
			return nil, fmt.Errorf("prove entry %d: %w", index, err)
		}
		proof, err := proveFrom(dir, root, text, key, index)
		if _, damaged := errors.AsType[*DamagedError](err); !damaged || bytes.Equal(text, before) {
			return proof, err
		}
		before = text
	}
}

func proveFrom(dir string, root Root, checkpoint []byte, key string, index uint64) ([]byte, error) {
	c, err := OpenCheckpoint(checkpoint, key)
	if err != nil {
		return nil, err
	}
	if index >= c.Size {
		return nil, &NotCoveredError{Index: index, Size: c.Size}
	}
	v := view{
		store: newStore(root),
		size:  func() int64 { return int64(c.Size) },
		lines: func(from uint64) iter.Seq2[journal.Line, error] { return journal.ReadDir(dir, from) },
	}
	p, err := v.prove(signedCheckpoint{c, checkpoint}, index)
	if err != nil {
		return nil, err
	}
	return p.Text(), nil
}
