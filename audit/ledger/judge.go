package ledger

import (
	"errors"
	"fmt"
	"iter"
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

// The bounds of guessing: how many combinations are tried for one tile, and of
// how many candidates for each incomplete tile.
const (
	maxGuesses     = 1 << 12
	maxEdgeGuesses = 64
)

// findEdges finds which candidates of the incomplete tiles lead to the signed
// root. Those tiles vouch for each other only, so that all combinations have to
// be tried; there are few.
func (j *judgement) findEdges() {
	size := int64(j.signed.Size)
	tiles := edgeTiles(size)
	options := make([][]tile, len(tiles))
	guesses := 1
	for i, t := range tiles {
		var computed []byte
		if n := slices.IndexFunc(j.w.edges[size], func(e tile) bool { return e.Tile == t }); n >= 0 {
			computed = j.w.edges[size][n].data
		}
		for c := range j.candidates(t, computed) {
			if options[i] = append(options[i], c); len(options[i]) > maxEdgeGuesses {
				options[i] = options[i][:2]
				break
			}
		}
		if guesses *= len(options[i]); guesses == 0 || guesses > maxGuesses {
			return
		}
	}
	for guess := range guesses {
		edges := make([]tile, len(tiles))
		data := make([][]byte, len(tiles))
		for i, list := range options {
			edges[i] = list[guess%len(list)]
			data[i] = edges[i].data
			guess /= len(list)
		}
		if treeFromEdge(size, data).root() == j.signed.Root {
			j.edges = edges
			return
		}
	}
}

// candidates yields what a tile may have been: what is stored, what the lines
// yield, and, while those are few, all mixtures of the two and of what the
// stored tiles below yield. For a line may have been changed below one hash and
// the tile damaged at another.
func (j *judgement) candidates(t tlog.Tile, computed []byte) iter.Seq[tile] {
	return func(yield func(tile) bool) {
		stored, err := j.v.stored(t)
		if err == nil && !yield(tile{t, stored}) {
			return
		}
		if computed == nil || slices.Equal(computed, stored) || !yield(tile{t, computed}) {
			return
		}
		options := make([][]tlog.Hash, t.W)
		guesses := 1
		for i := range options {
			options[i] = []tlog.Hash{tile{t, computed}.hash(i)}
			if err == nil {
				options[i] = append(options[i], tile{t, stored}.hash(i))
			}
			below := tlog.Tile{H: tileHeight, L: t.L - 1, N: t.N<<tileHeight + int64(i), W: tileWidth}
			if _, differs := j.computed[below]; differs {
				if data, err := j.v.stored(below); err == nil {
					options[i] = append(options[i], tileRoot(below, data))
				}
			}
			slices.SortFunc(options[i], func(a, b tlog.Hash) int { return slices.Compare(a[:], b[:]) })
			options[i] = slices.Compact(options[i])
			if guesses *= len(options[i]); guesses > maxGuesses {
				return
			}
		}
		for guess := range guesses {
			data := make([]byte, 0, len(computed))
			for _, o := range options {
				data = append(data, o[guess%len(o)][:]...)
				guess /= len(o)
			}
			if !yield(tile{t, data}) {
				return
			}
		}
	}
}

// trusted returns the hashes of a tile if they lead to the signed root.
func (j *judgement) trusted(t tlog.Tile) (tile, bool) {
	if j.sound {
		// All that was computed is trusted.
		if m, ok := j.computed[t]; ok {
			return m.tile, true
		}
		data, err := j.v.stored(t)
		return tile{t, data}, err == nil
	}
	if j.edges == nil {
		return tile{}, false
	}
	if known, ok := j.memo[t]; ok {
		return known, known.data != nil
	}
	found := j.findTrusted(t)
	j.memo[t] = found
	return found, found.data != nil
}

func (j *judgement) findTrusted(t tlog.Tile) tile {
	size := int64(j.signed.Size)
	width := widthAt(t.L, t.N, size)
	if t.W > width {
		return tile{}
	}
	if width < tileWidth {
		for _, e := range j.edges {
			if e.L == t.L && e.N == t.N {
				return tile{t, e.data[:t.W*tlog.HashSize]}
			}
		}
		return tile{}
	}
	up := tlog.Tile{H: tileHeight, L: t.L + 1, N: t.N >> tileHeight}
	up.W = widthAt(up.L, up.N, size)
	parent, ok := j.trusted(up)
	if !ok {
		return tile{}
	}
	want := parent.hash(int(t.N % tileWidth))
	for c := range j.candidates(t, j.computed[t].data) {
		if tileRoot(t, c.data) == want {
			return c
		}
	}
	return tile{}
}

// leaf returns the hash that an entry has to have.
func (j *judgement) leaf(index int64) (tlog.Hash, bool) {
	size := int64(j.signed.Size)
	if index < 0 || index >= size {
		return tlog.Hash{}, false
	}
	t := tlog.Tile{H: tileHeight, L: 0, N: index >> tileHeight}
	t.W = widthAt(0, t.N, size)
	found, ok := j.trusted(t)
	if !ok {
		return tlog.Hash{}, false
	}
	return found.hash(int(index % tileWidth)), true
}
