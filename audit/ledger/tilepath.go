package ledger

import (
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// The tiles of C2SP tlog-tiles are those of package tlog at height 8. Level
// entriesLevel stands for entry bundles, which tlog knows as data tiles.
const (
	tileHeight   = 8
	tileWidth    = 1 << tileHeight
	tileBytes    = tileWidth * tlog.HashSize
	entriesLevel = -1
	maxTileLevel = 63
)

// tilePath returns the path of a tile or entry bundle, "tile/0/x001/234.p/5" say.
func tilePath(t tlog.Tile) string {
	// tlog writes tile/<H>/<L>/<N>, with "data" for the level of the entries.
	p := strings.TrimPrefix(t.Path(), "tile/8/")
	if t.L == entriesLevel {
		p = "entries" + strings.TrimPrefix(p, "data")
	}
	return "tile/" + p
}

// parseTilePath reads what tilePath writes and nothing else.
func parseTilePath(path string) (tlog.Tile, error) {
	p, ok := strings.CutPrefix(path, "tile/")
	if !ok || strings.HasPrefix(p, "data/") {
		return tlog.Tile{}, fmt.Errorf("malformed tile path %q", path)
	}
	if rest, ok := strings.CutPrefix(p, "entries/"); ok {
		p = "data/" + rest
	}
	t, err := tlog.ParseTilePath("tile/8/" + p)
	if err != nil || t.L > maxTileLevel || t.N < 0 {
		return tlog.Tile{}, fmt.Errorf("malformed tile path %q", path)
	}
	return t, nil
}

// partialDir returns the directory that holds the partial forms of a tile.
func partialDir(t tlog.Tile) string {
	t.W = tileWidth
	return tilePath(t) + ".p"
}

// widthAt returns how many hashes the n-th tile of a level has in a tree of the
// given size: 256, fewer for the last of a level, 0 past it. An entry bundle is
// as wide as the tile of level 0 beside it.
func widthAt(level int, n, size int64) int {
	level = max(level, 0)
	if level*tileHeight >= 63 {
		return 0
	}
	hashes := size >> (level * tileHeight)
	if n > hashes>>tileHeight {
		return 0
	}
	return int(min(hashes-n<<tileHeight, tileWidth))
}
