package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// slowSink takes its time, or refuses.
type slowSink struct {
	mu    sync.Mutex
	takes time.Duration
	err   error
	got   []string
	tries int
}

func (s *slowSink) Name() string { return "slow" }

func (s *slowSink) Put(ctx context.Context, checkpoint []byte) error {
	s.mu.Lock()
	takes, err := s.takes, s.err
	s.tries++
	s.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, strings.Split(string(checkpoint), "\n")[1])
	return nil
}

func (s *slowSink) sizes() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.got, " ")
}

// A slow sink holds nobody up and gets the newest checkpoint there is when it is
// ready for one.
func TestSinkGetsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newMemSource(nil)
		s := &slowSink{takes: 10 * time.Second}
		l := open(t, ledger.Config{FS: newMemFS(), Source: src, Sinks: []ledger.Sink{s}})
		began := time.Now()
		for i := range uint64(5) {
			src.grow(line(i, ""))
			mustStep(t, l)
			synctest.Wait()
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("following took %v", took)
		}
		time.Sleep(time.Minute)
		if got := s.sizes(); got != "1 5" {
			t.Errorf("sink got %q, want the first and the newest", got)
		}
		src.grow(line(5, ""))
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got := s.sizes(); got != "1 5 6" {
			t.Errorf("after closing the sink has %q", got)
		}
	})
}

// A sink that fails is tried again, also while nothing happens, ever less often,
// and is counted.
func TestSinkFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newMemSource(lines(1, ""))
		s := &slowSink{err: errors.New("no route")}
		o := &observer{}
		l := open(t, ledger.Config{FS: newMemFS(), Source: src, Sinks: []ledger.Sink{s}, Observer: o})
		mustStep(t, l)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if s.tries < 10 || s.tries > 20 {
			t.Errorf("%d attempts in ten minutes", s.tries)
		}
		o.mu.Lock()
		if len(o.failed) != s.tries || o.failed[0] != ledger.StepCopy {
			t.Errorf("observer was told %v", o.failed)
		}
		o.mu.Unlock()
		if h := l.Health(); !h.OK {
			t.Errorf("a sink that fails makes the ledger ill: %+v", h)
		}
		if c := l.Copies(); len(c) != 1 || c[0].OK || c[0].Name != "slow" || c[0].Reason != "no route" || time.Since(c[0].Since) != 10*time.Minute || c[0].Waiting.IsZero() || !c[0].Delivered.IsZero() {
			t.Errorf("copies %+v", c)
		}
		s.mu.Lock()
		s.err = nil
		s.mu.Unlock()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := s.sizes(); got != "1" {
			t.Errorf("sink got %q", got)
		}
		if c := l.Copies(); !c[0].OK || c[0].Reason != "" || !c[0].Waiting.IsZero() || c[0].Delivered.IsZero() {
			t.Errorf("copies %+v", c)
		}
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A sink that never answers is given up: after its time, and at closing.
func TestSinkHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newMemSource(lines(1, ""))
		s := &slowSink{takes: 100 * time.Hour}
		o := &observer{}
		l := open(t, ledger.Config{FS: newMemFS(), Source: src, Sinks: []ledger.Sink{s}, Observer: o})
		mustStep(t, l)
		time.Sleep(time.Minute)
		o.mu.Lock()
		if len(o.failed) == 0 {
			t.Error("a sink that hangs is not counted")
		}
		o.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		if err := l.Close(ctx); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("closing took %v", took)
		}
		synctest.Wait()
	})
}

// deafSink does not heed its context, as a pipe that nobody reads.
type deafSink struct{ blocked chan struct{} }

func (deafSink) Name() string { return "deaf" }
func (s deafSink) Put(context.Context, []byte) error {
	<-s.blocked
	return nil
}

// A sink that does not even give up is told of, and holds nobody up.
func TestSinkIsDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newMemSource(lines(1, ""))
		s := deafSink{make(chan struct{})}
		var log bytes.Buffer
		l := open(t, ledger.Config{FS: newMemFS(), Source: src, Sinks: []ledger.Sink{s}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		mustStep(t, l)
		synctest.Wait()
		if c := l.Copies(); !c[0].OK || c[0].Waiting.IsZero() {
			t.Errorf("at first: %+v", c)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if c := l.Copies(); c[0].OK || c[0].Reason == "" || time.Since(c[0].Waiting) != time.Minute {
			t.Errorf("after a minute: %+v", c)
		}
		if !strings.Contains(log.String(), "not delivered") {
			t.Errorf("log: %s", &log)
		}
		src.grow(line(1, ""))
		mustStep(t, l)
		if c, _ := l.Checkpoint(); c.Size != 2 {
			t.Errorf("signed %d entries", c.Size)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Close(ctx); err != nil {
			t.Error(err)
		}
		close(s.blocked)
		synctest.Wait()
	})
}

// The last copy may be what the last run did not get to.
func TestSinkGetsTheLastOneAgain(t *testing.T) {
	fs := newMemFS()
	src := newMemSource(lines(4, ""))
	l := open(t, ledger.Config{FS: fs, Source: src})
	mustStep(t, l)
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := &slowSink{}
	l = open(t, ledger.Config{FS: fs, Source: src, Sinks: []ledger.Sink{s}})
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.sizes(); got != "4" {
		t.Errorf("sink got %q", got)
	}
}

func TestWriterSink(t *testing.T) {
	var out bytes.Buffer
	s := ledger.WriterSink("stdout", &out)
	for _, text := range []string{"a\n\n— a b\n", "c\n\n— c d\n"} {
		if err := s.Put(t.Context(), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	notes, incomplete := ledger.SplitCheckpoints(out.Bytes())
	if len(notes) != 2 || incomplete != 0 || s.Name() != "stdout" {
		t.Errorf("%s wrote %q", s.Name(), out.String())
	}
}

func TestFileSink(t *testing.T) {
	dir := t.TempDir()
	file, history := filepath.Join(dir, "sub", "checkpoint"), filepath.Join(dir, "history")
	s := ledger.FileSink(file, history)
	k := s.(ledger.Keeper)
	if kept, err := k.Kept(t.Context()); err != nil || kept != nil {
		t.Errorf("keeps %q, %v at first", kept, err)
	}
	first, second := "o\n1\nr\n\n— o s\n", "o\n2\nr\n\n— o s\n"
	if err := s.Put(t.Context(), []byte(first)); err != nil {
		t.Fatal(err)
	}
	// A write was interrupted.
	mustWrite(t, history, append(mustRead(t, history), "\n\no\n2\n"...))
	if err := s.Put(t.Context(), []byte(second)); err != nil {
		t.Fatal(err)
	}
	if kept, err := k.Kept(t.Context()); err != nil || string(kept) != second {
		t.Errorf("keeps %q, %v", kept, err)
	}
	notes, incomplete := ledger.SplitCheckpoints(mustRead(t, history))
	if len(notes) != 2 || string(notes[0]) != first || string(notes[1]) != second || incomplete != 1 {
		t.Errorf("history is %q", notes)
	}
	if err := ledger.FileSink(filepath.Join(file, "impossible"), "").Put(t.Context(), []byte(first)); err == nil {
		t.Error("a file below a file")
	}
	if err := ledger.FileSink(file, filepath.Join(dir, "no", "such", "dir")).Put(t.Context(), []byte(first)); err == nil {
		t.Error("a history that cannot be written is no error")
	}
	if kept, _ := k.Kept(t.Context()); string(kept) != first {
		t.Error("without the history the file is not kept either")
	}
}

func TestCommandSink(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	tests := []struct {
		name    string
		command string
		want    string // in the error; empty: none
	}{
		{"takes it", `cat >"$0"`, ""},
		{"does not read it", `exit 0`, ""},
		{"fails", `echo "bucket is gone" >&2; exit 3`, "bucket is gone"},
		{"fails silently", `exit 3`, "exit status 3"},
		{"says a lot", `i=0; while [ $i -lt 5000 ]; do echo 0123456789 >&2; i=$((i+1)); done; echo end >&2; exit 1`, "end"},
	}
	const checkpoint = "o\n1\nr\n\n— o s\n"
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := ledger.CommandSink("/bin/sh", "-c", tt.command, out)
			err := s.Put(t.Context(), []byte(checkpoint))
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || len(err.Error()) > 1000 {
				t.Errorf("error is %v", err)
			}
		})
	}
	if got, err := os.ReadFile(out); err != nil || string(got) != checkpoint {
		t.Errorf("command got %q, %v", got, err)
	}
	if err := ledger.CommandSink("/no/such/command").Put(t.Context(), []byte(checkpoint)); err == nil {
		t.Error("a command that is not there is no error")
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("too slow"))
	defer cancel()
	began := time.Now()
	err := ledger.CommandSink("/bin/sh", "-c", "exec sleep 60").Put(ctx, []byte(checkpoint))
	if err == nil || !strings.Contains(err.Error(), "too slow") || time.Since(began) > 20*time.Second {
		t.Errorf("command that takes too long: %v after %v", err, time.Since(began))
	}
}
