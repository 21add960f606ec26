package journal_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// starts returns the indices that segments begin with.
func (m *memFS) starts(t testing.TB) []uint64 {
	t.Helper()
	var list []uint64
	for _, name := range m.list("segment-") {
		var first uint64
		if _, err := fmt.Sscanf(name, "segment-%d.", &first); err != nil {
			t.Fatal(err)
		}
		list = append(list, first)
	}
	return list
}

// recordPrune records that the entries before an index are pruned.
func recordPrune(t testing.TB, j *journal.Journal, before uint64) uint64 {
	t.Helper()
	c, err := j.Append(t.Context(), &audit.Event{
		ID: "prune", Kind: audit.KindAdmin, Time: time.Now(), Action: journal.ActionPrune, Count: before,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.Index
}

// gone collects what an iteration says is not there, and counts its lines.
func gone(t testing.TB, lines func(func(journal.Line, error) bool)) (pruned, missing []journal.Range, count int) {
	t.Helper()
	for _, err := range lines {
		if absent, ok := errors.AsType[*journal.MissingError](err); ok {
			if absent.Pruned {
				pruned = append(pruned, absent.Range)
			} else {
				missing = append(missing, absent.Range)
			}
		} else if err != nil {
			t.Fatal(err)
		} else {
			count++
		}
	}
	return pruned, missing, count
}

func TestPrune(t *testing.T) {
	for _, packed := range []bool{false, true} {
		t.Run(fmt.Sprintf("compressed %t", packed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemFS()
				j := open(t, journal.Config{FS: m, SegmentBytes: 4096})
				fill(t, j, m, 6)
				if packed {
					time.Sleep(ripe)
					synctest.Wait()
				}
				starts := m.starts(t)
				record := recordPrune(t, j, starts[3]+1) // one more than whole segments
				removed, err := j.Prune(record)
				if err != nil || removed != 3 {
					t.Fatalf("removed %d segments: %v", removed, err)
				}
				if diff := cmp.Diff(starts[3:], m.starts(t)); diff != "" {
					t.Errorf("segments (-want +got):\n%s", diff)
				}
				check := func(j *journal.Journal) {
					t.Helper()
					want := []journal.Range{{First: 0, Last: starts[3] - 1}}
					for name, lines := range map[string]func(func(journal.Line, error) bool){
						"forward": j.Read(0), "backward": j.ReadBackward(j.Size()),
					} {
						pruned, missing, count := gone(t, lines)
						if !slices.Equal(pruned, want) || len(missing) > 0 || uint64(count) != j.Size()-starts[3] {
							t.Errorf("%s: pruned %v, missing %v, and %d lines", name, pruned, missing, count)
						}
					}
				}
				check(j)
				closed(t, j)
				again := open(t, journal.Config{FS: m, SegmentBytes: 4096})
				check(again)
				closed(t, again)

				// The file that leads to the record is only a help.
				m.meddle(func(files map[string]*memInode) { delete(files, "pruned") })
				again = open(t, journal.Config{FS: m, SegmentBytes: 4096})
				if m.file("pruned") == nil {
					t.Error("the record of the prune was not found again")
				}
				check(again)
				closed(t, again)

				// Somebody deletes more than was pruned.
				m.meddle(func(files map[string]*memInode) {
					for name := range files {
						if strings.Contains(name, fmt.Sprintf("%020d", starts[3])) {
							delete(files, name)
						}
					}
				})
				_, err = journal.Open(t.Context(), journal.Config{Dir: "mem", Origin: "test", FS: m, Logger: slog.New(slog.DiscardHandler)})
				if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("entries %d to %d are missing", starts[3]+1, starts[4]-1)) {
					t.Errorf("open with less than was kept: %v", err)
				}
			})
		})
	}
}

// What is missing beyond what was pruned is told apart from it.
func TestPrunedAndMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		j := open(t, journal.Config{FS: m, SegmentBytes: 4096})
		fill(t, j, m, 5)
		starts, names := m.starts(t), m.list("segment-")
		if _, err := j.Prune(recordPrune(t, j, starts[2])); err != nil {
			t.Fatal(err)
		}
		m.meddle(func(files map[string]*memInode) { delete(files, names[2]) })
		for name, lines := range map[string]func(func(journal.Line, error) bool){
			"forward": j.Read(0), "backward": j.ReadBackward(j.Size()),
		} {
			pruned, missing, _ := gone(t, lines)
			if !slices.Equal(pruned, []journal.Range{{First: 0, Last: starts[2] - 1}}) || !slices.Equal(missing, []journal.Range{{First: starts[2], Last: starts[3] - 1}}) {
				t.Errorf("%s: pruned %v, missing %v", name, pruned, missing)
			}
		}
	})
}

// Nothing is removed that no event of the log says is.
func TestPruneRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		j := open(t, journal.Config{FS: m, SegmentBytes: 4096})
		fill(t, j, m, 3)
		before := m.list("segment-")
		later := recordPrune(t, j, 1<<40)
		for name, record := range map[string]uint64{
			"not a prune": 1, "not durable": j.Size(), "of entries that come after it": later,
		} {
			if n, err := j.Prune(record); err == nil || n != 0 {
				t.Errorf("%s: removed %d segments, %v", name, n, err)
			}
		}
		// The segment that is written to stays, whatever is recorded.
		all := recordPrune(t, j, j.Size())
		if _, err := j.Prune(all); err != nil {
			t.Fatal(err)
		}
		if got := m.list("segment-"); len(got) != 1 || got[0] < before[len(before)-1] {
			t.Errorf("left: %v of %v", got, before)
		}
		if names := names(readKept(t, j)); names[len(names)-1] != "prune" {
			t.Errorf("the log ends with %v", names)
		}
		closed(t, j)
		if _, err := j.Prune(all); err == nil {
			t.Error("a closed journal prunes")
		}
	})
}

// readKept reads what is left of a pruned log.
func readKept(t testing.TB, j *journal.Journal) (list []audit.Event) {
	t.Helper()
	for l, err := range j.Read(0) {
		if absent, ok := errors.AsType[*journal.MissingError](err); ok && absent.Pruned {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, parsed(t, l))
	}
	return list
}

// A file that claims what no event of the log says is not believed.
func TestForgedPrunedFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		j := open(t, journal.Config{FS: m, SegmentBytes: 4096})
		fill(t, j, m, 4)
		first, starts := m.list("segment-")[0], m.starts(t)
		for _, content := range []string{"", "x\n", fmt.Sprintln(starts[2]), "99999999\n", "0\n", "18446744073709551615\n"} {
			m.meddle(func(files map[string]*memInode) {
				delete(files, first)
				files["pruned"] = &memInode{ino: 1 << 40, cache: []byte(content), dirty: map[int]bool{}}
			})
			if pruned, missing, _ := gone(t, j.Read(0)); len(pruned) > 0 || len(missing) != 1 {
				t.Errorf("%q: pruned %v, missing %v", content, pruned, missing)
			}
		}
	})
}

// A later prune of less does not make what was pruned before look missing.
func TestPruneOfLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		j := open(t, journal.Config{FS: m, SegmentBytes: 4096})
		fill(t, j, m, 5)
		starts := m.starts(t)
		for _, before := range []uint64{starts[3], starts[1]} {
			if _, err := j.Prune(recordPrune(t, j, before)); err != nil {
				t.Fatal(err)
			}
		}
		want := []journal.Range{{First: 0, Last: starts[3] - 1}}
		if pruned, missing, _ := gone(t, j.Read(0)); !slices.Equal(pruned, want) || len(missing) > 0 {
			t.Errorf("pruned %v, missing %v", pruned, missing)
		}
		closed(t, j)
		m.meddle(func(files map[string]*memInode) { delete(files, "pruned") })
		again := open(t, journal.Config{FS: m, SegmentBytes: 4096})
		if pruned, missing, _ := gone(t, again.Read(0)); !slices.Equal(pruned, want) || len(missing) > 0 {
			t.Errorf("after reopening without its help: pruned %v, missing %v", pruned, missing)
		}
	})
}
