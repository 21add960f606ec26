package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

const firstSegment = "segment-00000000000000000000.jsonl"

// Somebody touches the open segment. The next line is acknowledged only after it
// stands in a segment of its own, and what happened is recorded.
func TestMeddling(t *testing.T) {
	other := func(content string) func(*memFS) {
		return func(m *memFS) {
			m.meddle(func(names map[string]*memInode) {
				names[firstSegment] = &memInode{ino: 99, cache: []byte(content), dirty: map[int]bool{}}
			})
		}
	}
	tests := []struct {
		name   string
		meddle func(*memFS)
		damage string
		lost   []journal.Range // of start, a, b at 0, 1, 2
		aside  string
	}{
		{"deleted", func(m *memFS) {
			m.meddle(func(names map[string]*memInode) { delete(names, firstSegment) })
		}, "was deleted; restored", nil, ""},
		{"replaced by an empty file", other(""), "is another file now; restored", nil, "replaced-"},
		{"replaced by a longer file", other(strings.Repeat("x", 5000)), "is another file now; restored", nil, "replaced-"},
		{"truncated to nothing", func(m *memFS) {
			m.meddle(func(names map[string]*memInode) { names[firstSegment].cache = nil })
		}, "was truncated", []journal.Range{{First: 0, Last: 2}}, ""},
		{"truncated inside the last line", func(m *memFS) {
			m.meddle(func(names map[string]*memInode) {
				f := names[firstSegment]
				f.cache = f.cache[:len(f.cache)-10]
			})
		}, "was truncated; what is not part of the log is kept in surplus-", []journal.Range{{First: 2, Last: 2}}, "surplus-"},
		{"appended to", func(m *memFS) {
			m.meddle(func(names map[string]*memInode) {
				f := names[firstSegment]
				f.cache = append(f.cache, `{"forged":1}`+"\n"...)
			})
		}, "was appended to; what is not part of the log is kept in surplus-", nil, "surplus-"},
	}
	for _, tt := range tests {
		for _, idle := range []bool{false, true} {
			name := tt.name
			if idle {
				name += ", noticed while idle"
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := newMemFS()
					j := open(t, journal.Config{FS: m})
					add(t, j, "a", "b")
					tt.meddle(m)
					want := []string{"start", "a", "b", "c", "file_replaced", "recovered"}
					if idle {
						time.Sleep(1500 * time.Millisecond)
						want = []string{"start", "a", "b", "file_replaced", "recovered", "c"}
					}
					add(t, j, "c")
					synctest.Wait()
					if h := j.Health(); !h.OK || !cmp.Equal(h.Lost, tt.lost) {
						t.Errorf("health %+v, want lost %v", h, tt.lost)
					}
					var missing uint64
					for _, r := range tt.lost {
						missing += r.Last - r.First + 1
					}
					checkMeddled(t, j, want, tt.lost, missing, tt.damage)

					// Another run accepts a loss that is recorded, and no other.
					closed(t, j)
					again := open(t, journal.Config{FS: m})
					checkMeddled(t, again, append(want, "stop", "start"), tt.lost, missing, tt.damage)
					if tt.aside != "" && !hasFile(m, tt.aside) {
						t.Errorf("no file %s*", tt.aside)
					}
				})
			})
		}
	}
}

func hasFile(m *memFS, prefix string) bool {
	found := false
	m.meddle(func(names map[string]*memInode) {
		for name := range names {
			found = found || strings.HasPrefix(name, prefix)
		}
	})
	return found
}

// checkMeddled reads the log and checks that it is want without the lost ones.
func checkMeddled(t *testing.T, j *journal.Journal, want []string, lost []journal.Range, missing uint64, damage string) {
	t.Helper()
	var gaps []journal.Range
	var got []string
	for line, err := range j.Read(0) {
		if m, ok := errors.AsType[*journal.MissingError](err); ok {
			gaps = append(gaps, m.Range)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		e := parsed(t, line)
		got = append(got, names([]audit.Event{e})...)
		if e.Action == "file_replaced" && (!strings.Contains(e.Detail, damage) || e.Count != missing) {
			t.Errorf("recorded as %q, count %d; want %q, count %d", e.Detail, e.Count, damage, missing)
		}
	}
	if !cmp.Equal(gaps, lost) {
		t.Errorf("gaps %v, want %v", gaps, lost)
	}
	for _, r := range lost {
		want = append(append([]string(nil), want[:r.First]...), want[r.Last+1:]...)
	}
	if len(got) > len(want) {
		got = got[:len(want)]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

// The restored segment cannot be written: then its entries are lost, and that is
// said.
func TestRestoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		j := open(t, journal.Config{FS: m})
		add(t, j, "a")
		m.meddle(func(names map[string]*memInode) { delete(names, firstSegment) })
		m.setFault(func(op, name string) memFault {
			if strings.HasPrefix(name, "restore-") {
				return enospc
			}
			return memFault{}
		})
		add(t, j, "b")
		if h := j.Health(); !cmp.Equal(h.Lost, []journal.Range{{First: 0, Last: 1}}) {
			t.Errorf("health %+v", h)
		}
	})
}

func TestMovedDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		j := open(t, journal.Config{FS: m})
		move := func(moved bool) {
			m.meddle(func(map[string]*memInode) { m.moved = moved })
			time.Sleep(1500 * time.Millisecond)
		}
		move(true)
		_, err := j.Append(t.Context(), event("refused"))
		wantUnavailable(t, err, journal.ReasonFileReplaced)
		move(false)
		add(t, j, "a")
		if r := find(read(t, j.Read(0)), "recovered"); len(r) != 1 || r[0].Count != 1 {
			t.Errorf("recovered: %+v", r)
		}
	})
}

// The same on a real file system, where identity is an inode.
func TestMeddlingWithFiles(t *testing.T) {
	tests := []struct {
		name   string
		meddle func(path string) error
		lost   int
	}{
		{"rm", os.Remove, 0},
		{"mv", func(path string) error { return os.Rename(path, path+".1") }, 0},
		{"mv and create, as logrotate does", func(path string) error {
			return errors.Join(os.Rename(path, path+".1"), os.WriteFile(path, nil, 0o600))
		}, 0},
		{"copy in place of it", func(path string) error {
			b, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path+".new", b, 0o600), os.Rename(path+".new", path))
		}, 0},
		{"truncate", func(path string) error { return os.Truncate(path, 0) }, 1},
		{"echo >>", func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			_, werr := f.WriteString("x\n")
			return errors.Join(err, werr, f.Close())
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, journal.Config{Dir: dir, CommitTimeout: 30 * time.Second})
			add(t, j, "a")
			if err := tt.meddle(filepath.Join(dir, firstSegment)); err != nil {
				t.Fatal(err)
			}
			add(t, j, "b", "c")
			if h := j.Health(); !h.OK || len(h.Lost) != tt.lost {
				t.Errorf("health %+v", h)
			}
			if got := files(t, dir, "segment-"); len(got) < 2 || got[0] != firstSegment {
				t.Errorf("segments %v", got)
			}
			closed(t, j)
			again := open(t, journal.Config{Dir: dir, CommitTimeout: 30 * time.Second})
			from := uint64(0)
			if tt.lost > 0 {
				from = 2
			}
			got := names(read(t, again.Read(from)))
			if !strings.Contains(strings.Join(got, " "), "b file_replaced recovered c stop") {
				t.Errorf("log %v", got)
			}
		})
	}
}
