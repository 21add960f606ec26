package index_test

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// check wants the index to have all that the log has.
func check(t *testing.T, x *index.Index, l *testLog) {
	t.Helper()
	f := index.Filter{Also: []audit.Kind{audit.KindIntent, audit.KindVerdict}}
	found, states := all(t, x.Reader, f, 100)
	want, wantStates := scan(l.events, f)
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("(-log +index):\n%s", diff)
	}
	if diff := cmp.Diff(wantStates, states); diff != "" {
		t.Errorf("states (-log +index):\n%s", diff)
	}
	compareCounts(t, x, l.events)
	if x.Lag() != 0 || x.Indexed() != l.Size() {
		t.Errorf("lag %d, indexed %d of %d", x.Lag(), x.Indexed(), l.Size())
	}
}

func overwrite(t *testing.T, path string, offset int64, data []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(data, offset); err != nil {
		t.Fatal(err)
	}
}

func exec(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func remove(t *testing.T, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

func TestOpenAfterDamage(t *testing.T) {
	size := func(t *testing.T, path string) int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	tests := []struct {
		name    string
		damage  func(t *testing.T, path string, l *testLog)
		rebuilt []string
		aside   bool
	}{
		{name: "none", damage: func(*testing.T, string, *testLog) {}},
		{name: "deleted", rebuilt: []string{index.ReasonAbsent}, damage: func(t *testing.T, path string, _ *testLog) { remove(t, path) }},
		{name: "deleted but for what SQLite keeps beside it", rebuilt: []string{index.ReasonAbsent}, damage: func(t *testing.T, path string, _ *testLog) {
			remove(t, path)
			for _, suffix := range []string{"-wal", "-shm", "-journal"} {
				if err := os.WriteFile(path+suffix, []byte("left behind"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{name: "empty", rebuilt: []string{index.ReasonAbsent}, damage: func(t *testing.T, path string, _ *testLog) {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "garbage", rebuilt: []string{index.ReasonForeign}, aside: true, damage: func(t *testing.T, path string, _ *testLog) {
			if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "a few bytes", rebuilt: []string{index.ReasonForeign}, aside: true, damage: func(t *testing.T, path string, _ *testLog) {
			if err := os.WriteFile(path, []byte("hello"), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "a directory", rebuilt: []string{index.ReasonForeign}, aside: true, damage: func(t *testing.T, path string, _ *testLog) {
			remove(t, path)
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "somebody's database", rebuilt: []string{index.ReasonForeign}, aside: true, damage: func(t *testing.T, path string, _ *testLog) {
			remove(t, path)
			exec(t, path, "CREATE TABLE precious (data)")
		}},
		{name: "another version", rebuilt: []string{index.ReasonSchema}, damage: func(t *testing.T, path string, _ *testLog) {
			exec(t, path, "PRAGMA journal_mode = delete", "PRAGMA user_version = 99")
		}},
		{name: "a table is absent", rebuilt: []string{index.ReasonDamaged}, damage: func(t *testing.T, path string, _ *testLog) { exec(t, path, "DROP TABLE postings") }},
		{name: "no position", rebuilt: []string{index.ReasonDamaged}, damage: func(t *testing.T, path string, _ *testLog) {
			exec(t, path, "UPDATE meta SET value = -1 WHERE key = 'cursor'")
		}},
		{name: "half of it", rebuilt: []string{index.ReasonDamaged}, damage: func(t *testing.T, path string, _ *testLog) {
			t.Log(size(t, path))
			if err := os.Truncate(path, size(t, path)/2); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "pages of zeros", rebuilt: []string{index.ReasonDamaged}, damage: func(t *testing.T, path string, _ *testLog) {
			overwrite(t, path, 8192, make([]byte, size(t, path)-8192))
		}},
		{name: "the log is shorter", rebuilt: []string{index.ReasonRolledBack}, damage: func(t *testing.T, _ string, l *testLog) {
			l.segment(0)
			l.events = nil
			l.append(story()[:4]...)
		}},
		{name: "the log is another one", rebuilt: []string{index.ReasonRolledBack}, damage: func(t *testing.T, _ string, l *testLog) {
			l.segment(0)
			l.events = nil
			other := story()
			for i := range other {
				other[i].Origin = "another log"
			}
			l.append(other...)
		}},
		{name: "the log is gone", rebuilt: []string{index.ReasonRolledBack}, damage: func(t *testing.T, _ string, l *testLog) {
			l.close()
			names, err := filepath.Glob(filepath.Join(l.dir, "segment-*"))
			if err != nil {
				t.Fatal(err)
			}
			remove(t, names...)
			l.size, l.events = 0, nil
		}},
		{name: "the log was pruned up to the index", rebuilt: []string{index.ReasonRolledBack}, damage: func(t *testing.T, _ string, l *testLog) {
			next := l.size
			l.segment(next)
			l.events = nil
			remove(t, filepath.Join(l.dir, "segment-00000000000000000000.jsonl"))
			l.append(audit.Event{ID: "s2", Kind: audit.KindSystem, Time: noon})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newTestLog(t, t.TempDir())
			l.append(story()...)
			x := open(t, l)
			step(t, x)
			check(t, x, l)
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(l.dir, "index.sqlite")
			tt.damage(t, path, l)

			var rebuilt []string
			x = open(t, l, &rebuilt)
			step(t, x)
			if diff := cmp.Diff(tt.rebuilt, rebuilt); diff != "" {
				t.Errorf("rebuilt (-want +got):\n%s", diff)
			}
			l.append(audit.Event{ID: "s3", Kind: audit.KindSystem, Time: noon})
			step(t, x)
			check(t, x, l)
			if _, err := os.Stat(path + ".foreign"); (err == nil) != tt.aside {
				t.Errorf("moved aside: %v", err)
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
		})
	}
}

// copyIndex copies the files of an index as a crash would leave them.
func copyIndex(t *testing.T, from, to string, suffixes ...string) {
	t.Helper()
	for _, s := range suffixes {
		data, err := os.ReadFile(filepath.Join(from, "index.sqlite"+s))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, "index.sqlite"+s), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOpenAfterCrash stops an index where the process could have ended, with and
// without its write-ahead log.
func TestOpenAfterCrash(t *testing.T) {
	for _, tt := range []struct {
		name     string
		before   func(t *testing.T, x *index.Index, l *testLog) // what happens up to the crash
		suffixes []string
	}{
		{"before anything", func(*testing.T, *index.Index, *testLog) {}, []string{"", "-wal"}},
		{"between transactions", func(t *testing.T, x *index.Index, l *testLog) { step(t, x) }, []string{"", "-wal"}},
		{"between transactions, log lost", func(t *testing.T, x *index.Index, l *testLog) { step(t, x) }, []string{""}},
		{"in a transaction", func(t *testing.T, x *index.Index, l *testLog) {
			step(t, x)
			l.append(again(1)...)
			if err := x.AddWithoutCommit(t.Context()); err != nil {
				t.Fatal(err)
			}
		}, []string{"", "-wal"}},
		{"in the first transaction", func(t *testing.T, x *index.Index, l *testLog) {
			if err := x.AddWithoutCommit(t.Context()); err != nil {
				t.Fatal(err)
			}
		}, []string{"", "-wal"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newTestLog(t, t.TempDir())
			l.append(story()...)
			x := open(t, l)
			tt.before(t, x, l)
			after := newTestLog(t, t.TempDir())
			copyIndex(t, l.dir, after.dir, tt.suffixes...)
			for _, e := range l.events {
				after.append(e)
			}
			var rebuilt []string
			y := open(t, after, &rebuilt)
			step(t, y)
			check(t, y, after)
			if len(rebuilt) > 0 {
				t.Errorf("rebuilt: %v", rebuilt)
			}
		})
	}
}

// TestOpenAfterTruncatedWAL cuts the write-ahead log at many places: what is left
// is a state that the index once was in.
func TestOpenAfterTruncatedWAL(t *testing.T) {
	l := newTestLog(t, t.TempDir())
	x := open(t, l)
	for n := range 3 {
		l.append(again(n)...)
		step(t, x)
	}
	info, err := os.Stat(filepath.Join(l.dir, "index.sqlite-wal"))
	if err != nil {
		t.Fatal(err)
	}
	for cut := int64(0); cut < info.Size(); cut += max(info.Size()/17, 1) {
		after := newTestLog(t, t.TempDir())
		copyIndex(t, l.dir, after.dir, "", "-wal")
		if err := os.Truncate(filepath.Join(after.dir, "index.sqlite-wal"), cut); err != nil {
			t.Fatal(err)
		}
		for _, e := range l.events {
			after.append(e)
		}
		y := open(t, after)
		step(t, y)
		check(t, y, after)
		_ = y.Close()
	}
}

func TestOpenTwice(t *testing.T) {
	l := newTestLog(t, t.TempDir())
	x := open(t, l)
	if _, err := index.Open(t.Context(), index.Config{Dir: l.dir, Source: l}); !errors.Is(err, index.ErrLocked) {
		t.Errorf("second Open: %v", err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, err := x.Query(t.Context(), index.Filter{}, "", 1); err == nil {
		t.Error("a closed index answers")
	}
	if err := x.Run(t.Context()); err == nil {
		t.Error("a closed index runs")
	}
	if err := x.Rebuild(t.Context(), nil); err == nil {
		t.Error("a closed index is rebuilt")
	}
	open(t, l)
}

func TestOpenWithFaultyConfig(t *testing.T) {
	for name, c := range map[string]index.Config{
		"nothing":      {},
		"no source":    {Dir: t.TempDir()},
		"no directory": {Source: newTestLog(t, t.TempDir())},
		"absent":       {Dir: filepath.Join(t.TempDir(), "none"), Source: newTestLog(t, t.TempDir())},
	} {
		if _, err := index.Open(t.Context(), c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestFileReplacedWhileRunning takes the file from under an open index.
func TestFileReplacedWhileRunning(t *testing.T) {
	l := newTestLog(t, t.TempDir())
	l.append(story()...)
	var rebuilt []string
	x := open(t, l, &rebuilt)
	step(t, x)
	remove(t, filepath.Join(l.dir, "index.sqlite"))
	step(t, x)
	check(t, x, l)
	if want := []string{index.ReasonAbsent, index.ReasonReplaced}; !slices.Equal(rebuilt, want) {
		t.Errorf("rebuilt %v, want %v", rebuilt, want)
	}
}

// TestQueryNoticesDamage changes a row to point to other entries than it had.
func TestQueryNoticesDamage(t *testing.T) {
	for _, tt := range []struct{ name, statement string }{
		{"rows of other entries", `UPDATE postings SET rows = x'0100020003000400'`},
		{"rows out of order", `UPDATE postings SET rows = x'02000100'`},
		{"half a row", `UPDATE postings SET rows = x'02'`},
		{"no places", `DELETE FROM blocks`},
		{"places that end early", `UPDATE blocks SET places = x'00ff'`},
		{"verdicts that end early", `UPDATE verdicts SET states = x'00ff'`},
		{"no names", `DELETE FROM names WHERE text = CAST('matched' AS BLOB)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newTestLog(t, t.TempDir())
			l.append(story()...)
			var rebuilt []string
			x := open(t, l, &rebuilt)
			step(t, x)
			exec(t, filepath.Join(l.dir, "index.sqlite"), tt.statement)
			_, err := x.Query(t.Context(), index.Filter{Filter: audit.Filter{Operation: "GetConnection"}}, "", 10)
			if err == nil {
				t.Error("the damage is not noticed")
			}
			step(t, x)
			check(t, x, l)
			if want := []string{index.ReasonAbsent, index.ReasonDamaged}; !slices.Equal(rebuilt, want) {
				t.Errorf("rebuilt %v, want %v", rebuilt, want)
			}
		})
	}
}

// TestWriterNoticesDamage lets the writer find what it cannot use.
func TestWriterNoticesDamage(t *testing.T) {
	for _, statement := range []string{
		`DROP TABLE blocks`,
		`UPDATE verdicts SET states = x'07'`,
		`UPDATE blocks SET places = x'ff'`,
		`UPDATE ids SET rows = x'01'`,
	} {
		t.Run(statement, func(t *testing.T) {
			l := newTestLog(t, t.TempDir())
			l.append(story()...)
			x := open(t, l)
			step(t, x)
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			exec(t, filepath.Join(l.dir, "index.sqlite"), statement)
			var rebuilt []string
			x = open(t, l, &rebuilt)
			l.append(audit.Event{ID: "v4", Kind: audit.KindVerdict, Time: noon, Of: idMiss, OfAttempt: 1, State: "mismatched"})
			step(t, x)
			step(t, x)
			check(t, x, l)
			if want := []string{index.ReasonDamaged}; !slices.Equal(rebuilt, want) {
				t.Errorf("rebuilt %v, want %v", rebuilt, want)
			}
		})
	}
}

// TestUnreadableLog leaves the index where the log ends to make sense, and goes
// on when it does again.
func TestUnreadableLog(t *testing.T) {
	l := newTestLog(t, t.TempDir())
	l.append(story()...)
	path := filepath.Join(l.dir, "segment-00000000000000000000.jsonl")
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	broken := slices.Clone(sound)
	at := slices.Index(broken, '\n') + 1
	broken[at] = 'X'
	if err := os.WriteFile(path, broken, 0o600); err != nil {
		t.Fatal(err)
	}
	x := open(t, l)
	if err := x.Step(t.Context()); err == nil {
		t.Error("a damaged log is read")
	} else if _, ok := errors.AsType[*journal.CorruptError](err); !ok {
		t.Errorf("error is %v", err)
	}
	if x.Indexed() != 1 || x.Lag() != l.Size()-1 {
		t.Errorf("indexed %d, lag %d", x.Indexed(), x.Lag())
	}
	if err := os.WriteFile(path, sound, 0o600); err != nil {
		t.Fatal(err)
	}
	step(t, x)
	check(t, x, l)
}
