package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
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

// insert returns lines with others put in.
func insert(lines [][]byte, at int, more ...[]byte) [][]byte {
	return slices.Insert(slices.Clone(lines), at, more...)
}

func swap(lines [][]byte, a, b int) [][]byte {
	lines = slices.Clone(lines)
	lines[a], lines[b] = lines[b], lines[a]
	return lines
}

func replace(lines [][]byte, at int, by []byte) [][]byte {
	lines = slices.Clone(lines)
	lines[at] = by
	return lines
}

func without(lines [][]byte, from, to int) [][]byte {
	return slices.Delete(slices.Clone(lines), from, to)
}

type kinds map[ledger.FaultKind]int

func kindsOf(r *ledger.Report) kinds {
	k := kinds{}
	for _, f := range r.Faults {
		k[f.Kind]++
	}
	return k
}

// What is done to the lines is found where it was done, and called by its name.
func TestVerifyLines(t *testing.T) {
	const size = 600
	all := lines(size, "")
	renumbered := bytes.Replace(all[300], []byte(`"index":300`), []byte(`"index":999`), 1)
	tests := []struct {
		name  string
		lines [][]byte
		first uint64
		want  kinds
	}{
		{"changed", replace(all, 300, line(300, "x")), 300, kinds{ledger.FaultChanged: 1}},
		{"first changed", replace(all, 0, line(0, "x")), 0, kinds{ledger.FaultChanged: 1}},
		{"last changed", replace(all, 599, line(599, "x")), 599, kinds{ledger.FaultChanged: 1}},
		{"two changed", replace(replace(all, 300, line(300, "x")), 10, line(10, "x")), 10, kinds{ledger.FaultChanged: 2}},
		{"renumbered", replace(all, 300, renumbered), 300, kinds{ledger.FaultChanged: 1}},
		{"not a line", replace(all, 300, []byte("hello")), 300, kinds{ledger.FaultChanged: 1}},
		{"empty line", replace(all, 300, nil), 300, kinds{ledger.FaultChanged: 1}},
		{"space behind", replace(all, 300, append(slices.Clone(all[300]), ' ')), 300, kinds{ledger.FaultChanged: 1}},

		{"deleted", without(all, 300, 301), 300, kinds{ledger.FaultMissing: 1}},
		{"first deleted", without(all, 0, 1), 0, kinds{ledger.FaultMissing: 1}},
		{"many deleted", without(all, 100, 400), 100, kinds{ledger.FaultMissing: 1}},
		{"deleted in two places", without(without(all, 300, 301), 100, 101), 100, kinds{ledger.FaultMissing: 2}},
		{"every other deleted", func() (l [][]byte) {
			for i := 0; i < size; i += 2 {
				l = append(l, all[i])
			}
			return l
		}(), 1, nil},
		{"last deleted", without(all, 599, 600), 599, kinds{ledger.FaultTruncated: 1}},
		{"truncated", all[:200], 200, kinds{ledger.FaultTruncated: 1}},
		{"truncated at a tile", all[:256], 256, kinds{ledger.FaultTruncated: 1}},
		{"all deleted", nil, 0, kinds{ledger.FaultTruncated: 1}},

		{"duplicated", insert(all, 301, all[300]), 301, kinds{ledger.FaultDuplicated: 1}},
		{"first duplicated", insert(all, 1, all[0]), 1, kinds{ledger.FaultDuplicated: 1}},
		{"last duplicated", insert(all, 600, all[599]), 600, kinds{ledger.FaultDuplicated: 1}},
		{"duplicated elsewhere", insert(all, 500, all[300]), 500, kinds{ledger.FaultDuplicated: 1}},
		{"inserted", insert(all, 300, line(300, "x")), 300, nil},
		{"inserted garbage", insert(all, 300, []byte("hello")), 300, kinds{ledger.FaultInserted: 1}},
		{"inserted from elsewhere", insert(all, 300, line(9000, "x")), 300, kinds{ledger.FaultInserted: 1}},

		{"neighbours swapped", swap(all, 300, 301), 300, nil},
		{"swapped", swap(all, 100, 500), 100, kinds{ledger.FaultMoved: 2}},
		{"first and last swapped", swap(all, 0, 599), 0, kinds{ledger.FaultMoved: 2}},
		{"moved to the front", insert(without(all, 500, 501), 100, all[500]), 100, kinds{ledger.FaultMoved: 2}},
		{"moved to the back", insert(without(all, 100, 101), 500, all[100]), 100, kinds{ledger.FaultMoved: 2}},
		{"all another's", lines(size, "x"), 0, kinds{ledger.FaultChanged: size}},
	}
	for _, tt := range tests {
		for _, each := range []int{1000, 150} {
			if each == 150 && len(tt.lines) != size {
				continue // the names of segments would give it away
			}
			t.Run(fmt.Sprintf("%s, %d each", tt.name, each), func(t *testing.T) {
				dir := t.TempDir()
				key := makeLog(t, dir, all, each)
				for first := 0; first < size; first += each {
					mustRemove(t, filepath.Join(dir, segmentName(first)))
				}
				writeSegments(t, dir, tt.lines, each)
				r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}})
				if r.Verdict != ledger.NotSound {
					t.Fatalf("verdict is %s", r.Verdict)
				}
				if index, ok := r.FirstBad(); !ok || index != tt.first {
					t.Errorf("first bad entry is %d, want %d", index, tt.first)
				}
				if tt.want != nil && each == 1000 { // else lines have moved to other segments, too
					if diff := cmp.Diff(tt.want, kindsOf(r)); diff != "" {
						t.Errorf("faults (-want +got):\n%s", diff)
					}
				}
				if t.Failed() {
					t.Logf("%.3000s", describe(r))
				}
				for _, f := range r.Faults {
					if f.Repairable() {
						t.Errorf("%v is not repairable", f)
					}
				}
			})
		}
	}
}

// The place of a fault is told by file and byte.
func TestVerifyTellsPlace(t *testing.T) {
	dir := t.TempDir()
	all := lines(600, "")
	makeLog(t, dir, all, 200)
	name := filepath.Join(dir, segmentName(400))
	offset := len(bytes.Join(all[400:450], []byte("\n"))) + 1
	flip(t, name, offset+200)
	r := verify(t, ledger.VerifyOptions{Dir: dir})
	if len(r.Faults) != 1 {
		t.Fatal(describe(r))
	}
	f := r.Faults[0]
	if f.First != 450 || f.File != segmentName(400) || f.Offset != int64(offset) {
		t.Errorf("fault is %+v", f)
	}
	want := fmt.Sprintf("entry 450: changed (%s, byte %d)", segmentName(400), offset)
	if !strings.HasPrefix(f.String(), want) {
		t.Errorf("fault is told as %q, want %q", f, want)
	}
}

func TestVerifySegments(t *testing.T) {
	const size, each = 600, 100
	all := lines(size, "")
	tests := []struct {
		name   string
		damage func(t *testing.T, dir string)
		first  uint64
	}{
		{"first gone", func(t *testing.T, dir string) { mustRemove(t, filepath.Join(dir, segmentName(0))) }, 0},
		{"one gone", func(t *testing.T, dir string) { mustRemove(t, filepath.Join(dir, segmentName(300))) }, 300},
		{"last gone", func(t *testing.T, dir string) { mustRemove(t, filepath.Join(dir, segmentName(500))) }, 500},
		{"one empty", func(t *testing.T, dir string) { mustWrite(t, filepath.Join(dir, segmentName(300)), nil) }, 300},
		{"two exchanged", func(t *testing.T, dir string) {
			a, b := filepath.Join(dir, segmentName(200)), filepath.Join(dir, segmentName(300))
			text := mustRead(t, a)
			mustWrite(t, a, mustRead(t, b))
			mustWrite(t, b, text)
		}, 200},
		{"one renamed", func(t *testing.T, dir string) {
			if err := os.Rename(filepath.Join(dir, segmentName(300)), filepath.Join(dir, segmentName(350))); err != nil {
				t.Fatal(err)
			}
		}, 300},
		{"last renamed", func(t *testing.T, dir string) {
			if err := os.Rename(filepath.Join(dir, segmentName(500)), filepath.Join(dir, segmentName(5000))); err != nil {
				t.Fatal(err)
			}
		}, 500},
		{"one slipped in", func(t *testing.T, dir string) {
			mustWrite(t, filepath.Join(dir, segmentName(350)), append(line(350, "x"), '\n'))
		}, 350},
		{"one slipped in behind", func(t *testing.T, dir string) {
			mustWrite(t, filepath.Join(dir, segmentName(700)), append(line(700, "x"), '\n'))
		}, 600},
		{"last cut in the middle of a line", func(t *testing.T, dir string) {
			name := filepath.Join(dir, segmentName(500))
			text := mustRead(t, name)
			mustWrite(t, name, text[:len(text)-10])
		}, 599},
		{"last without its newline", func(t *testing.T, dir string) {
			name := filepath.Join(dir, segmentName(500))
			text := mustRead(t, name)
			mustWrite(t, name, text[:len(text)-1])
		}, 599},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			makeLog(t, dir, all, each)
			tt.damage(t, dir)
			r := verify(t, ledger.VerifyOptions{Dir: dir})
			if index, ok := r.FirstBad(); !ok || index != tt.first {
				t.Errorf("first bad entry is %d, want %d:\n%.2000s", index, tt.first, describe(r))
			}
		})
	}
}

// What an interrupted write and an abandoned segment leave is no fault, and only
// that.
func TestVerifyRemains(t *testing.T) {
	const covered = 300
	all := lines(310, "")
	tests := []struct {
		name       string
		more       string // behind the last segment
		uncovered  uint64
		unfinished bool
		fault      bool
	}{
		{"nothing", "", 0, false, false},
		{"entries that no checkpoint covers", string(bytes.Join(all[300:302], []byte("\n"))) + "\n", 2, false, false},
		{"half a line", string(all[300][:50]), 0, true, false},
		{"an entry and half of one", string(all[300]) + "\n" + string(all[301][:50]), 1, true, false},
		{"a line with a hole", string(all[300][:50]) + strings.Repeat("\x00", 512) + "\n", 0, true, false},
		{"lines behind a hole", strings.Repeat("\x00", 512) + "\n" + string(all[301]) + "\n", 0, true, false},
		{"a changed line that nothing covers", string(all[300]) + " \n", 1, false, true},
		{"a gap that nothing covers", string(all[301]) + "\n", 0, false, true},
		{"garbage", "hello\n", 0, false, true},
		{"half a line, too long for one write", strings.Repeat("x", 3<<20), 0, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			makeLog(t, dir, all[:covered], 1000)
			name := filepath.Join(dir, segmentName(0))
			mustWrite(t, name, append(mustRead(t, name), tt.more...))
			r := verify(t, ledger.VerifyOptions{Dir: dir})
			if (r.Verdict == ledger.NotSound) != tt.fault || (r.Unfinished > 0) != tt.unfinished {
				t.Errorf("%d bytes unfinished, %s", r.Unfinished, describe(r))
			}
			if index, _ := r.FirstBad(); tt.fault && index != covered {
				t.Errorf("first bad entry is %d, want %d", index, covered)
			}
			if !tt.fault && r.Uncovered != tt.uncovered {
				t.Errorf("%d entries are uncovered, want %d", r.Uncovered, tt.uncovered)
			}
		})
	}

	t.Run("surplus of an abandoned segment", func(t *testing.T) {
		dir := t.TempDir()
		makeLog(t, dir, all[:covered], 100)
		name := filepath.Join(dir, segmentName(100))
		surplus := string(all[200]) + "\n" + string(all[201][:70])
		mustWrite(t, name, append(mustRead(t, name), surplus...))
		r := verify(t, ledger.VerifyOptions{Dir: dir})
		if r.Verdict != ledger.Sound || r.Surplus != int64(len(surplus)) {
			t.Errorf("%d bytes of surplus, %s", r.Surplus, describe(r))
		}
		mustWrite(t, name, append(mustRead(t, name), "\n"+string(all[150])+"\n"...))
		if r := verify(t, ledger.VerifyOptions{Dir: dir}); r.Verdict != ledger.NotSound {
			t.Error("an earlier entry among the surplus is not found")
		}
	})
}

// A line that was signed as it is, but is not what the journal writes.
func TestVerifyMalformedThoughSigned(t *testing.T) {
	all := lines(10, "")
	all[4] = []byte(`{"v":1,"index":4,"id":"x"}`)
	dir := t.TempDir()
	makeLog(t, dir, all, 100)
	r := verify(t, ledger.VerifyOptions{Dir: dir})
	if diff := cmp.Diff(kinds{ledger.FaultMalformed: 1}, kindsOf(r)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	if index, ok := r.FirstBad(); !ok || index != 4 {
		t.Errorf("first bad entry is %d", index)
	}
}

// Damaged tiles are named, and told from damage to the log.
func TestVerifyTiles(t *testing.T) {
	const size = 66000
	whole := filepath.Join(t.TempDir(), "audit")
	all := smallLines(size)
	key := makeLog(t, whole, all, 10000)
	tests := []struct {
		name   string
		tile   string
		damage func(t *testing.T, name string)
	}{
		{"changed", "0/000", func(t *testing.T, name string) { flip(t, name, 5) }},
		{"changed at level 1", "1/000", func(t *testing.T, name string) { flip(t, name, 8191) }},
		{"edge changed", "0/257.p/208", func(t *testing.T, name string) { flip(t, name, 5) }},
		{"edge of level 1 changed", "1/001.p/1", func(t *testing.T, name string) { flip(t, name, 5) }},
		{"edge of level 2 changed", "2/000.p/1", func(t *testing.T, name string) { flip(t, name, 5) }},
		{"gone", "0/100", func(t *testing.T, name string) { mustRemove(t, name) }},
		{"edge gone", "0/257.p/208", func(t *testing.T, name string) { mustRemove(t, name) }},
		{"cut", "0/100", func(t *testing.T, name string) { mustWrite(t, name, mustRead(t, name)[:64]) }},
		{"empty", "1/000", func(t *testing.T, name string) { mustWrite(t, name, nil) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "audit")
			copyDir(t, whole, dir)
			tt.damage(t, filepath.Join(dir, "ledger", "tile", tt.tile))
			r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}})
			if len(r.Faults) != 1 || r.Faults[0].Kind != ledger.FaultTile || r.Faults[0].File != "ledger/tile/"+tt.tile {
				t.Errorf("report is %s", describe(r))
			}
			if _, ok := r.FirstBad(); ok || !r.Repairable() {
				t.Error("damage to a tile is taken for damage to the log")
			}

			// A line as well.
			flip(t, filepath.Join(dir, segmentName(20000)), 80)
			r = verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}})
			if diff := cmp.Diff(kinds{ledger.FaultTile: 1, ledger.FaultChanged: 1}, kindsOf(r)); diff != "" {
				t.Errorf("with a changed line (-want +got):\n%s%s", diff, describe(r))
			}
			if index, _ := r.FirstBad(); index != 20000 || r.Repairable() {
				t.Errorf("first bad entry is %d", index)
			}
		})
	}

	t.Run("line and tile of it", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "audit")
		copyDir(t, whole, dir)
		flip(t, filepath.Join(dir, "ledger", "tile", "0", "078"), 5) // 19968 to 20223
		flip(t, filepath.Join(dir, segmentName(20000)), 80)
		r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}})
		if diff := cmp.Diff(kinds{ledger.FaultTile: 1, ledger.FaultChanged: 1}, kindsOf(r)); diff != "" {
			t.Errorf("faults (-want +got):\n%s%s", diff, describe(r))
		}
		if index, _ := r.FirstBad(); index != 20000 {
			t.Errorf("first bad entry is %d", index)
		}
	})
	t.Run("line and tile of it alike", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "audit")
		copyDir(t, whole, dir)
		changeAlike(t, dir, 20000, "0/078", 20000-19968)
		r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}})
		if len(r.Faults) != 1 || r.Faults[0].Kind != ledger.FaultChanged || r.Faults[0].First != 19968 || r.Faults[0].Last != 20223 {
			t.Error(describe(r))
		}
	})
	t.Run("line and edge of it alike", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "audit")
		copyDir(t, whole, dir)
		changeAlike(t, dir, 65990, "0/257.p/208", 65990-65792)
		kept := filepath.Join(t.TempDir(), "kept")
		mustWrite(t, kept, mustRead(t, filepath.Join(whole, "ledger", "checkpoint")))
		r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}, Checkpoints: []string{kept}})
		if len(r.Faults) != 1 || r.Faults[0].Kind != ledger.FaultRewritten {
			t.Error(describe(r))
		}
	})
}

// changeAlike changes a line and its hash in the tile of level 0.
func changeAlike(t *testing.T, dir string, index int, tile string, at int) {
	t.Helper()
	first := index / 10000 * 10000
	name := filepath.Join(dir, segmentName(first))
	list := bytes.Split(bytes.TrimSuffix(mustRead(t, name), []byte("\n")), []byte("\n"))
	list[index-first] = smallLine(uint64(index), "b")
	mustWrite(t, name, append(bytes.Join(list, []byte("\n")), '\n'))
	name = filepath.Join(dir, "ledger", "tile", tile)
	data := mustRead(t, name)
	h := tlog.RecordHash(smallLine(uint64(index), "b"))
	copy(data[at*32:], h[:])
	mustWrite(t, name, data)
}

// What only a checkpoint that was kept elsewhere finds: without one the log is
// sound, with one it is not.
func TestVerifyKept(t *testing.T) {
	all := lines(700, "")
	forked := append(slices.Clone(all[:350]), lines(800, "x")[350:]...)
	// The log of 300, then of 600 entries, and a copy of each checkpoint.
	dir := filepath.Join(t.TempDir(), "audit")
	key := makeLog(t, dir, all[:300], 1000)
	at300 := filepath.Join(t.TempDir(), "audit")
	copyDir(t, dir, at300)
	elsewhere := t.TempDir()
	kept300, kept600, history := filepath.Join(elsewhere, "300"), filepath.Join(elsewhere, "600"), filepath.Join(elsewhere, "history")
	mustWrite(t, kept300, mustRead(t, filepath.Join(dir, "ledger", "checkpoint")))
	writeSegments(t, dir, all[:600], 1000)
	follow(t, dir, 600)
	mustWrite(t, kept600, mustRead(t, filepath.Join(dir, "ledger", "checkpoint")))
	mustWrite(t, history, bytes.Join([][]byte{nil, mustRead(t, kept300), mustRead(t, kept600), []byte("gatepost/test\n60")}, []byte("\n\n")))

	// Rolled back to 300 and grown again, otherwise, and signed again.
	fork := filepath.Join(t.TempDir(), "audit")
	copyDir(t, at300, fork)
	writeSegments(t, fork, forked, 1000)
	follow(t, fork, uint64(len(forked)))

	// Signed from the start with another key.
	foreign := filepath.Join(t.TempDir(), "audit")
	foreignKey := makeLog(t, foreign, all[:600], 1000)

	tests := []struct {
		name  string
		dir   string
		keys  []string
		kept  []string
		want  kinds // nil: sound
		first uint64
		last  uint64
	}{
		{"as it is", dir, []string{key}, []string{kept300, kept600}, nil, 0, 0},
		{"as it is, by its history", dir, nil, []string{history}, nil, 0, 0},
		{"rolled back, nothing kept", at300, []string{key}, nil, nil, 0, 0},
		{"rolled back, an older one kept", at300, []string{key}, []string{kept300}, nil, 0, 0},
		{"rolled back", at300, []string{key}, []string{kept600}, kinds{ledger.FaultRolledBack: 1}, 300, 599},
		{"rolled back, by its history", at300, []string{key}, []string{history}, kinds{ledger.FaultRolledBack: 1}, 300, 599},
		{"forked, nothing kept", fork, []string{key}, nil, nil, 0, 0},
		{"forked behind what was kept", fork, []string{key}, []string{kept300}, nil, 0, 0},
		{"forked", fork, []string{key}, []string{kept600}, kinds{ledger.FaultFork: 1}, 0, 599},
		{"forked, by its history", fork, []string{key}, []string{history}, kinds{ledger.FaultFork: 1}, 300, 599},
		{"the two against each other", dir, []string{key}, []string{filepath.Join(fork, "ledger", "checkpoint")}, kinds{ledger.FaultRolledBack: 1}, 600, 799},
		{"another key, beside the log", foreign, nil, nil, nil, 0, 0},
		{"another key", foreign, []string{key}, nil, kinds{ledger.FaultCheckpoint: 1}, 0, 0},
		{"another key, but the log's is kept", foreign, nil, []string{kept600}, kinds{ledger.FaultCheckpoint: 1}, 0, 0},
		{"both keys", foreign, []string{key, foreignKey}, []string{kept600}, nil, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := verify(t, ledger.VerifyOptions{Dir: tt.dir, VerifierKeys: tt.keys, Checkpoints: tt.kept})
			if len(tt.want) == 0 {
				if r.Verdict != ledger.Sound {
					t.Error(describe(r))
				}
				return
			}
			if diff := cmp.Diff(tt.want, kindsOf(r)); diff != "" {
				t.Fatalf("faults (-want +got):\n%s%s", diff, describe(r))
			}
			if f := r.Faults[0]; f.First != tt.first || f.Last != tt.last {
				t.Errorf("fault is %v, want entries %d to %d", f, tt.first, tt.last)
			}
		})
	}
}

// The ledger's files are gone, but what was kept elsewhere still covers the
// journal.
func TestVerifyWithoutLedger(t *testing.T) {
	all := lines(600, "")
	dir := t.TempDir()
	key := makeLog(t, dir, all, 100)
	kept := filepath.Join(t.TempDir(), "kept")
	mustWrite(t, kept, mustRead(t, filepath.Join(dir, "ledger", "checkpoint")))
	mustRemove(t, filepath.Join(dir, "ledger"))
	o := ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}, Checkpoints: []string{kept}}
	r := verify(t, o)
	if diff := cmp.Diff(kinds{ledger.FaultCheckpoint: 1}, kindsOf(r)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	if r.Uncovered != 0 {
		t.Errorf("%d entries are said to be uncovered", r.Uncovered)
	}
	flip(t, filepath.Join(dir, segmentName(200)), 300)
	r = verify(t, o)
	if diff := cmp.Diff(kinds{ledger.FaultCheckpoint: 1, ledger.FaultRewritten: 1}, kindsOf(r)); diff != "" {
		t.Errorf("faults with a changed line (-want +got):\n%s", diff)
	}
	if _, err := ledger.Verify(t.Context(), ledger.VerifyOptions{Dir: dir}); err == nil {
		t.Error("verified without any key")
	}
}

// Lines that a prune has removed, and recorded, are not missing. Others are.
func TestVerifyPruned(t *testing.T) {
	const size = 1000
	all := lines(size, "")
	all[900] = audit.AppendLine(nil, &audit.Event{
		Index: 900, ID: "01936f2a-0000-7000-8000-000000000900", Kind: audit.KindAdmin, Time: epoch, Origin: origin,
		Action: ledger.ActionPrune, Count: 300,
	})
	tests := []struct {
		name  string
		gone  []int
		sound bool
		first uint64
	}{
		{"what was pruned", []int{0, 100, 200}, true, 0},
		{"less than was pruned", []int{0}, true, 0},
		{"more than was pruned", []int{0, 100, 200, 300}, false, 0},
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
