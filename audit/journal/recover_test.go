package journal_test

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
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// slowDisk keeps a loaded machine's disk from failing tests of other things.
const slowDisk = 30 * time.Second

// written returns the content of a directory's only segment after a run that was
// not closed: start, then an entry for each id.
func written(t testing.TB, ids ...string) []byte {
	t.Helper()
	m := newMemFS()
	var segment []byte
	synctest.Test(t.(*testing.T), func(t *testing.T) {
		j := open(t, journal.Config{FS: m})
		add(t, j, ids...)
		segment = m.file(firstSegment)
	})
	return segment
}

func reopen(t testing.TB, segments map[string][]byte) (dir string, j *journal.Journal, err error) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range segments {
		writeFile(t, content, dir, name)
	}
	j, err = journal.Open(t.Context(), journal.Config{Dir: dir, Origin: "test", CommitTimeout: slowDisk})
	if err == nil {
		t.Cleanup(func() { closed(t, j) })
	}
	return dir, j, err
}

// lineStarts returns the offset of each line, and that of the end.
func lineStarts(b []byte) []int {
	starts := []int{0}
	for i, c := range b {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// A log cut at every byte of its last record opens; what is cut off is kept and
// recorded.
func TestTornAtEveryByte(t *testing.T) {
	whole := written(t, "a", "b")
	starts := lineStarts(whole)
	last := starts[len(starts)-2]
	for cut := last; cut <= len(whole); cut++ {
		dir, j, err := reopen(t, map[string][]byte{firstSegment: whole[:cut]})
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		log := read(t, j.Read(0))
		torn := files(t, dir, "torn-")
		switch {
		case cut == len(whole):
			if got := names(log); !slices.Equal(got, []string{"start", "a", "b", "start"}) || len(torn) != 0 {
				t.Errorf("whole: log %v, torn %v", got, torn)
			}
		case cut == last:
			if got := names(log); !slices.Equal(got, []string{"start", "a", "start"}) || len(torn) != 0 {
				t.Errorf("cut between lines: log %v, torn %v", got, torn)
			}
		default:
			if got := names(log); !slices.Equal(got, []string{"start", "a", "torn_tail", "start"}) {
				t.Fatalf("cut at %d: log %v", cut, got)
			}
			if len(torn) != 1 || !bytes.Equal(readFile(t, dir, torn[0]), whole[last:cut]) {
				t.Fatalf("cut at %d: kept %v", cut, torn)
			}
			if e := log[2]; e.Count != uint64(cut-last) || e.Detail != torn[0] {
				t.Errorf("cut at %d: recorded %d bytes in %q", cut, e.Count, e.Detail)
			}
		}
		closed(t, j)
		if cut%40 == 0 { // a second start finds nothing to repair
			again, err := journal.Open(t.Context(), journal.Config{Dir: dir, Origin: "test", CommitTimeout: slowDisk})
			if err != nil {
				t.Fatalf("cut at %d, opened again: %v", cut, err)
			}
			if n := len(find(read(t, again.Read(0)), "torn_tail")); n != len(torn) {
				t.Errorf("cut at %d: %d torn ends after opening again", cut, n)
			}
			closed(t, again)
		}
	}
}

// Damage that no interrupted write explains: Open refuses, says where and what to
// do, and leaves everything as it was.
func TestDamageIsRefused(t *testing.T) {
	whole := written(t, "a", "b", "c")
	starts := lineStarts(whole) // start, a, b, c, end
	edit := func(f func(b []byte) []byte) map[string][]byte {
		return map[string][]byte{firstSegment: f(bytes.Clone(whole))}
	}
	line := func(n int) []byte { return whole[starts[n]:starts[n+1]] }
	name := func(first int) string { return fmt.Sprintf("segment-%020d.jsonl", first) }
	far := append(bytes.Clone(whole), bytes.Repeat([]byte{0}, journal.MaxBatchBytes+1)...)
	tests := []struct {
		name     string
		segments map[string][]byte
		want     []string
	}{
		{"bit flip in the middle", edit(func(b []byte) []byte { b[starts[1]+60] ^= 1; return b }),
			[]string{firstSegment, "entry 1 at byte " + fmt.Sprint(starts[1])}},
		{"bit flip in the last line", edit(func(b []byte) []byte { b[starts[3]+60] ^= 1; return b }),
			[]string{firstSegment, "entry 3 at byte " + fmt.Sprint(starts[3])}},
		{"one byte zero", edit(func(b []byte) []byte { b[starts[2]+30] = 0; return b }),
			[]string{"entry 2"}},
		{"one byte zero at the start of a line", edit(func(b []byte) []byte { b[starts[2]] = 0; return b }),
			[]string{"entry 2"}},
		{"one byte zero at the start of a sector", edit(func(b []byte) []byte { b[512] = 0; return b }),
			[]string{"entry 2"}},
		{"two lines swapped", edit(func(b []byte) []byte {
			return slices.Concat(line(0), line(2), line(1), line(3))
		}), []string{"entry 1", "line is that of entry 2"}},
		{"line removed", edit(func(b []byte) []byte { return slices.Concat(line(0), line(2), line(3)) }),
			[]string{"entry 1", "line is that of entry 2"}},
		{"line repeated", edit(func(b []byte) []byte { return slices.Concat(line(0), line(1), line(1), line(2)) }),
			[]string{"entry 2", "line is that of entry 1"}},
		{"newline lost in the middle", edit(func(b []byte) []byte { b[starts[2]-1] = ' '; return b }),
			[]string{"entry 1"}},
		{"bad end longer than a batch", map[string][]byte{firstSegment: far},
			[]string{"entry 4 at byte " + fmt.Sprint(len(whole))}},
		{"hole far from the end", edit(func(b []byte) []byte {
			clear(b[:512])
			return append(b, bytes.Repeat(line(3), journal.MaxBatchBytes/len(line(3))+1)...)
		}), []string{"entry 0 at byte 0"}},
		{"first segment missing", map[string][]byte{name(2): slices.Concat(line(2), line(3))},
			[]string{"entries 0 to 1 are missing", name(2)}},
		{"middle segment missing", map[string][]byte{name(0): line(0), name(2): slices.Concat(line(2), line(3))},
			[]string{"entries 1 to 1 are missing", name(2)}},
		{"sealed segment cut", map[string][]byte{name(0): slices.Concat(line(0), line(1)[:20]), name(2): line(2)},
			[]string{"entries 1 to 1 are missing"}},
		{"sealed segment empty", map[string][]byte{name(0): nil, name(2): line(2)},
			[]string{"entries 0 to 1 are missing"}},
		{"sealed segment with a damaged line", map[string][]byte{
			name(0): slices.Concat(line(0), []byte("x\n"), line(2)), name(3): line(3)},
			[]string{name(0), "entry 1 at byte"}},
		{"segment under another name", map[string][]byte{name(0): slices.Concat(line(0), line(1)), name(2): line(3)},
			[]string{name(2), "entry 2", "line is that of entry 3"}},
		{"sealed segment under another name", map[string][]byte{name(0): slices.Concat(line(1), line(2)), name(2): line(2)},
			[]string{name(0), "entry 0", "line is that of entry 1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, _, err := reopen(t, tt.segments)
			if err == nil {
				t.Fatal("opened")
			}
			for _, want := range append(tt.want, "audit log is damaged", "restore the file from a copy", "move the directory aside") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error does not say %q: %v", want, err)
				}
			}
			for name, content := range tt.segments {
				if !bytes.Equal(readFile(t, dir, name), content) {
					t.Errorf("%s was changed", name)
				}
			}
			if got := files(t, dir, ""); len(got) != len(tt.segments)+1 { // and the lock
				t.Errorf("files %v", got)
			}
			// The refusal has given the lock back.
			if _, err := journal.Open(t.Context(), journal.Config{Dir: dir}); err == nil || strings.Contains(err.Error(), "in use") {
				t.Errorf("opened again: %v", err)
			}
		})
	}
}

// Of segments before the last two starts only the first and last line are
// checked, for a start must not take longer as the log grows: the whole is what
// verify is for. But reading does not pass over damage.
func TestDamageInSealedSegment(t *testing.T) {
	dir := t.TempDir()
	c := journal.Config{Dir: dir, CommitTimeout: slowDisk, SegmentBytes: 4096}
	for range 2 {
		j := open(t, c)
		for n := range 60 {
			add(t, j, fmt.Sprint(n))
		}
		closed(t, j)
	}
	segment := readFile(t, dir, firstSegment)
	starts := lineStarts(segment)
	segment[starts[2]] = 'x'
	writeFile(t, segment, dir, firstSegment)
	j := open(t, c)
	got := 0
	for _, err := range j.Read(0) {
		if bad, ok := errors.AsType[*journal.CorruptError](err); ok && bad.Index == 2 && bad.File == firstSegment && bad.Offset == int64(starts[2]) {
			got++
		} else if err != nil {
			t.Error(err)
		}
	}
	if got != 1 {
		t.Errorf("%d times told of the damage, want once", got)
	}
}

// Bit flips anywhere but in the last newline are refused, and never lose a line
// without a word.
func TestEveryBitFlip(t *testing.T) {
	whole := written(t, "a", "b")
	for at := range whole {
		flipped := bytes.Clone(whole)
		flipped[at] ^= 1 << (at % 8)
		_, j, err := reopen(t, map[string][]byte{firstSegment: flipped})
		switch {
		case at == len(whole)-1:
			if err != nil || len(find(read(t, j.Read(0)), "torn_tail")) != 1 {
				t.Errorf("last newline flipped: %v", err)
			}
		case err == nil:
			// The line is sound after all: another letter in a string. The tree tells.
			log := read(t, j.Read(0))
			if len(log) != 4 || len(find(log, "torn_tail")) != 0 {
				t.Errorf("flip at %d: log %v", at, names(log))
			}
		}
		if err == nil {
			closed(t, j)
		}
	}
}

// A crash leaves holes where pages were not written although later ones were.
func TestHoles(t *testing.T) {
	var ids []string
	for n := range 40 {
		ids = append(ids, fmt.Sprint("entry-", n))
	}
	whole := written(t, ids...)
	starts := lineStarts(whole)
	lineAt := func(offset int) int {
		n, found := slices.BinarySearch(starts, offset)
		if !found {
			n--
		}
		return n
	}
	tests := []struct {
		name     string
		from, to int
	}{
		{"a page in the middle of the batch", 2048, 4096},
		{"from the start of the batch to a page", starts[5], 1536},
		{"a page up to the end", 4096, len(whole)},
		{"from the start of the batch to the end", starts[20], len(whole)},
		{"one sector", 1024, 1536},
		{"all", 0, len(whole)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			holed := bytes.Clone(whole)
			clear(holed[tt.from:tt.to])
			dir, j, err := reopen(t, map[string][]byte{firstSegment: holed})
			if err != nil {
				t.Fatal(err)
			}
			first := lineAt(tt.from)
			log := read(t, j.Read(0))
			want := append(append([]string{}, append([]string{"start"}, ids...)[:first]...), "torn_tail", "start")
			if diff := cmp.Diff(want, names(log)); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
			torn := files(t, dir, "torn-")
			if len(torn) != 1 || !bytes.Equal(readFile(t, dir, torn[0]), holed[starts[first]:]) {
				t.Errorf("kept %v", torn)
			}
		})
	}
}

func TestEmptyLastSegment(t *testing.T) {
	whole := written(t, "a")
	dir, j, err := reopen(t, map[string][]byte{
		firstSegment:                         whole,
		"segment-00000000000000000002.jsonl": nil,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(read(t, j.Read(0))); !slices.Equal(got, []string{"start", "a", "start"}) {
		t.Errorf("log %v", got)
	}
	if got := files(t, dir, ""); len(got) != 3 {
		t.Errorf("files %v", got)
	}
}

// The end of an abandoned segment is not part of the log and not thrown away.
func TestSurplus(t *testing.T) {
	whole := written(t, "a", "b", "c")
	starts := lineStarts(whole)
	dir, j, err := reopen(t, map[string][]byte{
		firstSegment:                         whole[:len(whole)-5],
		"segment-00000000000000000002.jsonl": whole[starts[2]:],
	})
	if err != nil {
		t.Fatal(err)
	}
	log := read(t, j.Read(0))
	if got := names(log); !slices.Equal(got, []string{"start", "a", "b", "c", "surplus", "start"}) {
		t.Errorf("log %v", got)
	}
	kept := files(t, dir, "surplus-")
	if len(kept) != 1 || !bytes.Equal(readFile(t, dir, kept[0]), whole[starts[2]:len(whole)-5]) {
		t.Errorf("kept %v", kept)
	}
	if got := readFile(t, dir, firstSegment); !bytes.Equal(got, whole[:starts[2]]) {
		t.Errorf("first segment of %d bytes, want %d", len(got), starts[2])
	}
	if e := find(log, "surplus"); len(e) != 1 || e[0].Detail != kept[0] || e[0].Count != uint64(len(whole)-5-starts[2]) {
		t.Errorf("recorded %+v", e)
	}
}

// A call whose outcome is not in the log gets one that says so.
func TestUnknownOutcome(t *testing.T) {
	m := newMemFS()
	synctest.Test(t, func(t *testing.T) {
		j := open(t, journal.Config{FS: m, SegmentBytes: 4096})
		call := intent("lost")
		call.Principal, call.Operation, call.Region, call.ConnectionID = "p", "StartConnection", "us-west-2", "aB+/c9=="
		call.TLS = &audit.TLS{Version: "1.3"}
		call.Cache = audit.CacheBypass
		call.ReadOnly, call.Decision = false, audit.Allow
		for _, e := range []*audit.Event{intent("done"), call, event("done")} {
			if _, err := j.Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		// Segments pass; each opens with a marker that says how far back to look.
		for n := range 200 {
			add(t, j, fmt.Sprint("hit", n))
			if _, err := j.Append(t.Context(), intent(fmt.Sprint("call", n))); err != nil {
				t.Fatal(err)
			}
			add(t, j, fmt.Sprint("call", n))
		}
		if markers := find(read(t, j.Read(0)), "segment"); len(markers) < 10 || markers[len(markers)-1].Count != 2 {
			t.Errorf("%d markers, the last of %+v", len(markers), markers[len(markers)-1])
		}
		m.kill()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = j.Close(ctx)

		again := open(t, journal.Config{FS: m, SegmentBytes: 4096})
		unknown := find(read(t, again.Read(0)), "outcome_unknown")
		if len(unknown) != 1 {
			t.Fatalf("%d unknown outcomes: %v", len(unknown), names(unknown))
		}
		want := *call
		want.Kind, want.Action, want.ErrorClass = audit.KindOutcome, "outcome_unknown", audit.ErrorClassOther
		want.Index, want.Time, want.Detail = unknown[0].Index, unknown[0].Time, "intent is entry 2"
		if diff := cmp.Diff(want, unknown[0]); diff != "" {
			t.Errorf("unknown outcome (-want +got):\n%s", diff)
		}
		closed(t, again)
		third := open(t, journal.Config{FS: m})
		if n := len(find(read(t, third.Read(0)), "outcome_unknown")); n != 1 {
			t.Errorf("%d unknown outcomes after another start", n)
		}
	})
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	j := open(t, journal.Config{Dir: dir})
	_, err := journal.Open(t.Context(), journal.Config{Dir: dir})
	locked, ok := errors.AsType[*journal.LockedError](err)
	if !ok || locked.Holder != fmt.Sprint(os.Getpid()) {
		t.Fatalf("second open: %v", err)
	}
	for _, want := range []string{dir, fmt.Sprint("process ", os.Getpid()), "stop it first"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not say %q: %v", want, err)
		}
	}
	add(t, j, "a")
	closed(t, j)
	open(t, journal.Config{Dir: dir})
}

func TestModesAndRoot(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "audit")
	outside := filepath.Join(t.TempDir(), "outside")
	j := open(t, journal.Config{Dir: dir})
	add(t, j, "a")
	closed(t, j)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", info.Mode(), err)
	}
	for _, name := range files(t, dir, "") {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	// A segment that is a link to elsewhere is not followed.
	content := readFile(t, dir, firstSegment)
	writeFile(t, content, outside)
	if err := errors.Join(os.Remove(filepath.Join(dir, firstSegment)), os.Symlink(outside, filepath.Join(dir, firstSegment))); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(t.Context(), journal.Config{Dir: dir}); err == nil {
		t.Error("opened a segment outside of the directory")
	}
	if !bytes.Equal(readFile(t, outside), content) {
		t.Error("the file outside was changed")
	}
}

func TestDirectoryThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, nil, file)
	for _, dir := range []string{file, filepath.Join(file, "audit")} {
		if _, err := journal.Open(t.Context(), journal.Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("open %s: %v", dir, err)
		}
	}
}

func TestConfigFaults(t *testing.T) {
	_, err := journal.Open(t.Context(), journal.Config{CommitTimeout: -1, SegmentBytes: 100, Reserve: -1})
	for _, want := range []string{"no directory", "commit timeout", "4 KiB", "reserve"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error does not say %q: %v", want, err)
		}
	}
}

// FuzzOpen opens a directory with whatever as its newest segment: it recovers or
// refuses, and never loses a sound line in front of the damage.
func FuzzOpen(f *testing.F) {
	whole := slices.Concat(line(0, 300), line(1, 300), line(2, 300))
	f.Add(whole)
	f.Add(whole[:500])
	f.Add(append(whole[:600:600], make([]byte, 600)...))
	f.Add([]byte("x\n"))
	f.Fuzz(func(t *testing.T, segment []byte) {
		sound := 0
		for rest := segment; ; sound++ {
			n := slices.Index(rest, '\n')
			if n < 0 {
				break
			}
			if e, err := audit.ParseLine(rest[:n]); err != nil || e.Index != uint64(sound) {
				break
			}
			rest = rest[n+1:]
		}
		m := newMemFS()
		m.inodes = 1
		m.names[firstSegment] = &memInode{ino: 1, cache: slices.Clone(segment), disk: slices.Clone(segment), dirty: map[int]bool{}}
		j, err := journal.Open(t.Context(), journal.Config{Dir: "mem", FS: m, CommitTimeout: slowDisk})
		if err != nil {
			if !strings.Contains(err.Error(), "audit log is damaged") {
				t.Errorf("refusal does not explain: %v", err)
			}
			if got := m.file(firstSegment); string(got) != string(segment) {
				t.Error("refused and changed")
			}
			return
		}
		log := read(t, j.Read(0))
		if len(log) < sound {
			t.Fatalf("%d entries, %d were sound", len(log), sound)
		}
		kept := 0
		m.meddle(func(names map[string]*memInode) {
			for name, f := range names {
				if strings.HasPrefix(name, "torn-") {
					kept += len(f.cache)
				}
			}
		})
		for i := range sound {
			kept += len(audit.AppendLine(nil, &log[i])) + 1
		}
		if kept != len(segment) {
			t.Errorf("kept %d bytes of %d", kept, len(segment))
		}
		closed(t, j)
	})
}
