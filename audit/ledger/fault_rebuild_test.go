package ledger_test

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// Tiles are gone, and so are the lines of the first entries, of which tiles of
// level 0 are all that is left. Every operation of making the others again fails
// in turn: what is left of the pruned entries stays, and the next start succeeds.
func TestEveryOperationOfRebuildingFails(t *testing.T) {
	const size, pruned = 900, 512
	all := shortLines(1000)
	// ruined returns a log of which upper tiles and one of level 0 are gone.
	ruined := func(h *history) *memFS {
		fs := newMemFS()
		if _, err := h.scenario(fs, []int{300, size}); err != nil {
			t.Fatal(err)
		}
		root, err := fs.OpenRoot("audit/ledger")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"tile/1", "tile/0/002"} {
			if err := errors.Join(root.RemoveAll(name), root.SyncDir("tile"), root.SyncDir("tile/0")); err != nil {
				t.Fatal(err)
			}
		}
		fs.ops, fs.locks = 0, map[string]bool{}
		return fs
	}
	// live opens the log, and follows to the end.
	live := func(fs *memFS) (note []byte, key string, err error) {
		src := newMemSource(all)
		src.first = pruned
		l, err := ledger.Open(background(), ledger.Config{
			Dir: "audit", Origin: origin, FS: fs, Source: src, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			return nil, "", err
		}
		err = errors.Join(l.Step(background()), l.Close(background()))
		_, note = l.Checkpoint()
		return note, l.VerifierKey(), err
	}
	truth := newHistory(all)
	clean := ruined(truth.again())
	if _, _, err := live(clean); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d operations", clean.ops)
	for name, kind := range map[string]fault{
		"EIO":                   {err: syscall.EIO},
		"EIO with the effect":   {err: syscall.EIO, after: true},
		"ENOSPC in the middle":  {err: syscall.ENOSPC, short: true},
		"short write":           {short: true},
		"power failure":         {crash: true},
		"power failure, synced": {crash: true, after: true},
	} {
		t.Run(name, func(t *testing.T) {
			for op := 1; op <= clean.ops; op++ {
				h := truth.again()
				fs := ruined(h)
				what := ""
				fs.fail = func(n int, w string) *fault {
					if n != op {
						return nil
					}
					what = w
					f := kind
					return &f
				}
				_, _, err := live(fs)
				if refused, ok := errors.AsType[*ledger.RefusedError](err); ok {
					t.Fatalf("operation %d (%s): takes a fault for a contradiction: %v", op, what, refused)
				}
				if fs.dead {
					fs = fs.afterPowerFailure(rand.New(rand.NewPCG(uint64(op), 2)))
				}
				fs.fail, fs.locks = nil, map[string]bool{}
				note, key, err := live(fs)
				if err == nil {
					h.key = key
					err = h.check(note)
				}
				if err == nil {
					err = complete(fs, note, key, len(all))
				}
				if err != nil {
					t.Fatalf("operation %d (%s): %v", op, what, err)
				}
			}
		})
	}
}

// complete reports an error unless a checkpoint covers so many entries and has all
// of its tiles.
func complete(fs *memFS, note []byte, key string, size int) error {
	root, err := fs.OpenRoot("audit/ledger")
	if err != nil {
		return err
	}
	c, err := ledger.CheckTiles(root, note, key)
	if err == nil && c.Size != uint64(size) {
		err = fmt.Errorf("checkpoint covers %d entries, not %d", c.Size, size)
	}
	return err
}
