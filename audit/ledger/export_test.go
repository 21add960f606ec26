package ledger

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"
)

// Step is one round of Run, without its waits.
func (l *Ledger) Step(ctx context.Context) error {
	l.running.Lock()
	defer l.running.Unlock()
	return l.step(ctx)
}

// Tree gives tests the growing tree.
type Tree struct{ t tree }

func (t *Tree) Add(leaf tlog.Hash, complete func(tlog.Tile, []byte)) { t.t.add(leaf, complete) }
func (t *Tree) Root() tlog.Hash                                      { return t.t.root() }
func (t *Tree) Partial() (tiles []tlog.Tile) {
	for _, p := range t.t.partial() {
		tiles = append(tiles, p.Tile)
	}
	return tiles
}

// Rebuilt returns the tree that the edge of t yields when it is read back.
func (t *Tree) Rebuilt() *Tree {
	var data [][]byte
	for _, p := range t.t.partial() {
		data = append(data, p.data)
	}
	return &Tree{*treeFromEdge(t.t.size, data)}
}

var (
	TilePath      = tilePath
	ParseTilePath = parseTilePath
	WidthAt       = widthAt
	EdgeTiles     = edgeTiles
	Canonical     = canonical
)

// CheckTiles reads every tile of the checkpoint that stands in a directory and
// checks it against the root.
func CheckTiles(root Root, note []byte, verifierKey string) (Checkpoint, error) {
	c, err := OpenCheckpoint(note, verifierKey)
	if err != nil || c.Size == 0 {
		return c, err
	}
	s := newStore(root)
	size := int64(c.Size)
	hashes := s.hashes(c.tree(), func() int64 { return size })
	for level := 0; size>>(level*tileHeight) > 0; level++ {
		for n := int64(0); widthAt(level, n, size) > 0; n++ {
			t := tlog.Tile{H: tileHeight, L: level, N: n, W: widthAt(level, n, size)}
			if _, err := tlog.ReadTileData(t, hashes); err != nil {
				return c, err
			}
		}
	}
	return c, nil
}
