package ledger_test

import (
	"encoding/hex"
	"slices"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// The leaves and roots of the reference implementation of RFC 6962.
func TestTreeRFC6962(t *testing.T) {
	leaves := []string{
		"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
	}
	roots := []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	var tree ledger.Tree
	for size, want := range roots {
		root := tree.Root()
		if got := hex.EncodeToString(root[:]); got != want {
			t.Errorf("root of %d leaves is %s, want %s", size, got, want)
		}
		if size < len(leaves) {
			data, err := hex.DecodeString(leaves[size])
			if err != nil {
				t.Fatal(err)
			}
			tree.Add(tlog.RecordHash(data), func(tlog.Tile, []byte) { t.Error("complete tile") })
		}
	}
}

// Around each boundary of a tile the tree is that of package tlog, the tiles are
// those that it would publish, and the edge is all that is needed to go on.
func TestTreeBoundaries(t *testing.T) {
	const last = 65536 + 3
	var tree ledger.Tree
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			hashes[i] = stored[x]
		}
		return hashes, nil
	})
	check := []int64{0, 1, 2, 255, 256, 257, 511, 512, 513, 65279, 65280, 65281, 65535, 65536, 65537, last}
	var complete []tlog.Tile
	for n := int64(0); n <= last; n++ {
		if slices.Contains(check, n) {
			want, err := tlog.TreeHash(n, reader)
			if err != nil {
				t.Fatal(err)
			}
			if got := tree.Root(); got != want {
				t.Errorf("root of %d leaves is %v, want %v", n, got, want)
			}
			if n > 0 {
				if got := tree.Rebuilt().Root(); got != want {
					t.Errorf("root of %d leaves from its edge is %v, want %v", n, got, want)
				}
			}
			got := append(slices.Clone(complete), tree.Partial()...)
			want2 := tlog.NewTiles(8, 0, n)
			byPlace := func(a, b tlog.Tile) int {
				if a.L != b.L {
					return a.L - b.L
				}
				return int(a.N - b.N)
			}
			slices.SortFunc(got, byPlace)
			slices.SortFunc(want2, byPlace)
			if diff := cmp.Diff(want2, got); diff != "" {
				t.Errorf("tiles of %d leaves (-want +got):\n%s", n, diff)
			}
		}
		leaf := tlog.RecordHash([]byte{byte(n), byte(n >> 8), byte(n >> 16)})
		hashes, err := tlog.StoredHashesForRecordHash(n, leaf, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		tree.Add(leaf, func(tile tlog.Tile, data []byte) {
			complete = append(complete, tile)
			want, err := tlog.ReadTileData(tile, reader)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(data, want) {
				t.Errorf("%s differs", ledger.TilePath(tile))
			}
		})
	}
}

func TestTreeIsMerkleTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 8), 0, 600).Draw(t, "leaves")
		var tree ledger.Tree
		for _, leaf := range leaves {
			tree.Add(tlog.RecordHash(leaf), func(tlog.Tile, []byte) {})
		}
		if got, want := tree.Root(), merkleRoot(leaves); got != want {
			t.Fatalf("root of %d leaves is %v, want %v", len(leaves), got, want)
		}
	})
}

// The example in the text of C2SP tlog-tiles.
func TestWidthAt(t *testing.T) {
	const size = 70000
	tests := []struct {
		name  string
		level int
		n     int64
		want  int
	}{
		{"first of level 0", 0, 0, 256},
		{"last full of level 0", 0, 272, 256},
		{"partial of level 0", 0, 273, 112},
		{"past level 0", 0, 274, 0},
		{"far past level 0", 0, 1 << 55, 0},
		{"full of level 1", 1, 0, 256},
		{"partial of level 1", 1, 1, 17},
		{"past level 1", 1, 2, 0},
		{"partial of level 2", 2, 0, 1},
		{"past level 2", 2, 1, 0},
		{"level 3", 3, 0, 0},
		{"level 63", 63, 0, 0},
		{"entries", -1, 273, 112},
		{"past the entries", -1, 274, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ledger.WidthAt(tt.level, tt.n, size); got != tt.want {
				t.Errorf("width is %d, want %d", got, tt.want)
			}
		})
	}
	for _, size := range []int64{0, 256, 65536} {
		if got := ledger.WidthAt(0, size/256, size); got != 0 {
			t.Errorf("at size %d there is an empty tile of width %d", size, got)
		}
	}
	want := []tlog.Tile{{H: 8, L: 0, N: 273, W: 112}, {H: 8, L: 1, N: 1, W: 17}, {H: 8, L: 2, N: 0, W: 1}}
	if diff := cmp.Diff(want, ledger.EdgeTiles(size)); diff != "" {
		t.Errorf("edge tiles (-want +got):\n%s", diff)
	}
}
