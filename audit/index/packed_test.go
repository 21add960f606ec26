package index_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
	"github.com/gatepost-proxy/gatepost/audit/journal/seekable"
)

// pack compresses a segment of the log as the journal does, some lines to a frame.
func (l *testLog) pack(first uint64) {
	l.t.Helper()
	path := filepath.Join(l.dir, fmt.Sprintf("segment-%020d.jsonl", first))
	b, err := os.ReadFile(path)
	if err != nil {
		l.t.Fatal(err)
	}
	var file bytes.Buffer
	w, err := seekable.NewWriter(&file)
	if err != nil {
		l.t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		if err := w.Frame(first, line); err != nil {
			l.t.Fatal(err)
		}
		first++
	}
	if err := errors.Join(w.Close(), os.WriteFile(path+".zst", file.Bytes(), 0o600), os.Remove(path)); err != nil {
		l.t.Fatal(err)
	}
}

// TestPackedSegments compresses a segment under an index that knows where its
// lines stand.
func TestPackedSegments(t *testing.T) {
	l := &countingLog{testLog: newTestLog(t, t.TempDir())}
	l.append(story()...)
	second := l.size
	l.segment(second)
	l.append(again(1)...)
	l.segment(l.size)
	l.append(again(2)...)
	x, err := index.Open(t.Context(), index.Config{Dir: l.dir, Source: l, Logger: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	step(t, x)
	reader, err := index.OpenReader(t.Context(), l.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for _, first := range []uint64{0, second} {
		l.pack(first)
		l.reads.Store(0)
		check(t, x, l.testLog)
		if n := l.reads.Load(); n > 0 {
			t.Errorf("%d lines were searched for in the log", n)
		}
		found, _ := all(t, reader, index.Filter{}, 3)
		want, _ := scan(l.events, index.Filter{})
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	// A new index of what is compressed.
	if err := x.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	l.reads.Store(0)
	check(t, x, l.testLog)
	if n := l.reads.Load(); n > 0 {
		t.Errorf("rebuilt: %d lines were searched for in the log", n)
	}
}

// TestRebuildPruned builds the index of a log that does not begin with entry 0.
func TestRebuildPruned(t *testing.T) {
	l := newTestLog(t, t.TempDir())
	l.append(story()...)
	kept := int(l.size)
	l.segment(l.size)
	l.append(again(1)...)
	l.segment(l.size)
	l.append(again(2)...)
	remove(t, filepath.Join(l.dir, "segment-00000000000000000000.jsonl"))
	l.pack(uint64(kept))
	source, err := index.Directory(l.dir)
	if err != nil {
		t.Fatal(err)
	}
	x, err := index.Open(t.Context(), index.Config{Dir: l.dir, Source: source, Logger: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	var done, total uint64
	if err := x.Rebuild(t.Context(), func(d, of uint64) { done, total = d, of }); err != nil {
		t.Fatal(err)
	}
	if done != l.size || total != l.size || x.Lag() != 0 {
		t.Errorf("%d of %d, lag %d", done, total, x.Lag())
	}
	for _, f := range []index.Filter{{}, {Filter: audit.Filter{Operation: "GetConnection"}}} {
		found, _ := all(t, x.Reader, f, 2)
		want, _ := scan(l.events[kept:], f)
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if _, err := x.At(t.Context(), 3); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("At: %v", err)
	}
}
