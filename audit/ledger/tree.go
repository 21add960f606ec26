package ledger

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// tree is a growing Merkle tree of which only the right edge is in memory: the
// incomplete tile of each level. The zero value is the empty tree.
type tree struct {
	size int64
	edge [][]byte // by level, the concatenated hashes of the incomplete tile
}

// add appends a leaf. Each tile that it completes is given to complete, lowest
// level first; the slice is the callee's to keep.
func (t *tree) add(leaf tlog.Hash, complete func(tlog.Tile, []byte)) {
	t.size++
	h := leaf
	for level := 0; ; level++ {
		if level == len(t.edge) {
			t.edge = append(t.edge, make([]byte, 0, tileBytes))
		}
		t.edge[level] = append(t.edge[level], h[:]...)
		if len(t.edge[level]) < tileBytes {
			return
		}
		data := t.edge[level]
		tile := tlog.Tile{H: tileHeight, L: level, N: t.size>>(tileHeight*(level+1)) - 1, W: tileWidth}
		h = tileRoot(tile, data)
		t.edge[level] = make([]byte, 0, tileBytes)
		complete(tile, data)
	}
}

// partial returns the incomplete tiles at the present size, lowest level first.
// The data is valid until the next add.
func (t *tree) partial() (tiles []tile) {
	for level, data := range t.edge {
		if len(data) > 0 {
			tiles = append(tiles, tile{
				Tile: tlog.Tile{H: tileHeight, L: level, N: t.size >> (tileHeight * (level + 1)), W: len(data) / tlog.HashSize},
				data: data,
			})
		}
	}
	return tiles
}

// root returns the tree hash at the present size.
func (t *tree) root() tlog.Hash {
	h, err := tlog.TreeHash(t.size, tlog.HashReaderFunc(t.readHashes))
	if err != nil {
		// The hashes of the complete subtrees that make up a tree are those of
		// the right edge, whatever its size.
		panic(fmt.Sprintf("ledger: edge of a tree of %d entries: %v", t.size, err))
	}
	return h
}

func (t *tree) readHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		in := tlog.TileForIndex(tileHeight, x)
		if in.L >= len(t.edge) || in.N != t.size>>(tileHeight*(in.L+1)) {
			return nil, fmt.Errorf("hash %d is not on the edge", x)
		}
		data := t.edge[in.L]
		in.W = len(data) / tlog.HashSize
		h, err := tlog.HashFromTile(in, data, x)
		if err != nil {
			return nil, err
		}
		hashes[i] = h
	}
	return hashes, nil
}

// edgeTiles returns which incomplete tiles a tree of the given size has.
func edgeTiles(size int64) (tiles []tlog.Tile) {
	for level := 0; level <= maxTileLevel && size>>(tileHeight*level) > 0; level++ {
		n := size >> (tileHeight * level)
		if w := int(n % tileWidth); w > 0 {
			tiles = append(tiles, tlog.Tile{H: tileHeight, L: level, N: n >> tileHeight, W: w})
		}
	}
	return tiles
}

// treeFromEdge makes the tree of the given size from its incomplete tiles, in
// the order of edgeTiles.
func treeFromEdge(size int64, data [][]byte) *tree {
	t := &tree{size: size}
	for i, tile := range edgeTiles(size) {
		for len(t.edge) <= tile.L {
			t.edge = append(t.edge, make([]byte, 0, tileBytes))
		}
		t.edge[tile.L] = append(t.edge[tile.L], data[i]...)
	}
	return t
}

// tile is a tile with its hashes.
type tile struct {
	tlog.Tile
	data []byte
}

// hash returns the i-th hash of the tile.
func (t tile) hash(i int) tlog.Hash {
	return tlog.Hash(t.data[i*tlog.HashSize:])
}

// tileRoot returns the hash of the subtree that a complete tile spans.
func tileRoot(t tlog.Tile, data []byte) tlog.Hash {
	var halves [2]tlog.Hash
	for i := range halves {
		x := tlog.StoredHashIndex(t.L*tileHeight+tileHeight-1, 2*t.N+int64(i))
		h, err := tlog.HashFromTile(t, data, x)
		if err != nil {
			panic(fmt.Sprintf("ledger: half of a complete tile: %v", err))
		}
		halves[i] = h
	}
	return tlog.NodeHash(halves[0], halves[1])
}
