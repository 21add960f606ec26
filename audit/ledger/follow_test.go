package ledger_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
	"github.com/google/go-cmp/cmp"
)

// observer counts what it is told.
type observer struct {
	mu     sync.Mutex
	signed []uint64
	failed []string
}

func (o *observer) Signed(size uint64, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.signed = append(o.signed, size)
}

func (o *observer) Failed(step string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed = append(o.failed, step)
}

func (o *observer) sizes() []uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.signed)
}

func TestFirstStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	l := open(t, ledger.Config{Dir: dir, Source: newMemSource(nil)})
	c, note := l.Checkpoint()
	if c.Size != 0 || c.Root != merkleRoot(nil) || c.Origin != origin {
		t.Errorf("first checkpoint is %+v", c)
	}
	if got, err := ledger.OpenCheckpoint(note, l.VerifierKey()); err != nil || got != c {
		t.Errorf("first checkpoint verifies as %+v, %v", got, err)
	}
	if h := l.Health(); !h.OK || h.Size != 0 || !h.Signed.IsZero() {
		t.Errorf("health is %+v", h)
	}
	info, err := os.Stat(filepath.Join(dir, "ledger", "key"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("key has mode %v", info.Mode())
	}
	key, err := ledger.ReadVerifierKey(dir)
	if err != nil || key != l.VerifierKey() {
		t.Errorf("key beside the log is %q, %v", key, err)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Errorf("closed again: %v", err)
	}
	again := open(t, ledger.Config{Dir: dir, Source: newMemSource(nil)})
	defer again.Close(background())
	if again.VerifierKey() != l.VerifierKey() {
		t.Error("the second start has made another key")
	}
}

func TestKeyElsewhere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "secrets", "log.key")
	c := ledger.Config{Dir: filepath.Join(dir, "audit"), KeyFile: file, Source: newMemSource(lines(3, ""))}
	l := open(t, c)
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "audit", "ledger", "key")); !os.IsNotExist(err) {
		t.Errorf("there is a key beside the log too: %v", err)
	}
	again := open(t, c)
	defer again.Close(background())
	if again.VerifierKey() != l.VerifierKey() {
		t.Error("the second start has made another key")
	}
}

// The log grows step by step over each boundary, and at each size checkpoint,
// tiles and what is on disk are right. At every other size it is opened anew.
func TestGrow(t *testing.T) {
	fs := newMemFS()
	src := newMemSource(nil)
	all := lines(1030, "")
	var l *ledger.Ledger
	for _, size := range []int{0, 1, 2, 3, 254, 255, 256, 257, 511, 512, 513, 767, 1023, 1024, 1025, 1030} {
		src.grow(all[src.Size():size]...)
		if l == nil {
			l = open(t, ledger.Config{FS: fs, Source: src})
		}
		mustStep(t, l)
		c, note := l.Checkpoint()
		if c.Size != uint64(size) || c.Root != merkleRoot(all[:size]) {
			t.Fatalf("checkpoint at %d entries is %+v", size, c)
		}
		root, err := fs.OpenRoot("audit/ledger")
		if err != nil {
			t.Fatal(err)
		}
		if stored, err := root.ReadFile("checkpoint"); err != nil || string(stored) != string(note) {
			t.Fatalf("stored checkpoint is %q, %v", stored, err)
		}
		if _, err := ledger.CheckTiles(root, note, l.VerifierKey()); err != nil {
			t.Fatalf("tiles at %d entries: %v", size, err)
		}
		for _, tile := range ledger.EdgeTiles(int64(size)) {
			dir := filepath.Dir(ledger.TilePath(tile))
			names, err := root.Names(dir)
			if err != nil || len(names) != 1 {
				t.Errorf("at %d entries %s holds %v, %v", size, dir, names, err)
			}
		}
		if size%2 == 1 {
			if err := l.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			l = nil
		}
	}
}

// A checkpoint covers an entry within the interval, there is one an interval,
// and none while nothing happens.
func TestInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const interval = 10 * time.Second
		src := newMemSource(nil)
		o := &observer{}
		l := open(t, ledger.Config{FS: newMemFS(), Source: src, Interval: interval, Observer: o})
		done := make(chan error)
		go func() { done <- l.Run(t.Context()) }()

		synctest.Wait()
		time.Sleep(time.Hour)
		if got := o.sizes(); len(got) != 0 {
			t.Errorf("signed %v while idle", got)
		}

		src.grow(line(0, ""))
		time.Sleep(interval - time.Second)
		src.grow(line(1, ""))
		synctest.Wait()
		if got := o.sizes(); len(got) != 0 {
			t.Errorf("signed %v before the interval was over", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]uint64{2}, o.sizes()); diff != "" {
			t.Errorf("signed after the interval (-want +got):\n%s", diff)
		}

		for i := uint64(2); i < 62; i++ {
			src.grow(line(i, ""))
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if got := len(o.sizes()); got < 6 || got > 7 {
			t.Errorf("signed %v in six intervals of activity", o.sizes()[1:])
		}

		time.Sleep(time.Hour)
		before := len(o.sizes())
		time.Sleep(time.Hour)
		if got := len(o.sizes()); got != before {
			t.Errorf("signed %d times while idle", got-before)
		}

		src.grow(line(62, ""))
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
		if got := o.sizes(); got[len(got)-1] != 63 {
			t.Errorf("last signed at closing is %d, want 63", got[len(got)-1])
		}
	})
}

func TestRunEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newMemSource(lines(2, ""))
		l := open(t, ledger.Config{FS: newMemFS(), Source: src, Interval: time.Minute})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()
		synctest.Wait()
		if err := l.Run(ctx); err == nil {
			t.Error("a second Run is taken")
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if c, _ := l.Checkpoint(); c.Size != 2 {
			t.Errorf("after closing the checkpoint covers %d entries", c.Size)
		}
	})
}

// What fails is reported, tried again ever later, and recovers.
func TestSourceFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newMemSource(lines(2, ""))
		o := &observer{}
		l := open(t, ledger.Config{FS: newMemFS(), Source: src, Interval: time.Second, Observer: o})
		src.err = errors.New("disk on fire")
		go l.Run(t.Context())
		time.Sleep(time.Minute)
		synctest.Wait()
		h := l.Health()
		if h.OK || h.Reason != ledger.StepRead || !strings.Contains(h.Detail, "disk on fire") {
			t.Errorf("health is %+v", h)
		}
		if n := len(o.failed); n < 3 || n > 10 || slices.ContainsFunc(o.failed, func(s string) bool { return s != ledger.StepRead }) {
			t.Errorf("failed %v in a minute", o.failed)
		}
		src.mu.Lock()
		src.err = nil
		src.mu.Unlock()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if h := l.Health(); !h.OK || h.Size != 2 {
			t.Errorf("health is %+v after recovery", h)
		}
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Nothing is signed over an entry that is not there, or not the one it should be.
func TestMissingEntry(t *testing.T) {
	tests := []struct {
		name   string
		damage func(s *memSource)
	}{
		{"gone", func(s *memSource) { s.first = 3 }},
		{"another in its place", func(s *memSource) { s.lines[2] = line(7, "") }},
		{"not a line", func(s *memSource) { s.lines[2] = []byte("hello") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := newMemSource(lines(1, ""))
			l := open(t, ledger.Config{FS: newMemFS(), Source: src})
			mustStep(t, l)
			src.grow(lines(5, "")[1:]...)
			tt.damage(src)
			if err := l.Step(t.Context()); err == nil {
				t.Error("no error")
			}
			if c, _ := l.Checkpoint(); c.Size > 2 {
				t.Errorf("signed %d entries", c.Size)
			}
			if err := l.Close(t.Context()); err == nil {
				t.Error("closing does not say that entries are not covered")
			}
		})
	}
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	l := open(t, ledger.Config{Dir: dir, Source: newMemSource(nil)})
	if _, err := tryOpen(t, ledger.Config{Dir: dir, Source: newMemSource(nil)}); !errors.Is(err, ledger.ErrLocked) {
		t.Errorf("second ledger of a directory: %v", err)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := open(t, ledger.Config{Dir: dir, Source: newMemSource(nil)})
	if err := again.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestConfigRefused(t *testing.T) {
	src := newMemSource(nil)
	tests := []struct {
		name string
		c    ledger.Config
	}{
		{"nothing", ledger.Config{}},
		{"no origin", ledger.Config{Dir: "d", Source: src}},
		{"no source", ledger.Config{Dir: "d", Origin: origin}},
		{"negative interval", ledger.Config{Dir: "d", Origin: origin, Source: src, Interval: -1}},
		{"origin with a space", ledger.Config{Dir: "d", Origin: "my log", Source: src}},
		{"origin with a plus", ledger.Config{Dir: "d", Origin: "my+log", Source: src}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.c.FS = newMemFS()
			if l, err := ledger.Open(t.Context(), tt.c); err == nil {
				t.Error("taken")
				_ = l.Close(background())
			}
		})
	}
}
