package ledger

import (
	"math"
	"slices"

	"github.com/gatepost-proxy/gatepost/audit/journal"
	"golang.org/x/mod/sumdb/tlog"
)

// walk goes along the lines of a journal, decides which entry each is meant to
// be, and builds the tree of what stands there. What it cannot make sense of it
// notes; what that amounts to is judged at the end, when it is known which
// hashes can be trusted.
type walk struct {
	v       *verification
	queue   []scanned // read, but what follows has to be seen first
	segment int       // the one being walked, -1 before the first
	limit   uint64    // the index that the next segment begins with
	stopped bool      // at what an interrupted write left

	tiled  int64 // size of the signed tree with which tiles are compared
	next   int64 // index of the entry that is expected
	tree   tree
	broken bool // the tree cannot go on: a leaf is not known
	marks  []int64
	roots  map[int64]tlog.Hash // at the sizes of checkpoints
	edge   []tile              // incomplete tiles at the size that is compared

	gaps       []gap
	odd        []oddLine
	malformed  []badLine
	mismatches []mismatch
	unnoted    int // beyond the bounds of the lists
	pruned     int64
	err        error // of reading tiles

	places [tileWidth]place // of the lines of the incomplete tile
	leaves tile             // of level 0, the one last read
}

// place is where a line stands.
type place struct {
	segment int // -1: nowhere
	offset  int64
}

// gap is a run of entries that are not there.
type gap struct {
	from, to int64 // to is not in it
	place    place // of what stands there instead
	start    bool  // nothing is in front of it
}

// oddLine is a line with another index than its place calls for.
type oddLine struct {
	at    int64 // the entry that belongs here
	extra bool  // the line stands in front of that entry, not in its place
	line  scanned
}

// badLine is a line that is none of the journal's.
type badLine struct {
	index int64
	place place
	err   error
}

// mismatch is a complete tile, or one on the edge at the size of a checkpoint,
// that is not stored as it was computed.
type mismatch struct {
	tile
	places []place // of the lines, at level 0
	err    error   // why there is no stored one
}

// The bounds of the lists. They are filled in the order of the log, so that its
// first fault is never the one that is left out.
const (
	maxLines      = 4 * MaxFaults
	maxMismatches = 256
)

func newWalk(v *verification) *walk {
	w := &walk{
		v: v, segment: -1, roots: map[int64]tlog.Hash{},
	}
	w.tiled = v.covered
	if v.own > 0 {
		w.tiled = v.own
		w.marks = append(w.marks, v.own)
	}
	for _, k := range v.report.Kept {
		if k.Checkpoint.Size > 0 {
			w.marks = append(w.marks, int64(k.Checkpoint.Size))
		}
	}
	slices.Sort(w.marks)
	w.marks = slices.Compact(w.marks)
	return w
}

// take takes the next line, or the mark at the end of a segment.
func (w *walk) take(s scanned) {
	w.queue = append(w.queue, s)
	if s.length == 0 {
		return
	}
	// All but the last can be judged: what follows them is known.
	for len(w.queue) > 1 {
		w.step(w.queue[0], &w.queue[len(w.queue)-1])
		w.queue = slices.Delete(w.queue, 0, 1)
	}
}

// end is called behind the last line.
func (w *walk) end() {
	for _, s := range w.queue {
		w.step(s, nil)
	}
	r := w.v.report
	r.Size = uint64(w.next)
	if !w.broken {
		r.Root = w.tree.root()
	}
	// What is missing at the end is filled in from the tiles, so that the rest
	// can be compared with the checkpoint.
	w.fill(w.next, w.v.covered)
}

// step takes one line, given the one behind it.
func (w *walk) step(s scanned, behind *scanned) {
	if s.segment != w.segment {
		w.enter(s.segment)
	}
	r := w.v.report
	switch {
	case s.length == 0:
		return
	case w.stopped:
		r.Unfinished += s.length
		return
	case uint64(w.next) >= w.limit:
		r.surplus(w.v.segments[s.segment].name, s.offset, s.length)
		if s.bad == nil && s.index < w.limit {
			w.note(oddLine{w.next, true, s})
		}
		return
	case w.tail(s):
		w.stopped = true
		r.Unfinished += s.length
		return
	case s.hasHead && int64(s.index) == w.next:
		w.place(s)
		return
	}
	follows := func(index int64) bool {
		return behind != nil && behind.hasHead && int64(behind.index) == index
	}
	index := int64(s.index)
	switch {
	case follows(w.next):
		w.note(oddLine{w.next, true, s})
	case !s.hasHead || follows(w.next+1):
		w.note(oddLine{w.next, false, s})
		w.place(s)
	case index > w.next && s.index < w.limit && (behind == nil || behind.hasHead && behind.index > s.index):
		w.miss(index, place{s.segment, s.offset})
		w.place(s)
	case index > w.next || behind == nil && w.next < w.v.covered:
		w.note(oddLine{w.next, false, s})
		w.place(s)
	default:
		w.note(oddLine{w.next, true, s})
	}
}

// enter begins with a segment.
func (w *walk) enter(segment int) {
	w.segment = segment
	segments := w.v.segments
	w.limit = math.MaxUint64
	if segment+1 < len(segments) {
		w.limit = segments[segment+1].first
	}
	if first := int64(segments[segment].first); first > w.next {
		w.miss(first, place{segment, 0})
	}
	if segment == 0 {
		w.v.report.First = segments[0].first
	}
}

// tail reports whether what begins here can be what an interrupted write left,
// or one under way: it is torn, at the very end, and nothing that a checkpoint
// covers.
func (w *walk) tail(s scanned) bool {
	return s.torn && w.next >= w.v.covered && s.segment == len(w.v.segments)-1 &&
		w.v.segments[s.segment].size-s.offset <= journal.MaxBatchBytes
}

// miss takes note that the entries up to an index are not there.
func (w *walk) miss(to int64, at place) {
	if len(w.gaps) < maxLines {
		w.gaps = append(w.gaps, gap{w.next, to, at, w.next == 0})
	} else {
		w.unnoted++
	}
	w.fill(w.next, to)
	w.next = to
}

// fill puts the hashes that the tiles have into the tree, for entries from one
// index to another that are not there.
func (w *walk) fill(from, to int64) {
	for i := from; i < to && !w.broken; i++ {
		w.places[i%tileWidth] = place{segment: -1}
		leaf, ok := w.storedLeaf(i)
		if !ok {
			w.broken = true
			return
		}
		w.add(leaf)
	}
}

func (w *walk) storedLeaf(i int64) (tlog.Hash, bool) {
	if i >= w.v.covered {
		return tlog.Hash{}, false
	}
	n := i >> tileHeight
	if w.leaves.data == nil || w.leaves.N != n {
		t, err := w.v.store.widest(0, n)
		if err != nil {
			w.readError(err)
			t = tile{tlog.Tile{N: n}, []byte{}}
		}
		w.leaves = t
	}
	if i%tileWidth >= int64(w.leaves.W) {
		return tlog.Hash{}, false
	}
	return w.leaves.hash(int(i % tileWidth)), true
}

// place takes a line as the entry that is expected.
func (w *walk) place(s scanned) {
	at := place{s.segment, s.offset}
	if s.bad != nil {
		if len(w.malformed) < maxLines {
			w.malformed = append(w.malformed, badLine{w.next, at, s.bad})
		} else {
			w.unnoted++
		}
	}
	if w.next < w.v.covered {
		// Only a record that is signed excuses what is missing.
		w.pruned = max(w.pruned, int64(min(s.pruned, uint64(w.next))))
	}
	w.places[w.next%tileWidth] = at
	w.next++
	if !w.broken {
		w.add(s.hash)
	}
}

func (w *walk) note(o oddLine) {
	if len(w.odd) >= maxLines {
		w.unnoted++
		return
	}
	w.odd = append(w.odd, o)
}

// add appends a leaf to the tree and compares what that completes.
func (w *walk) add(leaf tlog.Hash) {
	w.tree.add(leaf, func(t tlog.Tile, data []byte) { w.compare(tile{t, data}) })
	if len(w.marks) == 0 || w.marks[0] != w.tree.size {
		return
	}
	size := w.tree.size
	w.marks = w.marks[1:]
	w.roots[size] = w.tree.root()
	if size != w.tiled {
		return
	}
	for _, t := range w.tree.partial() {
		t.data = slices.Clone(t.data)
		w.edge = append(w.edge, t)
		w.compare(t)
	}
}

// compare looks whether a tile is stored as it was computed. Only what a
// checkpoint covers has to be.
func (w *walk) compare(t tile) {
	if widthAt(t.L, t.N, w.tiled) < t.W {
		return
	}
	stored, err := w.v.stored(t.Tile)
	if err != nil {
		w.readError(err)
		if w.v.own == 0 {
			return // without a checkpoint it need not be there
		}
	}
	if err == nil && slices.Equal(stored, t.data) {
		return
	}
	if len(w.mismatches) >= maxMismatches {
		w.unnoted++
		return
	}
	m := mismatch{tile: t, err: err}
	if t.L == 0 {
		m.places = slices.Clone(w.places[:t.W])
	}
	w.mismatches = append(w.mismatches, m)
}

// readError keeps an error that is not about the log.
func (w *walk) readError(err error) {
	if w.err == nil && !isAbsent(err) {
		w.err = err
	}
}
