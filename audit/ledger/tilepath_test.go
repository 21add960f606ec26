package ledger_test

import (
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
	"golang.org/x/mod/sumdb/tlog"
)

func TestTilePath(t *testing.T) {
	tests := []struct {
		path string
		want tlog.Tile
	}{
		{"tile/0/000", tlog.Tile{H: 8, L: 0, N: 0, W: 256}},
		{"tile/0/000.p/1", tlog.Tile{H: 8, L: 0, N: 0, W: 1}},
		{"tile/0/000.p/255", tlog.Tile{H: 8, L: 0, N: 0, W: 255}},
		{"tile/1/x001/234", tlog.Tile{H: 8, L: 1, N: 1234, W: 256}},
		{"tile/5/x001/x234/067", tlog.Tile{H: 8, L: 5, N: 1234067, W: 256}}, // the format's own example
		{"tile/5/x001/x234/067.p/17", tlog.Tile{H: 8, L: 5, N: 1234067, W: 17}},
		{"tile/63/000", tlog.Tile{H: 8, L: 63, N: 0, W: 256}},
		{"tile/entries/000", tlog.Tile{H: 8, L: -1, N: 0, W: 256}},
		{"tile/entries/x273/000.p/112", tlog.Tile{H: 8, L: -1, N: 273000, W: 112}},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			got, err := ledger.ParseTilePath(tt.path)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("tile is %v, want %v", got, tt.want)
			}
			if path := ledger.TilePath(got); path != tt.path {
				t.Errorf("path is %s, want %s", path, tt.path)
			}
		})
	}
}

var badTilePaths = []string{
	"", "tile", "tile/", "tile/0", "tile/0/", "/tile/0/000", "tile/0/000/",
	"tile/00/000", "tile/01/000", "tile/-1/000", "tile/+1/000", "tile/64/000", "tile/8/0/000", "tile/data/000",
	"tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/1000", "tile/0/001/000", "tile/0/x000/001", "tile/0/x001", "tile/0/X001/000",
	"tile/0/x001/x000", "tile/0/-01", "tile/0/+01", "tile/0/ 01",
	"tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/00", "tile/0/000.p/01", "tile/0/000.p/256", "tile/0/000.p/-1",
	"tile/0/000.p/1/", "tile/0/000.q/1", "tile/0/000.p.p/1", "tile/0/x001.p/000",
	"tile/entries", "tile/entries/", "tile/entries/0/000", "tile/Entries/000", "tile//000", "tile/0//000",
	"tile/0/../0/000", "tile/0/./000", "tile/0/000?", "tile/0/000\n", "tile/0/\u0660\u0660\u0660",
	"tile/0/x999/x999/x999/x999/x999/x999/x999/999",
}

func TestTilePathRefused(t *testing.T) {
	for _, path := range badTilePaths {
		if got, err := ledger.ParseTilePath(path); err == nil {
			t.Errorf("%q is taken for %v", path, got)
		}
	}
}

func FuzzTilePath(f *testing.F) {
	for _, path := range badTilePaths {
		f.Add(path)
	}
	f.Add("tile/0/x001/x234/067.p/17")
	f.Add("tile/entries/000")
	f.Fuzz(func(t *testing.T, path string) {
		tile, err := ledger.ParseTilePath(path)
		if err != nil {
			return
		}
		if got := ledger.TilePath(tile); got != path {
			t.Errorf("%q is written as %q", path, got)
		}
		if tile.L < -1 || tile.L > 63 || tile.N < 0 || tile.W < 1 || tile.W > 256 || strings.Contains(path, "data") {
			t.Errorf("%q is taken for %v", path, tile)
		}
	})
}
