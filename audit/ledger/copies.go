package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// namedNote is a checkpoint that a sink keeps, not verified yet.
type namedNote struct {
	name string
	note []byte
}

// copies asks the sinks what they keep. One that cannot say does not keep the
// log from starting.
func (l *Ledger) copies(ctx context.Context) (notes []namedNote) {
	for _, s := range l.cfg.Sinks {
		k, ok := s.(Keeper)
		if !ok {
			continue
		}
		text, err := k.Kept(ctx)
		switch {
		case err != nil:
			l.log.Warn("audit ledger: copy of the checkpoint cannot be read", "sink", s.Name(), "error", err)
		case len(text) > 0:
			notes = append(notes, namedNote{s.Name(), text})
		}
	}
	return notes
}

// checkCopies compares the log with the checkpoints that are kept elsewhere. A
// copy that is ahead proves nothing bad as long as the journal leads there:
// then the tree is checked when it gets there, before anything is signed.
func (l *Ledger) checkCopies(copies []namedNote) error {
	l.anchors = nil
	for _, n := range copies {
		c, err := openCheckpoint(n.note, []note.Verifier{l.key.verifier})
		if err != nil {
			return &RefusedError{
				Reason: ReasonForked,
				What:   fmt.Sprintf("the checkpoint that %s keeps is not one of this log", n.name),
				Do:     "Restore the audit directory that belongs to it; or, if this is to be a new log, move that copy away",
				Err:    err,
			}
		}
		switch {
		case c.Size > l.src.Size():
			return &RefusedError{
				Reason: ReasonRolledBack,
				What: fmt.Sprintf("%s keeps a checkpoint of %d entries, but the journal has %d: the audit directory was rolled back",
					n.name, c.Size, l.src.Size()),
				Do: adviseVerify,
			}
		case c.Size > l.last.Size:
			l.anchors = append(l.anchors, anchor{c, n.name})
		case c.Size > 0:
			root, err := tlog.TreeHash(int64(c.Size), l.hashes(l.last.tree()))
			if err != nil {
				return err
			}
			if err := (anchor{c, n.name}).check(root); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(l.anchors, func(a, b anchor) int { return cmp.Compare(a.Size, b.Size) })
	return nil
}

// anchor is a checkpoint kept elsewhere that the tree has to pass through.
type anchor struct {
	Checkpoint
	name string
}

func (a anchor) check(root tlog.Hash) error {
	if root == a.Root {
		return nil
	}
	return &RefusedError{
		Reason: ReasonForked,
		What: fmt.Sprintf("%s keeps a checkpoint of %d entries with another root (%s) than this log has at that size (%s)",
			a.name, a.Size, a.Root, root),
		Do: adviseVerify,
	}
}
