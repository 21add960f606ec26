package journal_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// Every operation on the disk in the life of a log fails in turn, in every way:
// while it is opened, written, rotated, compressed, pruned, recovered and closed.
// Nothing that was acknowledged is lost, and the next process can go on.
func TestEveryOperationFails(t *testing.T) {
	kinds := []struct {
		name  string
		fault memFault
		crash func(*memFS, *rand.Rand)
	}{
		{name: "EIO", fault: memFault{err: syscall.EIO}},
		{name: "ENOSPC", fault: memFault{err: syscall.ENOSPC, short: 100}},
		{name: "short write", fault: memFault{err: errShort, short: 7}},
		{name: "kill", crash: func(m *memFS, _ *rand.Rand) { m.kill() }},
		{name: "power cut", crash: (*memFS).powerCut},
	}
	// Without the variable, each kind fails some of the operations only, each
	// others; but the power is cut at all that compress and prune.
	stride := 41
	if os.Getenv("GATEPOST_TEST_SEEDS") != "" {
		stride = 1
	}
	total, seen := 0, map[string]int{}
	var keeping []int // operations of compressing and pruning, and those right behind one
	synctest.Test(t, func(t *testing.T) {
		l := newLife()
		last := -1
		l.fs.setFault(func(op, name string) memFault {
			l.mu.Lock()
			defer l.mu.Unlock()
			if strings.Contains(name, "packing-") && op != "write" || strings.HasPrefix(name, "pruned") {
				last = total
			}
			if last >= 0 && total-last <= 2 && !slices.Contains(keeping, total) {
				keeping = append(keeping, total)
			}
			total++
			seen[op]++
			return memFault{}
		})
		l.run(t)
		if !l.pruning || len(l.fs.list("segment-0")) == 0 {
			t.Fatal("the life of the log has not come to its end")
		}
		l.check(t)
	})
	t.Logf("%d operations, %d of them of compressing and pruning: %v", total, len(keeping), seen)
	for _, op := range []string{"create", "open", "write", "sync", "syncdir", "read", "stat", "fstat", "rename", "remove", "truncate", "names", "lock", "free", "inplace"} {
		if seen[op] == 0 {
			t.Errorf("no %s among them", op)
		}
	}
	for k, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			for n := range total {
				if n%stride != 6*k%stride && !(k == len(kinds)-1 && slices.Contains(keeping, n)) {
					continue
				}
				what := ""
				synctest.Test(t, func(t *testing.T) {
					l := newLife()
					calls := 0
					l.fs.setFault(func(op, name string) memFault {
						l.mu.Lock()
						calls++
						hit := calls-1 == n
						l.mu.Unlock()
						if !hit {
							return memFault{}
						}
						what = op + " " + name
						if kind.crash != nil {
							kind.crash(l.fs, rand.New(rand.NewPCG(uint64(n), 4)))
							l.mu.Lock()
							l.dead = true
							l.mu.Unlock()
							return memFault{}
						}
						if errors.Is(kind.fault.err, errShort) && op != "write" {
							return memFault{} // only a write can be short
						}
						return kind.fault
					})
					l.run(t)
					l.check(t)
				})
				if t.Failed() {
					t.Fatalf("operation %d: %s", n, what)
				}
			}
		})
	}
}

// ripeSoon is when the closed segments of a life are compressed.
const ripeSoon = 300 * time.Millisecond

// life is one log from its first process to its last, always the same as far as
// the disk lets it.
type life struct {
	*history
	mu      sync.Mutex // guards dead
	dead    bool       // the process was killed by the fault
	pruning bool       // it has come so far
}

func newLife() *life { return &life{history: newHistory(1)} }

func (l *life) config() journal.Config {
	return journal.Config{Dir: "mem", Origin: "model", FS: l.fs, SegmentBytes: 4096}.Packing(50*time.Millisecond, 100*time.Millisecond)
}

func (l *life) run(t *testing.T) {
	// The first process is killed in the middle of a write.
	if j := l.open(t); j != nil {
		l.write(t, j, "a")
		time.Sleep(1100 * time.Millisecond) // in which an idle log looks after its directory
		l.fs.kill()
		l.end(t, j)
		if segments := l.fs.list("segment-"); len(segments) > 0 {
			l.fs.meddle(func(files map[string]*memInode) {
				f := files[segments[len(segments)-1]]
				f.write([]byte(`{"v":1,"in`), len(f.cache))
			})
		}
	}
	// The second one recovers, goes on, compresses, and prunes.
	if j := l.open(t); j != nil {
		l.write(t, j, "b")
		time.Sleep(ripeSoon)
		if segments := l.fs.list("segment-"); len(segments) > 3 {
			var before uint64
			if _, err := fmt.Sscanf(segments[2], "segment-%d.", &before); err != nil {
				t.Fatal(err)
			}
			l.pruning = true
			l.prune(t, j, before)
		}
		l.write(t, j, "c")
		l.close(t, j)
		l.end(t, j)
	}
	// The third finds all in order, and reads it.
	if j := l.open(t); j != nil {
		for _, err := range j.Read(0) {
			_ = err // may be the fault
		}
		l.close(t, j)
		l.end(t, j)
	}
}

// open starts a process, again if it does not come up the first time.
func (l *life) open(t *testing.T) *journal.Journal {
	var err error
	for range 2 {
		l.mu.Lock()
		l.dead = false
		l.mu.Unlock()
		var j *journal.Journal
		j, err = journal.Open(t.Context(), l.config())
		if err == nil {
			return j
		}
		l.fs.kill()
		haunt()
	}
	t.Error("the log does not open: ", err)
	return nil
}

func (l *life) write(t *testing.T, j *journal.Journal, run string) {
	for n := range 30 {
		l.mu.Lock()
		dead := l.dead
		l.mu.Unlock()
		if dead {
			return
		}
		e := *event(fmt.Sprint(run, n))
		e.Time, e.UserAgent = time.Time{}, string(make([]byte, 60)) // escaped, a few hundred bytes
		if n%10 == 3 {
			e.Kind = audit.KindIntent // whose outcome never comes
		}
		if err := l.record(t, j.Append, e); err != nil {
			time.Sleep(2 * time.Second)
		}
	}
}

// close closes the log as long as the process lives.
func (l *life) close(t *testing.T, j *journal.Journal) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_ = j.Close(ctx) // the fault may be in it
}

// end ends the goroutines of a process that may be dead.
func (l *life) end(t *testing.T, j *journal.Journal) {
	l.fs.kill()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = j.Close(ctx)
	haunt()
}

// check opens the log on a disk that works.
func (l *life) check(t *testing.T) {
	if t.Failed() {
		return
	}
	l.fs.setFault(nil)
	l.fs.kill()
	j, err := journal.Open(t.Context(), l.config())
	if err != nil {
		t.Fatalf("open at last: %v", err)
	}
	defer l.end(t, j) // also when what follows fails
	l.history.check(t, j)
	time.Sleep(ripeSoon)
	synctest.Wait()
	if left := l.fs.list("packing-"); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	l.history.check(t, j)
	if err := j.Close(t.Context()); err != nil {
		t.Errorf("close at last: %v", err)
	}
}
