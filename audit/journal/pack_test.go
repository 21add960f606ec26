package journal_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// ripe is longer than a closed segment stays as it is, and than the pause between
// looks.
const ripe = time.Hour + 2*time.Minute

// now is an event of now, by the clock of the test.
func now(id string) *audit.Event {
	e := event(id)
	e.Time = time.Now()
	e.UserAgent = strings.Repeat("x", 500)
	return e
}

// fill appends events until so many more segments are there.
func fill(t testing.TB, j *journal.Journal, m *memFS, segments int) {
	t.Helper()
	want := len(m.list("segment-")) + segments
	for n := 0; len(m.list("segment-")) < want; n++ {
		if _, err := j.Append(t.Context(), now(fmt.Sprint("e", n))); err != nil {
			t.Fatal(err)
		}
	}
}

// list returns the names that begin with a prefix, sorted.
func (m *memFS) list(prefix string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(m.names)), func(name string) bool { return !strings.HasPrefix(name, prefix) })
}

func unpack(t testing.TB, file []byte) []byte {
	t.Helper()
	r, err := zstd.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Segments are compressed an hour after they were closed, but for the newest
// two; what they hold does not change, and any zstd reads it.
func TestPacking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		j := open(t, journal.Config{FS: m, SegmentBytes: 4096})
		fill(t, j, m, 6)
		plain := map[string][]byte{}
		for _, name := range m.list("segment-") {
			plain[name] = m.file(name)
		}
		before := names(read(t, j.Read(0)))
		time.Sleep(time.Hour - time.Minute)
		if got := m.list("segment-"); len(got) != len(plain) || strings.Contains(strings.Join(got, " "), ".zst") {
			t.Fatalf("too early: %v", got)
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		all := slices.Sorted(maps.Keys(plain))
		var want []string
		for i, name := range all {
			if i < len(all)-2 {
				want = append(want, name+".zst")
				if got := unpack(t, m.file(name+".zst")); !bytes.Equal(got, plain[name]) {
					t.Errorf("%s holds something else", name)
				}
			} else {
				want = append(want, name)
			}
		}
		if diff := cmp.Diff(want, m.list("segment-")); diff != "" {
			t.Errorf("segments (-want +got):\n%s", diff)
		}
		if left := m.list("packing-"); len(left) > 0 {
			t.Errorf("left over: %v", left)
		}
		checkReaders(t, j, before)
		closed(t, j)
		again := open(t, journal.Config{FS: m, SegmentBytes: 4096})
		add(t, again, "later")
		got := names(read(t, again.Read(0)))
		if diff := cmp.Diff(append(before, "stop", "start", "later"), got); diff != "" {
			t.Errorf("log after reopening (-want +got):\n%s", diff)
		}
	})
}

// checkReaders reads a log from everywhere in both directions.
func checkReaders(t testing.TB, j *journal.Journal, want []string) {
	t.Helper()
	for from := range want {
		if got := names(read(t, j.Read(uint64(from)))); !slices.Equal(got, want[from:]) {
			t.Fatalf("from %d: %v, want %v", from, got, want[from:])
		}
		backward := names(read(t, j.ReadBackward(uint64(from))))
		slices.Reverse(backward)
		if !slices.Equal(backward, want[:from]) {
			t.Fatalf("before %d: %v, want %v", from, backward, want[:from])
		}
	}
}

// A crash between any two steps leaves the log as it is, and the next process
// finishes the work.
func TestPackingIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		j := open(t, journal.Config{FS: m, SegmentBytes: 4096})
		fill(t, j, m, 4)
		closed(t, j)
		first, second := m.list("segment-")[0], m.list("segment-")[1]
		content := m.file(first)
		time.Sleep(ripe)

		j = open(t, journal.Config{FS: m, SegmentBytes: 4096})
		time.Sleep(ripe)
		synctest.Wait()
		good := m.file(first + ".zst")
		if good == nil {
			t.Fatal("not compressed")
		}
		want := names(read(t, j.Read(0)))
		closed(t, j)
		want = append(want, "stop", "start")

		states := []struct {
			name  string
			files map[string][]byte
		}{
			{"both forms", map[string][]byte{first: content, first + ".zst": good}},
			{"the compressed form holds something else", map[string][]byte{first: content, first + ".zst": m.file(second + ".zst")}},
			{"the compressed form is half", map[string][]byte{first: content, first + ".zst": good[:len(good)/2]}},
			{"the compressed form is empty", map[string][]byte{first: content, first + ".zst": {}}},
			{"half written", map[string][]byte{first: content, "packing-" + first + ".zst": good[:10]}},
		}
		for _, state := range states {
			m.meddle(func(files map[string]*memInode) {
				delete(files, first+".zst")
				for name, b := range state.files {
					m.inodes++
					files[name] = &memInode{ino: m.inodes, cache: slices.Clone(b), disk: slices.Clone(b), dirty: map[int]bool{}}
				}
			})
			j := open(t, journal.Config{FS: m, SegmentBytes: 4096})
			if diff := cmp.Diff(want, names(read(t, j.Read(0)))); diff != "" {
				t.Errorf("%s: log (-want +got):\n%s", state.name, diff)
			}
			time.Sleep(ripe)
			synctest.Wait()
			if m.file(first) != nil || !bytes.Equal(unpack(t, m.file(first+".zst")), content) || len(m.list("packing-")) > 0 {
				t.Errorf("%s: %v", state.name, m.list(""))
			}
			if diff := cmp.Diff(want, names(read(t, j.Read(0)))); diff != "" {
				t.Errorf("%s: log (-want +got):\n%s", state.name, diff)
			}
			closed(t, j)
			want = append(want, "stop", "start")
		}
	})
}

// What is not exactly lines of the log stays as it is: who changed it wants to be
// found out.
func TestPackingLeavesDamage(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"a changed head":  func(b []byte) []byte { return bytes.Replace(b, []byte(`"index":1`), []byte(`"index":7`), 1) },
		"a line too many": func(b []byte) []byte { return append(b, b[bytes.LastIndexByte(b[:len(b)-1], '\n')+1:]...) },
		"a line too few":  func(b []byte) []byte { return b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1] },
		"half a line":     func(b []byte) []byte { return b[:len(b)-10] },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemFS()
				j := open(t, journal.Config{FS: m, SegmentBytes: 4096})
				fill(t, j, m, 4)
				first, second := m.list("segment-")[0], m.list("segment-")[1]
				// A compressed form that is not the same may be the better one.
				m.meddle(func(files map[string]*memInode) {
					files[first].cache = damage(files[first].cache)
					files[first+".zst"] = &memInode{ino: 1 << 40, cache: []byte("kept")}
				})
				left := m.file(first)
				time.Sleep(ripe)
				synctest.Wait()
				if !bytes.Equal(m.file(first), left) || string(m.file(first+".zst")) != "kept" {
					t.Error("it was compressed")
				}
				if m.file(second+".zst") == nil {
					t.Error("the one behind it was not")
				}
			})
		})
	}
}

// The positions of lines stay what they were.
func TestLookup(t *testing.T) {
	dir := t.TempDir()
	j := open(t, journal.Config{Dir: dir, SegmentBytes: 64 << 10}.Packing(time.Millisecond, 10*time.Millisecond))
	type place struct {
		offset int64
		line   []byte
	}
	plainSegments := func() []string { return files(t, dir, "segment-") }
	for n := 0; len(plainSegments()) < 4; n++ {
		if _, err := j.Append(t.Context(), now(fmt.Sprint(n))); err != nil {
			t.Fatal(err)
		}
	}
	stale, err := journal.NewLookup(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer stale.Close()
	for packed := 0; packed < len(plainSegments())-2; time.Sleep(5 * time.Millisecond) {
		packed = len(slices.DeleteFunc(plainSegments(), func(name string) bool { return !strings.HasSuffix(name, ".zst") }))
	}
	fresh, err := journal.NewLookup(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	if diff := cmp.Diff(stale.Starts(), fresh.Starts()); diff != "" {
		t.Errorf("starts (-stale +fresh):\n%s", diff)
	}
	places := map[uint64]place{}
	offset, starts := int64(0), fresh.Starts()
	for l, err := range j.Read(0) {
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(starts, l.Index) {
			offset = 0
		}
		places[l.Index] = place{offset, bytes.Clone(l.Bytes)}
		offset += int64(len(l.Bytes)) + 1
	}
	for index, p := range places {
		for name, l := range map[string]*journal.Lookup{"stale": stale, "fresh": fresh} {
			if line, ok := l.Line(index, p.offset); !ok || !bytes.Equal(line, p.line) {
				t.Fatalf("%s: entry %d at %d: %v", name, index, p.offset, ok)
			}
			for _, wrong := range []int64{-1, p.offset + 1, p.offset + int64(len(p.line)) + 1, 1 << 40} {
				if line, ok := l.Line(index, wrong); ok {
					t.Fatalf("%s: entry %d at %d: %s", name, index, wrong, line)
				}
			}
		}
	}
}

// What stands in one damaged frame is named, and everything else can be read.
func TestDamagedFrame(t *testing.T) {
	dir := t.TempDir()
	j := open(t, journal.Config{Dir: dir, SegmentBytes: 2 << 20}.Packing(time.Millisecond, 10*time.Millisecond))
	for n := 0; len(files(t, dir, "segment-")) < 3; n++ {
		e := now(fmt.Sprint(n))
		e.UserAgent = strings.Repeat(fmt.Sprint(n, " "), 100)
		j.Record(e)
		if n%100 == 0 {
			add(t, j, fmt.Sprint("s", n))
		}
	}
	for !slices.Contains(files(t, dir, "segment-"), firstSegment+".zst") {
		time.Sleep(5 * time.Millisecond)
	}
	for slices.Contains(files(t, dir, "segment-"), firstSegment) {
		time.Sleep(5 * time.Millisecond)
	}
	size := j.Size()
	path := filepath.Join(dir, firstSegment+".zst")
	b := readFile(t, path)
	b[len(b)/2] ^= 1
	writeFile(t, b, path)

	var seen []uint64
	var bad *journal.CorruptError
	for l, err := range j.Read(0) {
		if c := asCorrupt(err); c != nil {
			bad = c
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, l.Index)
	}
	if bad == nil || bad.Index == 0 || bad.Index != uint64(len(seen)) || bad.File != firstSegment+".zst" {
		t.Fatalf("read %d lines, then %v", len(seen), bad)
	}
	// Behind the frame, from the back.
	next := size
	var behind *journal.CorruptError
	for l, err := range j.ReadBackward(size) {
		if c := asCorrupt(err); c != nil {
			behind = c
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if next--; l.Index != next {
			t.Fatalf("entry %d, want %d", l.Index, next)
		}
	}
	if behind == nil || behind.Index != next-1 || behind.Index <= bad.Index {
		t.Errorf("read back to entry %d, then %v", next, behind)
	}
	// What comes after is found by its place.
	if got := read(t, j.Read(next)); len(got) != int(size-next) {
		t.Errorf("%d lines behind the frame, want %d", len(got), size-next)
	}
	closed(t, j)
	// It is not the newest segment: opening looks at its edges only, as it does at
	// one that is not compressed.
	again, err := journal.Open(t.Context(), journal.Config{Dir: dir, Origin: "test"})
	if err != nil {
		t.Fatal(err)
	}
	closed(t, again)
	if err := os.Truncate(path, int64(len(b)-1)); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(t.Context(), journal.Config{Dir: dir, Origin: "test"}); err == nil || !strings.Contains(err.Error(), "restore the file from a copy") {
		t.Errorf("a compressed segment without its end: %v", err)
	}
}
