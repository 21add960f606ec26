package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// Lost or damaged tiles are made again, to the byte, whenever that is noticed.
func TestRebuild(t *testing.T) {
	const size = 66000 // three levels
	all := smallLines(size + 10)
	whole := t.TempDir()
	key := signedLog(t, whole, all[:size])

	tests := []struct {
		name   string
		damage func(t *testing.T, tiles string)
		start  bool // it is noticed at the start, else by whoever reads
	}{
		{"all gone", func(t *testing.T, tiles string) { mustRemove(t, tiles) }, true},
		{"level 1 gone", func(t *testing.T, tiles string) { mustRemove(t, filepath.Join(tiles, "1")) }, true},
		{"edge changed", func(t *testing.T, tiles string) {
			flip(t, filepath.Join(tiles, "0", "257.p", "208"), 100)
		}, true},
		{"edge cut", func(t *testing.T, tiles string) {
			mustWrite(t, filepath.Join(tiles, "2", "000.p", "1"), nil)
		}, true},
		{"a full tile gone", func(t *testing.T, tiles string) { mustRemove(t, filepath.Join(tiles, "0", "000")) }, false},
		{"a full tile changed", func(t *testing.T, tiles string) { flip(t, filepath.Join(tiles, "0", "000"), 31) }, false},
		{"a full tile cut", func(t *testing.T, tiles string) { mustWrite(t, filepath.Join(tiles, "0", "000"), []byte("x")) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "audit")
			copyDir(t, whole, dir)
			tt.damage(t, filepath.Join(dir, "ledger", "tile"))
			src := newMemSource(all[:size])
			l := open(t, ledger.Config{Dir: dir, Source: src})
			defer l.Close(background())
			if !tt.start {
				_, err := l.Prove(t.Context(), 5)
				if _, ok := errors.AsType[*ledger.DamagedError](err); !ok {
					t.Errorf("proof over a damaged tile: %v", err)
				}
				mustStep(t, l)
			}
			sameTrees(t, filepath.Join(whole, "ledger"), filepath.Join(dir, "ledger"))
			proof, err := l.Prove(t.Context(), 5)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ledger.CheckProof(proof, nil, key); err != nil {
				t.Error(err)
			}
			src.grow(all[size:]...)
			mustStep(t, l)
			if c, _ := l.Checkpoint(); c.Root != merkleRoot(all) {
				t.Error("the log goes on wrongly")
			}
		})
	}
}

func flip(t testing.TB, name string, at int) {
	t.Helper()
	data := mustRead(t, name)
	data[at] ^= 0x10
	mustWrite(t, name, data)
}

// Where lines were pruned, their hashes in the tiles of level 0 are all there
// is: they are used, checked by the signed root, and not made up.
func TestRebuildPruned(t *testing.T) {
	const size, kept = 1500, 700 // not at a boundary of tiles
	all := lines(size, "")
	whole := t.TempDir()
	signedLog(t, whole, all)
	pruned := func() *memSource {
		s := newMemSource(all)
		s.first = kept
		return s
	}
	tests := []struct {
		name   string
		damage func(t *testing.T, tiles string)
		ok     bool
	}{
		{"nothing", func(*testing.T, string) {}, true},
		{"level 1 gone", func(t *testing.T, tiles string) { mustRemove(t, filepath.Join(tiles, "1")) }, true},
		{"tiles of kept lines gone", func(t *testing.T, tiles string) {
			for _, name := range []string{"003", "004", "005.p"} {
				mustRemove(t, filepath.Join(tiles, "0", name))
			}
		}, true},
		{"tile of pruned lines gone", func(t *testing.T, tiles string) {
			mustRemove(t, filepath.Join(tiles, "0", "001"))
			mustRemove(t, filepath.Join(tiles, "1"))
		}, false},
		{"tile of pruned lines changed", func(t *testing.T, tiles string) {
			flip(t, filepath.Join(tiles, "0", "001"), 0)
			mustRemove(t, filepath.Join(tiles, "1"))
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "audit")
			copyDir(t, whole, dir)
			tt.damage(t, filepath.Join(dir, "ledger", "tile"))
			l, err := tryOpen(t, ledger.Config{Dir: dir, Source: pruned()})
			if (err == nil) != tt.ok {
				t.Fatalf("open: %v", err)
			}
			if err != nil {
				return
			}
			defer l.Close(background())
			sameTrees(t, filepath.Join(whole, "ledger"), filepath.Join(dir, "ledger"))
		})
	}
}

// The log goes on without tiles that cannot be made again, says so, and takes
// them back when somebody restores them.
func TestUnmended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := newMemFS()
		all := lines(1500, "")
		src := newMemSource(all[:1000])
		o := &observer{}
		l := open(t, ledger.Config{FS: fs, Source: src, Observer: o})
		defer l.Close(background())
		mustStep(t, l)
		src.first = 700
		name := "audit/ledger/tile/0/001"
		tile, err := fs.find(name)
		if err != nil {
			t.Fatal(err)
		}
		tile.data[5] ^= 1
		if _, err := l.Prove(t.Context(), 300); err == nil {
			t.Fatal("proof over a damaged tile")
		}
		for size := 1001; size <= 1003; size++ {
			src.grow(all[size-1])
			mustStep(t, l)
			if c, _ := l.Checkpoint(); c.Size != uint64(size) || c.Root != merkleRoot(all[:size]) {
				t.Fatalf("checkpoint is %+v", c)
			}
		}
		if h := l.Health(); h.OK || h.Reason != ledger.StepTiles {
			t.Errorf("health is %+v", h)
		}
		if len(o.failed) != 1 {
			t.Errorf("failed %v", o.failed)
		}
		tile.data[5] ^= 1
		time.Sleep(time.Minute)
		mustStep(t, l)
		if h := l.Health(); !h.OK {
			t.Errorf("health is %+v", h)
		}
		if _, err := l.Prove(t.Context(), 300); err != nil {
			t.Error(err)
		}
	})
}

func TestRebuildIsCancelled(t *testing.T) {
	dir := t.TempDir()
	all := lines(600, "")
	signedLog(t, dir, all)
	mustRemove(t, filepath.Join(dir, "ledger", "tile"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := ledger.Open(ctx, ledger.Config{Dir: dir, Origin: origin, Source: newMemSource(all)})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("open: %v", err)
	}
	// The directory is free again.
	l := open(t, ledger.Config{Dir: dir, Source: newMemSource(all)})
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// A tile of a later state, as a crash leaves it, is no damage.
func TestTilesAhead(t *testing.T) {
	dir := t.TempDir()
	all := lines(600, "")
	signedLog(t, dir, all[:300])
	checkpoint := mustRead(t, filepath.Join(dir, "ledger", "checkpoint"))
	old := t.TempDir()
	copyDir(t, dir, old)
	signedLog(t, dir, all)
	// The later tiles beside the earlier ones, under the earlier checkpoint.
	if err := os.CopyFS(filepath.Join(old, "ahead"), os.DirFS(filepath.Join(dir, "ledger", "tile"))); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(filepath.Join(old, "ahead"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(filepath.Join(old, "ahead"), path)
		to := filepath.Join(old, "ledger", "tile", name)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		return os.Rename(path, to)
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(mustRead(t, filepath.Join(old, "ledger", "checkpoint")), checkpoint) {
		t.Fatal("not the earlier checkpoint")
	}
	l := open(t, ledger.Config{Dir: old, Source: newMemSource(all)})
	mustStep(t, l)
	if c, _ := l.Checkpoint(); c.Root != merkleRoot(all) {
		t.Errorf("checkpoint is %+v", c)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
