package ledger

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// stored returns a tile of the given width from whatever form of it is on disk.
func (v *verification) stored(t tlog.Tile) ([]byte, error) {
	data, err := v.store.root.ReadFile(tilePath(t))
	if isNotExist(err) {
		wider, err := v.store.widest(t.L, t.N)
		if err != nil {
			return nil, err
		}
		if wider.W < t.W {
			return nil, &DamagedError{tilePath(t), errors.New("only a narrower form is there")}
		}
		return wider.data[:t.W*tlog.HashSize], nil
	}
	if err != nil {
		return nil, err
	}
	if len(data) != t.W*tlog.HashSize {
		return nil, &DamagedError{tilePath(t), fmt.Errorf("%d bytes instead of %d", len(data), t.W*tlog.HashSize)}
	}
	return data, nil
}

// isAbsent reports whether an error says that a tile is not there or not whole.
func isAbsent(err error) bool {
	_, damaged := errors.AsType[*DamagedError](err)
	return damaged || isNotExist(err)
}

// judge makes faults of what was found.
func (v *verification) judge() {
	w := v.walk
	r := v.report
	if r.Size > uint64(v.covered) {
		r.Uncovered = r.Size - uint64(v.covered)
	}
	j := &judgement{
		v: v, w: w,
		computed: map[tlog.Tile]mismatch{}, memo: map[tlog.Tile]tile{}, changed: map[int64]int{},
	}
	j.compareTiles()
	j.compareKept()
	j.judgeGaps()
	j.judgeOdd()
	j.judgeMalformed()
	v.dropped += w.unnoted
	if size := v.own; w.next < size {
		v.fault(Fault{
			Kind: FaultTruncated, Entry: true, First: uint64(w.next), Last: uint64(size - 1),
			Detail: fmt.Sprintf("the journal ends at %d entries, but the log's checkpoint covers %d", w.next, size),
		})
	}
}

// judgement decides which hashes can be trusted: those that lead to a signed
// root. For each tile there are two candidates, the stored one and the one that
// was computed from the journal's lines.
type judgement struct {
	v *verification
	w *walk

	signed   Checkpoint // what trust begins with
	sound    bool       // the lines lead to it
	edges    []tile     // its incomplete tiles, nil if no candidates lead to it
	computed map[tlog.Tile]mismatch
	memo     map[tlog.Tile]tile

	changed map[int64]int // entry to the fault that says so
}

// compareTiles compares the lines with the log's own checkpoint, or with the
// largest kept one if that is no good, and tells changed lines from damaged tiles.
func (j *judgement) compareTiles() {
	v, w := j.v, j.w
	switch {
	case v.own > 0:
		j.signed = *v.report.Checkpoint
	case len(v.report.Kept) > 0:
		j.signed = v.report.Kept[len(v.report.Kept)-1].Checkpoint
	}
	size := int64(j.signed.Size)
	if size == 0 {
		return
	}
	root, known := w.roots[size]
	j.sound = known && root == j.signed.Root
	for _, m := range w.mismatches {
		j.computed[m.Tile] = m
	}
	if !j.sound {
		j.findEdges()
	}
	found := false
	for _, m := range w.mismatches {
		if j.compareTile(m) {
			found = true
		}
	}
	if !j.sound && !found && len(w.gaps) == 0 && w.next >= size {
		v.fault(Fault{
			Kind: FaultRewritten, Entry: true, First: uint64(j.agreed(size)), Last: uint64(size - 1),
			Detail: fmt.Sprintf("the entries do not lead to the root of the checkpoint of %d entries, and no tile tells which were changed", size),
		})
	}
}

// compareTile judges one tile and reports whether lines were found changed.
func (j *judgement) compareTile(m mismatch) (found bool) {
	trusted, ok := j.trusted(m.Tile)
	stored, err := j.v.stored(m.Tile)
	if !ok || err != nil || !slices.Equal(stored, trusted.data) {
		first, last := spans(m.Tile)
		f := Fault{Kind: FaultTile, Entry: true, First: first, Last: last, File: directoryName + "/" + tilePath(m.Tile)}
		switch {
		case m.err != nil:
			f.Detail = m.err.Error()
		case ok:
			f.Detail = "it is not what the entries and the checkpoint say"
		default:
			f.Detail = "it does not lead to the checkpoint"
		}
		j.v.fault(f)
	}
	if !ok {
		if m.L > 0 {
			return false
		}
		j.changedRange(m.Tile, "they do not lead to the checkpoint, and neither does their tile: which of them cannot be told")
		return true
	}
	for i := range m.W {
		if m.hash(i) != trusted.hash(i) && j.compareHash(m, i) {
			found = true
		}
	}
	return found
}

// compareHash judges the i-th hash of a tile of which the lines yield another
// than was signed.
func (j *judgement) compareHash(m mismatch, i int) (found bool) {
	index := m.N<<tileHeight + int64(i)
	if m.L == 0 {
		j.changed[index] = len(j.v.faults)
		j.v.fault(j.v.entryFault(FaultChanged, index, m.places[i]))
		return true
	}
	below := tlog.Tile{H: tileHeight, L: m.L - 1, N: index, W: tileWidth}
	if _, ok := j.computed[below]; ok {
		return false // it is judged by itself
	}
	j.changedRange(below, "they do not lead to the checkpoint, and their tile was changed alike: which of them cannot be told")
	return true
}

func (j *judgement) changedRange(t tlog.Tile, detail string) {
	first, last := spans(t)
	j.v.fault(Fault{Kind: FaultChanged, Entry: true, First: first, Last: last, Detail: detail})
}

// entryFault is a fault of one entry.
func (v *verification) entryFault(kind FaultKind, index int64, at place) Fault {
	f := Fault{Kind: kind, Entry: true, First: uint64(index), Last: uint64(index)}
	if at.segment >= 0 && at.segment < len(v.segments) {
		f.File, f.Offset = v.segments[at.segment].name, at.offset
	}
	return f
}

// spans returns the first and the last entry below a tile.
func spans(t tlog.Tile) (first, last uint64) {
	each := uint64(1) << (t.L * tileHeight)
	first = uint64(t.N) * tileWidth * each
	return first, first + uint64(t.W)*each - 1
}
