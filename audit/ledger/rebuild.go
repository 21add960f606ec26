package ledger

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/tlog"
)

// rebuild makes the tiles of the last checkpoint again, from the journal and,
// for entries that it does not hold any more, from their hashes in the tiles of
// level 0. It reads twice: nothing is overwritten before it is certain that the
// journal leads to the root that was signed, for in the other case the tiles
// are what tells which entry was changed.
//
// Afterwards the tree is that of the last checkpoint again.
func (l *Ledger) rebuild(ctx context.Context) error {
	l.at = StepTiles
	size := int64(l.last.Size)
	ignore := func(tlog.Tile, []byte) error { return nil }
	t, filled, err := l.replay(ctx, size, ignore)
	if err != nil {
		return err
	}
	switch {
	case t.root() == l.last.Root:
	case filled > 0:
		return &DamagedError{"tile/0", fmt.Errorf("%d entries are not in the journal, and what the tiles have for them does not lead to the signed root: restore the tiles from a copy", filled)}
	default:
		return &RefusedError{
			Reason: ReasonRewritten,
			What:   fmt.Sprintf("the journal does not lead to the root of the %d entries that were signed", size),
			Do:     adviseVerify,
		}
	}
	var made []tile
	put := func(t tlog.Tile, data []byte) error {
		if have, err := l.store.read(t, size); err == nil && bytes.Equal(have, data) {
			return nil
		}
		if made = append(made, tile{t, data}); len(made) < flushTiles {
			return nil
		}
		err := l.store.write(made)
		made = nil
		return err
	}
	if t, _, err = l.replay(ctx, size, put); err != nil {
		return err
	}
	// The next start looks at the edge only: it must not be whole before all else
	// is.
	if err := l.store.write(made); err != nil {
		return err
	}
	made = nil
	for _, edge := range t.partial() {
		if err := put(edge.Tile, edge.data); err != nil {
			return err
		}
	}
	if err := l.store.write(made); err != nil {
		return err
	}
	l.tree, l.full = t, nil
	l.log.Info("audit ledger: tiles are as the last checkpoint says", "entries", size)
	return nil
}

// replay builds the tree of the first entries, and gives each complete tile to
// put. It returns how many entries it had to take from the tiles.
func (l *Ledger) replay(ctx context.Context, size int64, put func(tlog.Tile, []byte) error) (t *tree, filled int, err error) {
	t = &tree{}
	var failed error
	complete := func(of tlog.Tile, data []byte) {
		if failed == nil {
			failed = put(of, data)
		}
		if failed == nil {
			failed = ctx.Err()
		}
	}
	for leaf, err := range l.leaves(size, &filled) {
		if err != nil {
			return nil, 0, err
		}
		if t.add(leaf, complete); failed != nil {
			return nil, 0, failed
		}
	}
	return t, filled, nil
}

// leaves yields the leaf hashes of the first entries, by the journal where it
// has the entry, else by the tiles; those it counts.
func (l *Ledger) leaves(size int64, filled *int) iter.Seq2[tlog.Hash, error] {
	return func(yield func(tlog.Hash, error) bool) {
		next := int64(0)
		var stored tile
		// fill yields from the tiles up to an index.
		fill := func(to int64) bool {
			for ; next < to; next++ {
				n := next >> tileHeight
				if stored.data == nil || stored.N != n {
					t, err := l.store.widest(0, n)
					if err != nil {
						yield(tlog.Hash{}, fmt.Errorf("entry %d is neither in the journal nor in the tiles, restore it from a copy: %w", next, err))
						return false
					}
					stored = t
				}
				i := int(next % tileWidth)
				if i >= stored.W {
					yield(tlog.Hash{}, fmt.Errorf("entry %d is neither in the journal nor in the tiles, restore it from a copy", next))
					return false
				}
				*filled++
				if !yield(stored.hash(i), nil) {
					return false
				}
			}
			return true
		}
		for line, err := range l.src.Read(0) {
			if isMissing(err) {
				continue
			}
			if err != nil {
				yield(tlog.Hash{}, fmt.Errorf("read journal: %w", err))
				return
			}
			index := int64(line.Index)
			if index >= size {
				break
			}
			if index < next {
				yield(tlog.Hash{}, fmt.Errorf("read journal: entry %d after entry %d", index, next-1))
				return
			}
			if !fill(index) {
				return
			}
			next++
			if !yield(tlog.RecordHash(line.Bytes), nil) {
				return
			}
		}
		fill(size)
	}
}
