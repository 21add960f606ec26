package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// sign signs the tree as it is and makes that the newest checkpoint. Its tiles
// are durable already.
func (l *Ledger) sign(began time.Time) error {
	l.at = StepTiles
	if err := l.proveConsistent(); err != nil {
		return err
	}
	l.at = StepCheckpoint
	next, err := l.signTree(l.tree)
	if err != nil {
		return err
	}
	l.pending = next
	return l.commit(began)
}

// proveConsistent checks that the tree extends the one that was signed last, by
// a consistency proof from the tiles as they are on disk.
func (l *Ledger) proveConsistent() error {
	old, now := l.last.tree(), tlog.Tree{N: l.tree.size, Hash: l.tree.root()}
	if old.N == 0 {
		return nil
	}
	size := func() int64 { return now.N }
	proof, err := tlog.ProveTree(now.N, old.N, l.store.hashes(now, size))
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(proof, now.N, now.Hash, old.N, old.Hash); err != nil {
		return &RefusedError{
			Reason: ReasonRewritten,
			What:   fmt.Sprintf("the log of %d entries does not extend the one of %d entries that was signed", now.N, old.N),
			Do:     adviseVerify,
			Err:    err,
		}
	}
	return nil
}

func (l *Ledger) signTree(t *tree) (*signedCheckpoint, error) {
	c := Checkpoint{Origin: l.cfg.Origin, Size: uint64(t.size), Root: t.root()}
	signed, err := note.Sign(&note.Note{Text: c.Text()}, l.key)
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint of %d entries: %w", c.Size, err)
	}
	return &signedCheckpoint{c, signed}, nil
}

// commit replaces the last checkpoint by the pending one, if the last is still
// the one on disk. Until that is known to be durable the pending one stays
// pending, and nobody gets to see it.
func (l *Ledger) commit(began time.Time) error {
	l.at = StepCheckpoint
	next := *l.pending
	have, err := l.root.ReadFile(checkpointName)
	if err != nil && !isNotExist(err) {
		return fmt.Errorf("compare checkpoint: %w", err)
	}
	if !bytes.Equal(have, l.last.note) && !bytes.Equal(have, next.note) {
		return l.foreign(have, isNotExist(err))
	}
	if err := replaceFileDurably(l.root, checkpointName, next.note, privateFile); err != nil {
		return err
	}
	old := l.last
	l.last, l.pending = next, nil
	now := time.Now()
	l.publish(next, now)
	l.cfg.Observer.Signed(next.Size, now.Sub(began))
	if err := l.store.supersede(int64(old.Size), int64(next.Size)); err != nil {
		l.log.Warn("audit ledger: superseded tiles stay behind", "error", err)
	}
	l.distribute(next)
	return nil
}

// foreign says what stands in the place of our checkpoint.
func (l *Ledger) foreign(have []byte, gone bool) *RefusedError {
	if gone {
		return &RefusedError{
			Reason: ReasonCheckpoint,
			What:   fmt.Sprintf("the checkpoint of %d entries was removed from the directory", l.last.Size),
			Do:     adviseWriter,
		}
	}
	c, err := openCheckpoint(have, []note.Verifier{l.key.verifier})
	if err != nil {
		return &RefusedError{
			Reason: ReasonSecondWriter,
			What:   fmt.Sprintf("the checkpoint of %d entries was replaced by something else", l.last.Size),
			Do:     adviseWriter,
			Err:    err,
		}
	}
	relation := fmt.Sprintf("it is ahead of this process, which has read %d entries", l.tree.size)
	if n := int64(c.Size); n > 0 && n <= l.tree.size {
		size := func() int64 { return l.tree.size }
		now := tlog.Tree{N: l.tree.size, Hash: l.tree.root()}
		root, err := tlog.TreeHash(n, l.store.hashes(now, size))
		switch {
		case err != nil:
			relation = errors.Join(errors.New("it could not be compared with this log"), err).Error()
		case root != c.Root:
			relation = "it contradicts this log: the log has forked"
		default:
			relation = "it agrees with this log"
		}
	}
	return &RefusedError{
		Reason: ReasonSecondWriter,
		What: fmt.Sprintf("the checkpoint of %d entries was replaced by one of %d entries that this process did not write; %s",
			l.last.Size, c.Size, relation),
		Do: adviseWriter,
	}
}
