package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
	"golang.org/x/mod/sumdb/note"
)

func verify(t testing.TB, o ledger.VerifyOptions) *ledger.Report {
	t.Helper()
	r, err := ledger.Verify(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if (r.Verdict == ledger.Sound) != (len(r.Faults) == 0) || r.Verdict == ledger.Unchecked {
		t.Errorf("verdict %s with %d faults", r.Verdict, len(r.Faults))
	}
	return r
}

func describe(r *ledger.Report) string {
	var b strings.Builder
	fmt.Fprintln(&b, r.Verdict)
	for _, f := range r.Faults {
		fmt.Fprintln(&b, f)
	}
	return b.String()
}

func TestVerifySound(t *testing.T) {
	for _, size := range []int{0, 1, 2, 255, 256, 257, 512, 1000} {
		for _, each := range []int{1000, 100, 1} {
			if each == 1 && size > 300 {
				continue
			}
			t.Run(fmt.Sprintf("%d entries, %d each", size, each), func(t *testing.T) {
				dir := t.TempDir()
				all := lines(size, "")
				key := makeLog(t, dir, all, each)
				var last ledger.Progress
				r := verify(t, ledger.VerifyOptions{
					Dir: dir, VerifierKeys: []string{key},
					Checkpoints: []string{filepath.Join(dir, "ledger", "checkpoint")},
					Progress:    func(p ledger.Progress) { last = p },
				})
				if r.Verdict != ledger.Sound || r.Size != uint64(size) || r.Root != merkleRoot(all) || r.Checkpoint.Size != uint64(size) ||
					r.Uncovered != 0 || r.Unfinished != 0 || r.Surplus != 0 || r.KeyFromLog || r.Origin != origin {
					t.Errorf("report is %+v", r)
				}
				if last.Bytes != last.Total || last.Bytes != r.Bytes || last.Entries != uint64(size) {
					t.Errorf("last progress is %+v", last)
				}
				if r := verify(t, ledger.VerifyOptions{Dir: dir}); r.Verdict != ledger.Sound || !r.KeyFromLog {
					t.Errorf("with the key beside the log: %+v", r)
				}
			})
		}
	}
}

// Every byte of every file counts, and a changed one in the journal is found at
// its entry.
func TestVerifyEveryByte(t *testing.T) {
	dir := t.TempDir()
	all := smallLines(5)
	all[2] = line(2, "")
	key := makeLog(t, dir, all, 3)
	segments := map[string]int{segmentName(0): 0, segmentName(3): 3}
	var checked int
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		switch {
		case err != nil || d.IsDir():
			return err
		case name == "ledger/key", name == "ledger/key.pub", name == "ledger/lock":
			return nil // they are not of the log
		}
		sound := mustRead(t, path)
		for i := range sound {
			for _, mask := range []byte{1 << (i % 8), 0x20, sound[i] ^ '\n'} {
				if mask == 0 {
					continue
				}
				changed := bytes.Clone(sound)
				changed[i] ^= mask
				mustWrite(t, path, changed)
				r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}})
				if r.Verdict == ledger.Sound {
					t.Fatalf("byte %d of %s changed by %#x is not found", i, name, mask)
				}
				index, ok := r.FirstBad()
				first, isSegment := segments[name]
				if !isSegment {
					if ok {
						t.Fatalf("byte %d of %s changed: entry %d is said to be bad:\n%s", i, name, index, describe(r))
					}
					continue
				}
				want := uint64(first + bytes.Count(sound[:i], []byte("\n")))
				if !ok || index != want {
					t.Fatalf("byte %d of %s changed by %#x: first bad entry is %d, want %d:\n%s", i, name, mask, index, want, describe(r))
				}
			}
			checked++
		}
		mustWrite(t, path, sound)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", checked)
	if r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}}); r.Verdict != ledger.Sound {
		t.Errorf("in the end: %s", describe(r))
	}
}

// Lines that a prune has removed, and recorded, are not missing. Others are.
func TestVerifyPruned(t *testing.T) {
	const size = 1000
	all := lines(size, "")
	all[900] = audit.AppendLine(nil, &audit.Event{
		Index: 900, ID: "01936f2a-0000-7000-8000-000000000900", Kind: audit.KindAdmin, Time: epoch, Origin: origin,
		Action: journal.ActionPrune, Count: 300,
	})
	tests := []struct {
		name  string
		gone  []int
		sound bool
		first uint64
	}{
		{"what was pruned", []int{0, 100, 200}, true, 0},
		{"less than was pruned", []int{0}, true, 0},
		{"more than was pruned", []int{0, 100, 200, 300}, false, 300},
		{"in the middle of what was pruned", []int{100}, false, 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			makeLog(t, dir, all, 100)
			for _, first := range tt.gone {
				mustRemove(t, filepath.Join(dir, segmentName(first)))
			}
			r := verify(t, ledger.VerifyOptions{Dir: dir})
			if (r.Verdict == ledger.Sound) != tt.sound {
				t.Error(describe(r))
			}
			if index, ok := r.FirstBad(); !tt.sound && (!ok || index != tt.first) {
				t.Errorf("first bad entry is %d", index)
			}
			if tt.sound && r.First != uint64(100*len(tt.gone)) {
				t.Errorf("first entry is %d", r.First)
			}
			// A changed line is found as ever.
			flip(t, filepath.Join(dir, segmentName(800)), 200)
			if r := verify(t, ledger.VerifyOptions{Dir: dir}); r.Verdict == ledger.Sound {
				t.Error("a changed line is not found")
			} else if index, _ := r.FirstBad(); tt.sound && index != 800 {
				t.Errorf("first bad entry is %d, want 800", index)
			}
		})
	}
}

func TestVerifyUnchecked(t *testing.T) {
	dir := t.TempDir()
	key := makeLog(t, dir, lines(10, ""), 100)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	empty := filepath.Join(t.TempDir(), "empty")
	mustWrite(t, empty, nil)
	tests := []struct {
		name string
		ctx  context.Context
		o    ledger.VerifyOptions
	}{
		{"no directory", t.Context(), ledger.VerifyOptions{Dir: filepath.Join(dir, "none")}},
		{"no log", t.Context(), ledger.VerifyOptions{Dir: t.TempDir()}},
		{"malformed key", t.Context(), ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{"x"}}},
		{"no kept checkpoint", t.Context(), ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}, Checkpoints: []string{"none"}}},
		{"empty kept checkpoint", t.Context(), ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}, Checkpoints: []string{empty}}},
		{"cancelled", cancelled, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := ledger.Verify(tt.ctx, tt.o)
			if err == nil || r == nil || r.Verdict != ledger.Unchecked {
				t.Errorf("report is %+v, %v", r, err)
			}
		})
	}
	if _, err := ledger.Verify(cancelled, ledger.VerifyOptions{Dir: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A checkpoint with a size that nobody can check does not hang the verifier.
func TestVerifyAbsurdCheckpoint(t *testing.T) {
	dir := t.TempDir()
	makeLog(t, dir, lines(10, ""), 100)
	text, err := os.ReadFile(filepath.Join(dir, "ledger", "key"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []uint64{11, 1 << 20, 1 << 60} {
		c := ledger.Checkpoint{Origin: origin, Size: size}
		mustWrite(t, filepath.Join(dir, "ledger", "checkpoint"), sign(t, c.Text(), s))
		r := verify(t, ledger.VerifyOptions{Dir: dir})
		if index, ok := r.FirstBad(); !ok || index != 10 {
			t.Errorf("size %d: %s", size, describe(r))
		}
	}
}
