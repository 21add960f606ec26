package ledger_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/journal/seekable"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// packSegment compresses a segment in frames of so many lines, and returns where
// in the file each frame ends.
func packSegment(t testing.TB, dir string, first, each int) (ends []int) {
	t.Helper()
	plain := filepath.Join(dir, segmentName(first))
	b, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	w, err := seekable.NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(b, []byte("\n"))
	lines = lines[:len(lines)-1]
	for i := 0; i < len(lines); i += each {
		if err := w.Frame(uint64(first+i), bytes.Join(lines[i:min(i+each, len(lines))], nil)); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, file.Len())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, plain+".zst", file.Bytes())
	mustRemove(t, plain)
	return ends
}

// Compressed segments are verified like others: each byte of one that changes is
// found out, and the first entry that can be bad is named.
func TestVerifyPacked(t *testing.T) {
	dir := t.TempDir()
	key := makeLog(t, dir, lines(300, ""), 100)
	ends := packSegment(t, dir, 0, 25)
	packSegment(t, dir, 100, 100)
	if r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}}); r.Verdict != ledger.Sound || r.Size != 300 || r.Pruned != 0 {
		t.Fatalf("%d entries: %s", r.Size, describe(r))
	}
	path := filepath.Join(dir, segmentName(0)+".zst")
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sound {
		changed := bytes.Clone(sound)
		changed[i] ^= 1 << (i % 8)
		mustWrite(t, path, changed)
		want := uint64(0)
		for n, end := range ends {
			if i >= end {
				want = uint64(25 * (n + 1))
			}
		}
		if i >= ends[len(ends)-1] {
			want = 0 // without its table nothing of the file can be found
		}
		r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}})
		if index, ok := r.FirstBad(); r.Verdict != ledger.NotSound || !ok || index != want {
			t.Fatalf("byte %d changed: first bad entry is %d, want %d:\n%s", i, index, want, describe(r))
		}
		if f := r.Faults[0]; f.Kind != ledger.FaultChanged || f.File != filepath.Base(path) || len(r.Faults) != 1 {
			t.Fatalf("byte %d changed: %s", i, describe(r))
		}
	}
	for n := range len(sound) {
		if n%97 != 0 {
			continue
		}
		mustWrite(t, path, sound[:n])
		if r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}}); r.Verdict != ledger.NotSound {
			t.Fatalf("cut to %d bytes: %s", n, describe(r))
		}
	}
	mustWrite(t, path, sound)
	if r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}}); r.Verdict != ledger.Sound {
		t.Errorf("in the end: %s", describe(r))
	}
}

// Whoever compresses another history with good checksums is found out by the
// tree.
func TestVerifyPackedForgery(t *testing.T) {
	dir := t.TempDir()
	key := makeLog(t, dir, lines(300, ""), 100)
	forged := lines(100, "")
	forged[42] = line(42, "x")
	mustWrite(t, filepath.Join(dir, segmentName(0)), append(bytes.Join(forged, []byte("\n")), '\n'))
	packSegment(t, dir, 0, 10)
	r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}})
	if index, ok := r.FirstBad(); r.Verdict != ledger.NotSound || !ok || index != 42 {
		t.Errorf("first bad entry is %d: %s", index, describe(r))
	}
}

// While a segment is compressed it is there twice: the plain form counts.
func TestVerifyBothForms(t *testing.T) {
	dir := t.TempDir()
	key := makeLog(t, dir, lines(300, ""), 100)
	plain := filepath.Join(dir, segmentName(0))
	b, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	packSegment(t, dir, 0, 25)
	mustWrite(t, plain, b)
	if r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}}); r.Verdict != ledger.Sound || r.Size != 300 {
		t.Errorf("%d entries: %s", r.Size, describe(r))
	}
}
