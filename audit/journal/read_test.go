package journal_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// lay writes segments that hold the entries from 0 on, each of count lines, the
// lines of the given length.
func lay(t testing.TB, length int, counts ...int) (dir string, size uint64) {
	t.Helper()
	dir = t.TempDir()
	for _, count := range counts {
		var b []byte
		first := size
		for ; size < first+uint64(count); size++ {
			b = append(b, line(size, length)...)
		}
		writeFile(t, b, dir, fmt.Sprintf("segment-%020d.jsonl", first))
	}
	return dir, size
}

func line(index uint64, length int) []byte {
	e := event(fmt.Sprint("e", index))
	e.Index = index
	// Lengths differ, so that no offset is a multiple of anything.
	e.Detail = strings.Repeat("d", max(0, length-250+int(index%7)))
	return append(audit.AppendLine(nil, e), '\n')
}

func TestReadFromEverywhere(t *testing.T) {
	tests := []struct {
		name   string
		length int
		counts []int
	}{
		{"one line", 300, []int{1}},
		{"one segment", 300, []int{100}},
		{"segments", 300, []int{1, 50, 1, 70}},
		{"empty last segment", 300, []int{10, 0}},
		{"larger than the buffers", 2000, []int{1000, 900}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, size := lay(t, tt.length, tt.counts...)
			step := max(1, size/150)
			for from := uint64(0); from <= size+1; from += step {
				next := from
				for l, err := range journal.ReadDir(dir, from) {
					if err != nil || l.Index != next || string(l.Bytes)+"\n" != string(line(next, tt.length)) {
						t.Fatalf("from %d: entry %d, want %d (%v): %.80s", from, l.Index, next, err, l.Bytes)
					}
					if next++; next == from+20 && from+20 < size && from%2 == 0 {
						break // a consumer may stop anywhere
					}
				}
				if next < min(size, from+20) {
					t.Fatalf("from %d: ended at %d of %d", from, next, size)
				}

				next = min(from, size)
				for l, err := range journal.ReadDirBackward(dir, from) {
					next--
					if err != nil || l.Index != next || string(l.Bytes)+"\n" != string(line(next, tt.length)) {
						t.Fatalf("before %d: entry %d, want %d (%v): %.80s", from, l.Index, next, err, l.Bytes)
					}
				}
				if next != 0 {
					t.Fatalf("before %d: ended at %d", from, next)
				}
			}
			n := size
			for l, err := range journal.ReadDirBackward(dir, math.MaxUint64) {
				if n--; err != nil || l.Index != n {
					t.Fatalf("newest first: entry %d, want %d (%v)", l.Index, n, err)
				}
			}
			if n != 0 {
				t.Errorf("newest first ended at %d", n)
			}
		})
	}
}

func TestReadEnds(t *testing.T) {
	six := func(n ...uint64) (b []byte) {
		for _, i := range n {
			b = append(b, line(i, 300)...)
		}
		return b
	}
	cut := func(b []byte) []byte { return b[:len(b)-9] }
	name := func(first int) string { return fmt.Sprintf("segment-%020d.jsonl", first) }
	tests := []struct {
		name     string
		files    map[string][]byte
		forward  string
		backward string
	}{
		{"nothing", nil, "", ""},
		{"other files only", map[string][]byte{"lock": []byte("1\n"), "torn-00000000000000000000-x.bin": six(0), "segment-1.jsonl": six(0), "segment-0000000000000000000x.jsonl": six(0)}, "", ""},
		{"partial last line", map[string][]byte{name(0): cut(six(0, 1, 2))}, "0 1", "1 0"},
		{"partial only line", map[string][]byte{name(0): cut(six(0))}, "", ""},
		{"partial line in a new segment", map[string][]byte{name(0): six(0, 1), name(2): cut(six(2))}, "0 1", "1 0"},
		{"surplus", map[string][]byte{name(0): six(0, 1, 2, 3), name(2): six(2)}, "0 1 2", "2 1 0"},
		{"torn surplus", map[string][]byte{name(0): cut(six(0, 1, 2, 3)), name(2): six(2, 3)}, "0 1 2 3", "3 2 1 0"},
		{"damaged surplus", map[string][]byte{name(0): append(six(0, 1), "\x00\x00\n\x00\n"...), name(2): six(2, 3)}, "0 1 2 3", "3 2 1 0"},
		{"segment missing", map[string][]byte{name(0): six(0, 1), name(4): six(4, 5)}, "0 1 [2-3] 4 5", "5 4 [2-3] 1 0"},
		{"first segment missing", map[string][]byte{name(2): six(2, 3)}, "[0-1] 2 3", "3 2 [0-1]"},
		{"sealed segment cut", map[string][]byte{name(0): cut(six(0, 1)), name(2): six(2)}, "0 [1-1] 2", "2 [1-1] 0"},
		{"sealed segment empty", map[string][]byte{name(0): six(0), name(1): nil, name(2): six(2)}, "0 [1-1] 2", "2 [1-1] 0"},
		{"damaged line", map[string][]byte{name(0): append(append(six(0), "x\n"...), six(2, 3)...)}, "0 corrupt", "3 2 corrupt"},
		{"line of another index", map[string][]byte{name(0): six(0, 1, 1)}, "0 1 corrupt", "1 corrupt"},
		{"endless line", map[string][]byte{name(0): append(six(0), strings.Repeat("x", 1<<18)...)}, "0 corrupt", "corrupt"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range tt.files {
				writeFile(t, content, dir, name)
			}
			if got := outline(t, journal.ReadDir(dir, 0)); got != tt.forward {
				t.Errorf("forward %q, want %q", got, tt.forward)
			}
			if got := outline(t, journal.ReadDirBackward(dir, math.MaxUint64)); got != tt.backward {
				t.Errorf("backward %q, want %q", got, tt.backward)
			}
		})
	}
}

// outline renders what an iteration yields.
func outline(t *testing.T, lines func(func(journal.Line, error) bool)) string {
	t.Helper()
	var parts []string
	for l, err := range lines {
		missing, isMissing := errors.AsType[*journal.MissingError](err)
		_, isCorrupt := errors.AsType[*journal.CorruptError](err)
		switch {
		case err == nil:
			parts = append(parts, fmt.Sprint(l.Index))
		case isMissing:
			parts = append(parts, fmt.Sprintf("[%d-%d]", missing.First, missing.Last))
		case isCorrupt:
			parts = append(parts, "corrupt")
		default:
			t.Fatal(err)
		}
	}
	return strings.Join(parts, " ")
}

func TestReadNoDirectory(t *testing.T) {
	for _, read := range []func(string, uint64) func(func(journal.Line, error) bool){
		func(d string, n uint64) func(func(journal.Line, error) bool) { return journal.ReadDir(d, n) },
		func(d string, n uint64) func(func(journal.Line, error) bool) { return journal.ReadDirBackward(d, n) },
	} {
		n := 0
		for _, err := range read(filepath.Join(t.TempDir(), "none"), 0) {
			if n++; !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("error %v", err)
			}
		}
		if n != 1 {
			t.Errorf("%d errors, want one", n)
		}
	}
}

// A live journal yields durable lines only, and a reader beside it goes on into
// the segments that were not there when it began.
func TestReadBesideWriter(t *testing.T) {
	dir := t.TempDir()
	j := open(t, journal.Config{Dir: dir, SegmentBytes: 4096, CommitTimeout: slowDisk})
	add(t, j, "first")
	var got []uint64
	for l, err := range journal.ReadDir(dir, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, l.Index); len(got) > 1 {
			continue
		}
		for n := range 100 {
			add(t, j, fmt.Sprint("more", n))
		}
	}
	for i, index := range got {
		if index != uint64(i) {
			t.Fatalf("entry %d at %d", index, i)
		}
	}
	if len(got) < 102 || len(files(t, dir, "segment-")) < 3 {
		t.Errorf("read %d entries of %d", len(got), j.Size())
	}

	// What stands in the file behind the durable entries is not yielded.
	size := j.Size()
	last := files(t, dir, "segment-")
	f, err := os.OpenFile(filepath.Join(dir, last[len(last)-1]), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(line(size, 300)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if n := len(read(t, j.Read(0))); uint64(n) != size {
		t.Errorf("read %d entries, %d are durable", n, size)
	}
	if l := read(t, j.ReadBackward(math.MaxUint64)); uint64(len(l)) != size || l[0].Index != size-1 {
		t.Errorf("read backward %d entries, %d are durable", len(l), size)
	}
}

func TestReadIsRepeatable(t *testing.T) {
	dir, size := lay(t, 300, 20)
	seq := journal.ReadDir(dir, 5)
	for range 2 {
		var got []uint64
		for l, err := range seq {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, l.Index)
		}
		if len(got) != int(size)-5 || !slices.IsSorted(got) {
			t.Errorf("read %v", got)
		}
	}
}

func BenchmarkReadDir(b *testing.B) {
	dir, size := lay(b, 700, 100_000)
	b.SetBytes(int64(size) * 700)
	for b.Loop() {
		n := uint64(0)
		for _, err := range journal.ReadDir(dir, 0) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != size {
			b.Fatalf("read %d of %d", n, size)
		}
	}
}

func BenchmarkOpenAfterCrash(b *testing.B) {
	dir, _ := lay(b, 700, 190_000) // the default segment, full
	for b.Loop() {
		j, err := journal.Open(b.Context(), journal.Config{Dir: dir, CommitTimeout: slowDisk})
		if err != nil {
			b.Fatal(err)
		}
		closed(b, j)
	}
}

func TestReadBackwardIsLazy(t *testing.T) {
	dir, size := lay(t, 300, 50, 50)
	if err := os.Remove(filepath.Join(dir, firstSegment)); err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for l, err := range journal.ReadDirBackward(dir, size) {
		if err != nil {
			t.Fatalf("the tail needs no segment before it: %v", err)
		}
		if got = append(got, l.Index); len(got) == 3 {
			break
		}
	}
	if diff := cmp.Diff([]uint64{99, 98, 97}, got); diff != "" {
		t.Errorf("tail (-want +got):\n%s", diff)
	}
}

func asCorrupt(err error) *journal.CorruptError {
	c, _ := errors.AsType[*journal.CorruptError](err)
	return c
}
