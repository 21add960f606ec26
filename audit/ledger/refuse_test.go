package ledger_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

func mustRead(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func mustWrite(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func mustRemove(t testing.TB, name string) {
	t.Helper()
	if err := os.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
}

// signedLog makes the ledger of a journal in memory, in a real directory.
func signedLog(t testing.TB, dir string, lines [][]byte, sinks ...ledger.Sink) (verifierKey string) {
	t.Helper()
	l := open(t, ledger.Config{Dir: dir, Source: newMemSource(lines), Sinks: sinks})
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l.VerifierKey()
}

func wantRefusal(t testing.TB, err error, reason ledger.Reason) {
	t.Helper()
	refused, ok := errors.AsType[*ledger.RefusedError](err)
	if !ok {
		t.Fatalf("error is %v, want a refusal", err)
	}
	if refused.Reason != reason {
		t.Errorf("refused as %s, want %s: %v", refused.Reason, reason, err)
	}
	if refused.What == "" || refused.Do == "" {
		t.Errorf("refusal does not say what happened and what to do: %+v", refused)
	}
	t.Log(err)
}

// What contradicts the last checkpoint is found at the start, and nothing is
// changed then.
func TestOpenRefuses(t *testing.T) {
	const size = 600
	const journalOf = 700
	tests := []struct {
		name   string
		damage func(t *testing.T, dir string)
		lines  [][]byte
		reason ledger.Reason
	}{
		{"journal truncated", nil, lines(size-1, ""), ledger.ReasonRolledBack},
		{"journal empty", nil, nil, ledger.ReasonRolledBack},
		{"journal rolled back and grown again to the same size", nil,
			append(lines(500, ""), lines(size, "x")[500:]...), ledger.ReasonRewritten},
		{"journal rolled back and grown again", nil,
			append(lines(599, ""), lines(journalOf, "x")[599:]...), ledger.ReasonRewritten},
		{"checkpoint gone", func(t *testing.T, dir string) {
			mustRemove(t, filepath.Join(dir, "checkpoint"))
		}, lines(size, ""), ledger.ReasonCheckpoint},
		{"checkpoint damaged", func(t *testing.T, dir string) {
			name := filepath.Join(dir, "checkpoint")
			data := mustRead(t, name)
			root := bytes.Split(data, []byte("\n"))[2]
			root[0] ^= 1 // of the tree, not of the key's name: that would be another key's
			mustWrite(t, name, data)
		}, lines(size, ""), ledger.ReasonCheckpoint},
		{"checkpoint empty", func(t *testing.T, dir string) {
			mustWrite(t, filepath.Join(dir, "checkpoint"), nil)
		}, lines(size, ""), ledger.ReasonCheckpoint},
		{"key gone", func(t *testing.T, dir string) {
			mustRemove(t, filepath.Join(dir, "key"))
		}, lines(size, ""), ledger.ReasonKey},
		{"signed by another key", func(t *testing.T, dir string) {
			other := t.TempDir()
			signedLog(t, other, lines(size, ""))
			mustWrite(t, filepath.Join(dir, "key"), mustRead(t, filepath.Join(other, "ledger", "key")))
		}, lines(size, ""), ledger.ReasonKey},
		{"tiles gone and an early entry changed", func(t *testing.T, dir string) {
			mustRemove(t, filepath.Join(dir, "tile"))
		}, append(append(lines(7, ""), line(7, "x")), lines(size, "")[8:]...), ledger.ReasonRewritten},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			signedLog(t, dir, lines(size, ""))
			if tt.damage != nil {
				tt.damage(t, filepath.Join(dir, "ledger"))
			}
			before := t.TempDir()
			copyDir(t, dir, before)
			l, err := tryOpen(t, ledger.Config{Dir: dir, Source: newMemSource(tt.lines)})
			if err == nil {
				_ = l.Close(background())
			}
			wantRefusal(t, err, tt.reason)
			sameTrees(t, before, dir)
		})
	}
}

// sameTrees compares the files of two directories.
func sameTrees(t testing.TB, want, got string) {
	t.Helper()
	files := func(dir string) map[string]string {
		m := map[string]string{}
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				name, _ := filepath.Rel(dir, path)
				m[name] = string(mustRead(t, path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	a, b := files(want), files(got)
	for name := range a {
		if _, ok := b[name]; !ok {
			t.Errorf("%s is gone", name)
		} else if a[name] != b[name] {
			t.Errorf("%s was changed", name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			t.Errorf("%s was made", name)
		}
	}
}

func TestKeyModeRefused(t *testing.T) {
	dir := t.TempDir()
	signedLog(t, dir, lines(1, ""))
	if err := os.Chmod(filepath.Join(dir, "ledger", "key"), 0o640); err != nil {
		t.Fatal(err)
	}
	if l, err := tryOpen(t, ledger.Config{Dir: dir, Source: newMemSource(lines(1, ""))}); err == nil {
		t.Error("a key that the group can read is taken")
		_ = l.Close(background())
	}
}

func TestOriginChanged(t *testing.T) {
	dir := t.TempDir()
	signedLog(t, dir, lines(1, ""))
	if l, err := tryOpen(t, ledger.Config{Dir: dir, Origin: "gatepost/other", Source: newMemSource(lines(1, ""))}); err == nil {
		t.Error("a log takes another name")
		_ = l.Close(background())
	}
}

// A copy elsewhere finds what the directory alone cannot: that all of it is old,
// or another.
func TestCopies(t *testing.T) {
	forked := append(lines(299, ""), lines(400, "x")[299:]...)
	tests := []struct {
		name   string
		setup  func(t *testing.T, dir string, sink ledger.Sink)
		lines  [][]byte
		reason ledger.Reason // empty: taken
	}{
		{"as it was left", func(t *testing.T, dir string, sink ledger.Sink) {
			signedLog(t, dir, lines(300, ""), sink)
		}, lines(300, ""), ""},
		{"copy behind", func(t *testing.T, dir string, sink ledger.Sink) {
			signedLog(t, dir, lines(300, ""), sink)
			signedLog(t, dir, lines(600, ""))
		}, lines(600, ""), ""},
		{"ledger rolled back, journal not", func(t *testing.T, dir string, sink ledger.Sink) {
			signedLog(t, dir, lines(100, ""))
			old := t.TempDir()
			copyDir(t, dir, old)
			signedLog(t, dir, lines(300, ""), sink)
			mustRemove(t, dir)
			copyDir(t, old, dir)
		}, lines(400, ""), ""},
		{"all rolled back", func(t *testing.T, dir string, sink ledger.Sink) {
			signedLog(t, dir, lines(100, ""))
			old := t.TempDir()
			copyDir(t, dir, old)
			signedLog(t, dir, lines(300, ""), sink)
			mustRemove(t, dir)
			copyDir(t, old, dir)
		}, lines(100, ""), ledger.ReasonRolledBack},
		{"all rolled back and grown again", func(t *testing.T, dir string, sink ledger.Sink) {
			signedLog(t, dir, lines(100, ""))
			old := t.TempDir()
			copyDir(t, dir, old)
			signedLog(t, dir, lines(300, ""), sink)
			mustRemove(t, dir)
			copyDir(t, old, dir)
		}, forked, ledger.ReasonForked},
		{"rolled back, grown again and signed", func(t *testing.T, dir string, sink ledger.Sink) {
			signedLog(t, dir, lines(100, ""))
			old := t.TempDir()
			copyDir(t, dir, old)
			signedLog(t, dir, lines(300, ""), sink)
			mustRemove(t, dir)
			copyDir(t, old, dir)
			signedLog(t, dir, forked)
		}, forked, ledger.ReasonForked},
		{"ledger gone", func(t *testing.T, dir string, sink ledger.Sink) {
			signedLog(t, dir, lines(300, ""), sink)
			mustRemove(t, dir)
		}, lines(300, ""), ledger.ReasonRolledBack},
		{"copy of another log", func(t *testing.T, dir string, sink ledger.Sink) {
			signedLog(t, t.TempDir(), lines(300, ""), sink)
			signedLog(t, dir, lines(300, ""))
		}, lines(300, ""), ledger.ReasonForked},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "audit")
			elsewhere := t.TempDir()
			sink := ledger.FileSink(filepath.Join(elsewhere, "checkpoint"), "")
			tt.setup(t, dir, sink)
			l, err := tryOpen(t, ledger.Config{Dir: dir, Source: newMemSource(tt.lines), Sinks: []ledger.Sink{sink}})
			if err == nil {
				err = l.Step(t.Context())
				if c, _ := l.Checkpoint(); err == nil && (c.Size != uint64(len(tt.lines)) || c.Root != merkleRoot(tt.lines)) {
					t.Errorf("checkpoint is %+v", c)
				}
				_ = l.Close(background())
			}
			if tt.reason == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantRefusal(t, err, tt.reason)
		})
	}
}

// Somebody else's checkpoint in the place of ours is never overwritten.
func TestSecondWriter(t *testing.T) {
	const first, later = 300, 400
	elsewhere := func(t *testing.T, dir string, lines [][]byte) []byte {
		other := t.TempDir()
		copyDir(t, dir, other)
		l := open(t, ledger.Config{Dir: other, Source: newMemSource(lines)})
		mustStep(t, l)
		_ = l.Close(background())
		return mustRead(t, filepath.Join(other, "ledger", "checkpoint"))
	}
	tests := []struct {
		name    string
		replace func(t *testing.T, dir string) []byte // nil: removed
		reason  ledger.Reason
	}{
		{"one that agrees", func(t *testing.T, dir string) []byte {
			return elsewhere(t, dir, lines(350, ""))
		}, ledger.ReasonSecondWriter},
		{"one that is ahead", func(t *testing.T, dir string) []byte {
			return elsewhere(t, dir, lines(500, ""))
		}, ledger.ReasonSecondWriter},
		{"one that contradicts", func(t *testing.T, dir string) []byte {
			return elsewhere(t, dir, append(lines(first, ""), lines(350, "x")[first:]...))
		}, ledger.ReasonSecondWriter},
		{"an older one", func(t *testing.T, dir string) []byte {
			return mustRead(t, filepath.Join(dir, "old"))
		}, ledger.ReasonSecondWriter},
		{"garbage", func(*testing.T, string) []byte { return []byte("hello") }, ledger.ReasonSecondWriter},
		{"none", func(*testing.T, string) []byte { return nil }, ledger.ReasonCheckpoint},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			name := filepath.Join(dir, "ledger", "checkpoint")
			signedLog(t, dir, lines(100, ""))
			mustWrite(t, filepath.Join(dir, "old"), mustRead(t, name))
			signedLog(t, dir, lines(first, ""))

			src := newMemSource(lines(first, ""))
			l := open(t, ledger.Config{Dir: dir, Source: src})
			replacement := tt.replace(t, dir)
			if replacement == nil {
				mustRemove(t, name)
			} else {
				mustWrite(t, name, replacement)
			}
			src.grow(lines(later, "")[first:]...)
			wantRefusal(t, l.Step(t.Context()), tt.reason)
			if h := l.Health(); h.OK || h.Reason != string(tt.reason) {
				t.Errorf("health is %+v", h)
			}
			_, err := l.Prove(t.Context(), later-1)
			if _, ok := errors.AsType[*ledger.RefusedError](err); notCovered(err) == nil || !ok {
				t.Errorf("proof of what is not signed: %v", err)
			}
			if c, _ := l.Checkpoint(); c.Size != first {
				t.Errorf("published a checkpoint of %d entries", c.Size)
			}
			if err := l.Close(t.Context()); err != nil {
				t.Error(err)
			}
			var got []byte
			got, err = os.ReadFile(name)
			if replacement == nil {
				if !os.IsNotExist(err) {
					t.Errorf("a checkpoint was made again: %v", err)
				}
			} else if string(got) != string(replacement) {
				t.Error("the other checkpoint was overwritten")
			}
		})
	}
}

// Two processes over copies of one directory sign histories that cannot both be
// true; each of their checkpoints convicts the other.
func TestRunReturnsRefusal(t *testing.T) {
	dir := t.TempDir()
	src := newMemSource(lines(3, ""))
	l := open(t, ledger.Config{Dir: dir, Source: src, Interval: 1})
	mustStep(t, l)
	mustWrite(t, filepath.Join(dir, "ledger", "checkpoint"), []byte("hello"))
	src.grow(line(3, ""))
	wantRefusal(t, l.Run(t.Context()), ledger.ReasonSecondWriter)
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
