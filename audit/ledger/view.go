package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"golang.org/x/mod/sumdb/tlog"
)

// view reads a log whose tiles and entries are covered by a checkpoint.
type view struct {
	store *store
	size  func() int64 // of the newest checkpoint, whose tiles are on disk
	lines func(from uint64) iter.Seq2[journal.Line, error]
}

var errNoLine = errors.New("entry is not in the journal any more")

// prove makes the proof that the checkpoint covers the entry. The entry itself
// is left out if the journal has it no more.
func (v view) prove(c signedCheckpoint, index uint64) (*Proof, error) {
	hashes := v.store.hashes(c.tree(), v.size)
	path, err := tlog.ProveRecord(int64(c.Size), int64(index), hashes)
	if err != nil {
		return nil, fmt.Errorf("prove entry %d: %w", index, err)
	}
	// The tile also tells whether the line is the one that was signed.
	leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(index))})
	if err != nil {
		return nil, fmt.Errorf("prove entry %d: %w", index, err)
	}
	p := &Proof{Index: index, Hashes: path, Checkpoint: c.note}
	lines, err := v.read(index, leaf)
	switch {
	case err == nil:
		p.Line = lines[0]
	case !errors.Is(err, errNoLine):
		return nil, err
	}
	return p, nil
}

// read returns the lines from an index on, each of which has to have the hash
// that the tree has for it.
func (v view) read(from uint64, leaves []tlog.Hash) ([][]byte, error) {
	lines := make([][]byte, 0, len(leaves))
	for line, err := range v.lines(from) {
		if isMissing(err) {
			return nil, errNoLine
		}
		if err != nil {
			return nil, err
		}
		i := len(lines)
		if line.Index != from+uint64(i) || tlog.RecordHash(line.Bytes) != leaves[i] {
			return nil, fmt.Errorf("entry %d of the journal is not the one that was signed: run gatepost audit verify", from+uint64(i))
		}
		lines = append(lines, append([]byte{}, line.Bytes...))
		if len(lines) == len(leaves) {
			return lines, nil
		}
	}
	return nil, errNoLine
}

// tile returns the hashes of a tile that the checkpoint covers, after checking
// them against its root.
func (v view) tile(c signedCheckpoint, t tlog.Tile) ([]byte, error) {
	return tlog.ReadTileData(t, v.store.hashes(c.tree(), v.size))
}

// bundle returns an entry bundle that the checkpoint covers.
func (v view) bundle(c signedCheckpoint, t tlog.Tile) ([]byte, error) {
	indexes := make([]int64, t.W)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, t.N<<tileHeight+int64(i))
	}
	leaves, err := v.store.hashes(c.tree(), v.size).ReadHashes(indexes)
	if err != nil {
		return nil, err
	}
	lines, err := v.read(uint64(t.N)<<tileHeight, leaves)
	if err != nil {
		return nil, err
	}
	var data []byte
	for _, line := range lines {
		if len(line) > audit.MaxLineBytes {
			return nil, fmt.Errorf("entry of %d bytes does not fit a bundle", len(line))
		}
		data = binary.BigEndian.AppendUint16(data, uint16(len(line)))
		data = append(data, line...)
	}
	return data, nil
}
