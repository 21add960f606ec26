package ledger

import (
	"iter"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

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
		if n := slices.IndexFunc(j.w.edge, func(e tile) bool { return e.Tile == t }); n >= 0 {
			computed = j.w.edge[n].data
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
