package ledger_test

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
	"golang.org/x/mod/sumdb/tlog"
)

// history collects every checkpoint that ever left the ledger or stood on its
// disk, and holds them against the one true history.
type history struct {
	lines [][]byte
	roots map[uint64]tlog.Hash
	key   string
}

func newHistory(lines [][]byte) *history {
	return &history{lines: lines, roots: map[uint64]tlog.Hash{}}
}

// again returns the same history for another ledger, with another key.
func (h *history) again() *history { return &history{lines: h.lines, roots: h.roots} }

// check reports a checkpoint that is not one of the history.
func (h *history) check(note []byte) error {
	c, err := ledger.OpenCheckpoint(note, h.key)
	if err != nil {
		return err
	}
	if c.Size > uint64(len(h.lines)) {
		return fmt.Errorf("checkpoint of %d entries, where there are %d", c.Size, len(h.lines))
	}
	root, ok := h.roots[c.Size]
	if !ok {
		root = merkleRoot(h.lines[:c.Size])
		h.roots[c.Size] = root
	}
	if c.Root != root {
		return fmt.Errorf("checkpoint of %d entries has root %v, want %v", c.Size, c.Root, root)
	}
	return nil
}

// scenario is a life of a ledger over a file system that may fail: growth in
// uneven steps over several boundaries of tiles. It returns the largest size
// that was published.
func (h *history) scenario(fs *memFS, steps []int) (published uint64, err error) {
	src := newMemSource(nil)
	l, err := ledger.Open(background(), ledger.Config{
		Dir: "audit", Origin: origin, FS: fs, Source: src, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return 0, err
	}
	h.key = l.VerifierKey()
	for _, size := range steps {
		src.grow(h.lines[src.Size():size]...)
		// A failing step is tried again later, with more to do by then.
		if stepErr := l.Step(background()); stepErr != nil {
			err = errors.Join(err, stepErr)
		}
		c, note := l.Checkpoint()
		if wrong := h.check(note); wrong != nil {
			return published, fmt.Errorf("WRONG: published: %w", wrong)
		}
		if c.Size < published {
			return published, errors.New("WRONG: published checkpoints go backwards")
		}
		published = c.Size
	}
	return published, errors.Join(err, l.Close(background()))
}

// restart opens the ledger again on a file system that works, and follows to
// the end. Before that, whatever checkpoint is on disk has to have its tiles.
func (h *history) restart(fs *memFS, published uint64) error {
	fs.fail = nil
	fs.locks = map[string]bool{}
	root, err := fs.OpenRoot("audit/ledger")
	if err == nil {
		note, err := root.ReadFile("checkpoint")
		if h.key == "" {
			// It did not get beyond the empty log.
		} else if err == nil {
			c, err := ledger.CheckTiles(root, note, h.key)
			if err != nil {
				return fmt.Errorf("on disk: %w", err)
			}
			if err := h.check(note); err != nil {
				return fmt.Errorf("on disk: %w", err)
			}
			if c.Size < published {
				return fmt.Errorf("on disk is a checkpoint of %d entries, but %d were published", c.Size, published)
			}
		} else if published > 0 {
			return fmt.Errorf("on disk is no checkpoint, but %d entries were published: %w", published, err)
		}
	}
	src := newMemSource(h.lines)
	l, err := ledger.Open(background(), ledger.Config{
		Dir: "audit", Origin: origin, FS: fs, Source: src, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return fmt.Errorf("start again: %w", err)
	}
	if h.key != "" && published > 0 && l.VerifierKey() != h.key {
		return errors.New("another key")
	}
	h.key = l.VerifierKey()
	if err := errors.Join(l.Step(background()), l.Close(background())); err != nil {
		return fmt.Errorf("go on: %w", err)
	}
	c, note := l.Checkpoint()
	if c.Size != uint64(len(h.lines)) {
		return fmt.Errorf("went on to %d of %d entries", c.Size, len(h.lines))
	}
	if err := h.check(note); err != nil {
		return err
	}
	root, err = fs.OpenRoot("audit/ledger")
	if err != nil {
		return err
	}
	_, err = ledger.CheckTiles(root, note, h.key)
	return err
}

// shortLines are enough for a follower: it does not look behind their heads.
func shortLines(n int) [][]byte {
	list := make([][]byte, n)
	for i := range list {
		list[i] = fmt.Appendf(nil, `{"v":1,"index":%d,}`, i)
	}
	return list
}

var faultSteps = []int{3, 3, 255, 256, 257, 700, 1024, 1100}

// Every operation in turn fails in every way. The ledger goes on or says that it
// cannot; it publishes nothing wrong, and a restart finds all in order.
func TestEveryOperationFails(t *testing.T) {
	kinds := map[string]fault{
		"EIO":                   {err: syscall.EIO},
		"EIO with the effect":   {err: syscall.EIO, after: true},
		"ENOSPC":                {err: syscall.ENOSPC},
		"ENOSPC in the middle":  {err: syscall.ENOSPC, short: true},
		"short write":           {short: true},
		"power failure":         {crash: true},
		"power failure, synced": {crash: true, after: true},
	}
	all := shortLines(1200)
	truth := newHistory(all)
	clean := newMemFS()
	if _, err := truth.again().scenario(clean, faultSteps); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d operations", clean.ops)
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			for op := 1; op <= clean.ops; op++ {
				what := ""
				fs := newMemFS()
				fs.fail = func(n int, w string) *fault {
					if n != op {
						return nil
					}
					what = w
					f := kind
					return &f
				}
				h := truth.again()
				published, err := h.scenario(fs, faultSteps)
				if err != nil && strings.Contains(err.Error(), "WRONG") {
					t.Fatalf("operation %d (%s): %v", op, what, err)
				}
				if refused, ok := errors.AsType[*ledger.RefusedError](err); ok {
					t.Fatalf("operation %d (%s): takes a fault for a contradiction: %v", op, what, refused)
				}
				if fs.dead {
					fs = fs.afterPowerFailure(rand.New(rand.NewPCG(uint64(op), 1)))
				}
				if err := h.restart(fs, published); err != nil {
					t.Fatalf("operation %d (%s): %v", op, what, err)
				}
			}
		})
	}
}

// One fault is survived without a restart: what failed is made good by a later
// step. Opening and closing are the exceptions; they fail as a whole.
func TestFaultIsMadeGood(t *testing.T) {
	all := shortLines(1200)
	root1200 := merkleRoot(all)
	for op := 1; ; op++ {
		fs := newMemFS()
		src := newMemSource(nil)
		l := open(t, ledger.Config{FS: fs, Source: src, Logger: slog.New(slog.DiscardHandler)})
		fs.ops = 0
		failed := ""
		fs.fail = func(n int, what string) *fault {
			if n != op {
				return nil
			}
			failed = what
			return &fault{err: syscall.EIO}
		}
		for _, size := range append(faultSteps, 1150, 1200, 1200, 1200) {
			src.grow(all[src.Size():size]...)
			_ = l.Step(t.Context())
		}
		fs.fail = nil
		c, note := l.Checkpoint()
		if c.Size != 1200 || c.Root != root1200 {
			t.Fatalf("operation %d (%s): checkpoint is %+v", op, failed, c)
		}
		root, err := fs.OpenRoot("audit/ledger")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.CheckTiles(root, note, l.VerifierKey()); err != nil {
			t.Fatalf("operation %d (%s): %v", op, failed, err)
		}
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if failed == "" {
			t.Logf("%d operations", op-1)
			return
		}
	}
}

// A disk that does not keep what it was given is noticed before anything is
// signed over it, and what it lost is written again.
func TestDiskLies(t *testing.T) {
	all := shortLines(600)
	for _, name := range []string{"tile/0/001.tmp", "tile/0/002.p/88.tmp", "tile/1/000.p/2.tmp"} {
		t.Run(name, func(t *testing.T) {
			fs := newMemFS()
			src := newMemSource(all[:300])
			l := open(t, ledger.Config{FS: fs, Source: src})
			defer l.Close(background())
			mustStep(t, l)
			lied := 0
			fs.lie = func(what string) bool {
				if what != "write "+name || lied > 0 {
					return false
				}
				lied++
				return true
			}
			src.grow(all[300:]...)
			err := l.Step(t.Context())
			if _, ok := errors.AsType[*ledger.DamagedError](err); !ok || lied != 1 {
				t.Fatalf("step over a damaged tile: %v", err)
			}
			if c, _ := l.Checkpoint(); c.Size != 300 {
				t.Errorf("signed %d entries", c.Size)
			}
			mustStep(t, l)
			c, note := l.Checkpoint()
			if c.Root != merkleRoot(all) {
				t.Errorf("checkpoint is %+v", c)
			}
			root, err := fs.OpenRoot("audit/ledger")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ledger.CheckTiles(root, note, l.VerifierKey()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Many operations fail, the power goes at some point, pages that were not synced
// are lost or not in any order: thousands of times, and never is there a
// checkpoint that contradicts another, or one without its tiles.
func TestDice(t *testing.T) {
	all := shortLines(1200)
	seeds := 3000
	if testing.Short() {
		seeds = 300
	}
	wrong := 0
	truth := newHistory(all)
	for seed := range seeds {
		dice := rand.New(rand.NewPCG(uint64(seed), 0))
		fs := newMemFS()
		crash := 1 + dice.IntN(260)
		rate := dice.IntN(20)
		fs.fail = func(n int, _ string) *fault {
			if n == crash {
				return &fault{crash: true, after: dice.IntN(2) == 0}
			}
			if dice.IntN(100) >= rate {
				return nil
			}
			return &fault{err: []error{syscall.EIO, syscall.ENOSPC}[dice.IntN(2)], after: dice.IntN(2) == 0, short: dice.IntN(2) == 0}
		}
		h := truth.again()
		published, err := h.scenario(fs, faultSteps)
		if err != nil && strings.Contains(err.Error(), "WRONG") {
			t.Fatalf("seed %d: %v", seed, err)
		}
		fs = fs.afterPowerFailure(dice)
		if err := h.restart(fs, published); err != nil {
			t.Errorf("seed %d: %v", seed, err)
			if wrong++; wrong > 5 {
				t.FailNow()
			}
		}
	}
}
