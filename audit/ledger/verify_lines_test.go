package ledger_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

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
		other := filepath.Join(dir, segmentName(0))
		mustWrite(t, other, append(mustRead(t, other), "junk\n"...))
		r = verify(t, ledger.VerifyOptions{Dir: dir})
		want := []ledger.SurplusIn{{File: segmentName(0), Offset: int64(len(mustRead(t, other)) - 5), Bytes: 5},
			{File: segmentName(100), Offset: int64(len(mustRead(t, name)) - len(surplus)), Bytes: int64(len(surplus))}}
		if diff := cmp.Diff(want, r.SurplusIn); diff != "" {
			t.Errorf("surplus (-want +got):\n%s", diff)
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

// However the lines are edited, the first bad entry is where they begin to
// differ from what was signed.
func TestVerifyAnyEdit(t *testing.T) {
	const size = 30
	all := smallLines(size)
	dir := t.TempDir()
	key := makeLog(t, dir, all, 100)
	rapid.Check(t, func(rt *rapid.T) {
		edited := slices.Clone(all)
		for range rapid.IntRange(0, 4).Draw(rt, "edits") {
			if len(edited) == 0 {
				break
			}
			at := rapid.IntRange(0, len(edited)-1).Draw(rt, "at")
			other := rapid.IntRange(0, len(edited)-1).Draw(rt, "other")
			switch rapid.IntRange(0, 6).Draw(rt, "edit") {
			case 0:
				edited = without(edited, min(at, other), max(at, other))
			case 1:
				edited = insert(edited, at, edited[other])
			case 2:
				edited = swap(edited, at, other)
			case 3:
				edited = replace(edited, at, smallLine(uint64(other), "b"))
			case 4:
				edited = insert(edited, at, []byte("hello"))
			case 5:
				edited = edited[:at]
			case 6: // a part is moved
				part := slices.Clone(edited[min(at, other):max(at, other)])
				edited = without(edited, min(at, other), max(at, other))
				edited = insert(edited, rapid.IntRange(0, len(edited)).Draw(rt, "to"), part...)
			}
		}
		first := 0
		for first < min(len(edited), size) && bytes.Equal(edited[first], all[first]) {
			first++
		}
		mustRemove(t, filepath.Join(dir, segmentName(0)))
		writeSegments(t, dir, edited, 100)
		r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}})
		index, bad := r.FirstBad()
		if same := first == size && len(edited) == size; same == bad || bad && index != uint64(first) {
			rt.Fatalf("first bad entry is %d, want %d:\n%s", index, first, describe(r))
		}
	})
}
