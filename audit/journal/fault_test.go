package journal_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

const timeout = 250 * time.Millisecond

// Every operation that a commit needs fails for a while. The line that was being
// committed stays queued, callers are refused at once with the right reason, owed
// lines join the queue, and when the fault is gone all of it is written in order.
func TestFaultAndRecovery(t *testing.T) {
	always := func(int) bool { return true }
	// both lets the sync fail, so that a new segment is needed, and another
	// operation for that one.
	both := func(op string, f memFault) func(string, string) memFault {
		first, second := failing("sync", eio, always), failing(op, f, always)
		return func(op, name string) memFault {
			if f := first(op, name); f.err != nil {
				return f
			}
			return second(op, name)
		}
	}
	tests := []struct {
		name   string
		fault  func(op, name string) memFault
		reason string
	}{
		{"write EIO", failing("write", eio, always), journal.ReasonIOError},
		{"write ENOSPC", failing("write", enospc, always), journal.ReasonDiskFull},
		{"write short", failing("write", memFault{err: errShort, short: 7}, always), journal.ReasonIOError},
		{"write short by nothing at all", failing("write", memFault{err: errShort, short: 0}, always), journal.ReasonIOError},
		{"sync EIO", failing("sync", eio, always), journal.ReasonIOError},
		{"sync ENOSPC", failing("sync", enospc, always), journal.ReasonDiskFull},
		{"stat EIO", failing("stat", eio, always), journal.ReasonIOError},
		{"create EIO", both("create", eio), journal.ReasonIOError},
		{"create ENOSPC", both("create", enospc), journal.ReasonDiskFull},
		{"fstat EIO", both("fstat", eio), journal.ReasonIOError},
		{"directory sync EIO", both("syncdir", eio), journal.ReasonIOError},
		{"remove EIO", both("remove", eio), journal.ReasonIOError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemFS()
				refused := &counter{}
				j := open(t, journal.Config{FS: m, Observer: refused})
				add(t, j, "a")
				m.setFault(tt.fault)

				started := time.Now()
				if _, err := j.Append(t.Context(), event("b")); !errors.Is(err, journal.ErrTimeout) {
					t.Fatalf("append while writing fails: %v, want ErrTimeout", err)
				}
				if took := time.Since(started); took > timeout || took < timeout*7/8 {
					t.Errorf("timeout after %v, want %v or a little less", took, timeout)
				}
				started = time.Now()
				for range 3 {
					_, err := j.Append(t.Context(), event("refused"))
					wantUnavailable(t, err, tt.reason)
				}
				if took := time.Since(started); took != 0 {
					t.Errorf("refusals took %v", took)
				}
				if h := j.Health(); h.OK || h.Reason != tt.reason || h.Since.IsZero() || h.Size != 2 {
					t.Errorf("health %+v", h)
				}
				if _, err := j.Settle(t.Context(), event("c")); !errors.Is(err, journal.ErrTimeout) {
					t.Fatalf("settle while writing fails: %v, want ErrTimeout", err)
				}
				j.Record(event("d"))

				time.Sleep(time.Minute)
				m.setFault(nil)
				time.Sleep(1100 * time.Millisecond) // more than the longest pause between tries
				if h := j.Health(); !h.OK || h.Reason != "" || !h.Since.IsZero() {
					t.Errorf("health after the fault %+v", h)
				}
				add(t, j, "e")

				log := read(t, j.Read(0))
				if diff := cmp.Diff([]string{"start", "a", "b", "c", "d", "recovered", "e"}, names(log)); diff != "" {
					t.Errorf("log (-want +got):\n%s", diff)
				}
				if r := find(log, "recovered"); len(r) != 1 || r[0].Count != 3 || !strings.Contains(r[0].Detail, tt.reason) {
					t.Errorf("recovered: %+v", r)
				}
				if got, want := refused.String(), fmt.Sprintf("%s:3 timeout:2", tt.reason); got != want {
					t.Errorf("observer saw refusals %q, want %q", got, want)
				}
				closed(t, j)
				again := open(t, journal.Config{FS: m})
				want := []string{"start", "a", "b", "c", "d", "recovered", "e", "stop"}
				got := names(read(t, again.Read(0)))
				if diff := cmp.Diff(want, got[:len(want)]); diff != "" {
					t.Errorf("log after reopening (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// counter counts refusals by reason.
type counter struct {
	mu      sync.Mutex
	reasons map[string]int
	kinds   map[audit.Kind]int
	lines   int
}

func (c *counter) Committed(entries int, commit, fsync time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines += entries
}

func (c *counter) Appended(k audit.Kind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kinds == nil {
		c.kinds = map[audit.Kind]int{}
	}
	c.kinds[k]++
}

func (c *counter) Refused(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reasons == nil {
		c.reasons = map[string]int{}
	}
	c.reasons[reason]++
}

func (c *counter) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var parts []string
	for _, r := range journal.Reasons() {
		if n := c.reasons[r]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s:%d", r, n))
		}
	}
	return strings.Join(parts, " ")
}

// A sync that fails once: the batch is written to a new segment under the same
// indices, its callers are answered in time, and the descriptor whose sync failed
// is not used again.
func TestSyncFailsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		j := open(t, journal.Config{FS: m})
		add(t, j, "a")
		fault := failing("sync", eio, func(call int) bool { return call == 0 })
		var mu sync.Mutex
		var ops []string
		m.setFault(func(op, name string) memFault {
			mu.Lock()
			defer mu.Unlock()
			if op == "write" || op == "sync" {
				ops = append(ops, op+" "+name[len("segment-0000000000000000000"):])
			}
			return fault(op, name)
		})
		c, err := j.Append(t.Context(), event("b"))
		if err != nil || c.Index != 2 {
			t.Fatalf("append: %+v, %v", c, err)
		}
		if c.Took != 0 {
			t.Errorf("took %v: the first retry must not wait", c.Took)
		}
		add(t, j, "c")
		synctest.Wait()
		m.setFault(nil)
		// The first segment is named for index 0, the second for index 2.
		want := []string{"write 0.jsonl", "sync 0.jsonl", "write 2.jsonl", "sync 2.jsonl"}
		if diff := cmp.Diff(want, ops[:min(len(want), len(ops))]); diff != "" {
			t.Errorf("writes and syncs (-want +got):\n%s", diff)
		}
		for _, op := range ops[2:] {
			if !strings.HasSuffix(op, " 2.jsonl") {
				t.Errorf("%q after the segment was abandoned", op)
			}
		}
		log := read(t, j.Read(0))
		if diff := cmp.Diff([]string{"start", "a", "b", "recovered", "c"}, names(log)); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
		if backward := read(t, j.ReadBackward(3)); len(backward) != 3 || backward[0].ID != "b" {
			t.Errorf("backward over the surplus line: %v", names(backward))
		}
	})
}

func TestSlowSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		j := open(t, journal.Config{FS: m})
		m.setFault(slow("sync", 2*time.Second))

		var wg sync.WaitGroup
		// Callers that come later than the first of their batch have their own time.
		for n, delay := range []time.Duration{0, 0, 100 * time.Millisecond, 240 * time.Millisecond} {
			wg.Go(func() {
				time.Sleep(delay)
				started := time.Now()
				_, err := j.Append(t.Context(), event(fmt.Sprint("slow", n)))
				took := time.Since(started)
				if !errors.Is(err, journal.ErrTimeout) || took > timeout || took < timeout*7/8 {
					t.Errorf("append %d: %v after %v", n, err, took)
				}
			})
		}
		time.Sleep(timeout)
		synctest.Wait()
		_, err := j.Append(t.Context(), event("refused"))
		wantUnavailable(t, err, journal.ReasonTimeout)
		if h := j.Health(); h.OK || h.Reason != journal.ReasonTimeout {
			t.Errorf("health %+v", h)
		}
		wg.Wait()
		m.setFault(nil)
		time.Sleep(5 * time.Second)
		add(t, j, "after")
		log := read(t, j.Read(0))
		if got := strings.Join(names(log), " "); got != "start slow0 slow1 slow2 slow3 recovered after" && got != "start slow1 slow0 slow2 slow3 recovered after" {
			t.Errorf("log: %s", got)
		}
		if r := find(log, "recovered"); len(r) != 1 || r[0].Count != 1 {
			t.Errorf("recovered: %+v", r)
		}
	})
}

// A disk of 30 ms a sync, with a steady stream of callers: nobody times out.
func TestSteadyDiskNeverTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		m.setFault(slow("sync", 30*time.Millisecond))
		j := open(t, journal.Config{FS: m})
		var wg sync.WaitGroup
		for w := range 50 {
			wg.Go(func() {
				for n := range 40 {
					time.Sleep(time.Duration(w*n%7) * time.Millisecond)
					c, err := j.Append(t.Context(), event(fmt.Sprint(w, n)))
					if err != nil || c.Took > 70*time.Millisecond {
						t.Errorf("append: %v after %v", err, c.Took)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestLoneAppendIsNotDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		j := open(t, journal.Config{FS: m})
		m.setFault(slow("sync", time.Millisecond))
		for range 10 {
			c, err := j.Append(t.Context(), event("x"))
			if err != nil || c.Took != time.Millisecond {
				t.Fatalf("append took %v (%v), want the time of one sync", c.Took, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
}

func TestCancelledCallerIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := open(t, journal.Config{FS: newMemFS()})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := j.Append(ctx, event("x")); err != nil {
			t.Fatal(err)
		}
		if got := names(read(t, j.Read(1))); len(got) != 1 || got[0] != "x" {
			t.Errorf("log: %v", got)
		}
	})
}

func TestReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		j := open(t, journal.Config{FS: m, Reserve: 1000})
		add(t, j, "a")
		m.setFree(999)
		time.Sleep(2 * time.Second)
		_, err := j.Append(t.Context(), event("refused"))
		wantUnavailable(t, err, journal.ReasonReserve)
		if h := j.Health(); h.OK || h.Reason != journal.ReasonReserve || h.FreeBytes != 999 {
			t.Errorf("health %+v", h)
		}
		if _, err := j.Settle(t.Context(), event("owed")); err != nil {
			t.Errorf("settle: %v", err)
		}
		j.Record(event("owed too"))
		m.setFree(1000)
		time.Sleep(2 * time.Second)
		add(t, j, "b")
		log := read(t, j.Read(0))
		if diff := cmp.Diff([]string{"start", "a", "owed", "owed too", "recovered", "b"}, names(log)); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
		if r := find(log, "recovered"); r[0].Count != 1 || !strings.Contains(r[0].Detail, "reserve") {
			t.Errorf("recovered: %+v", r[0])
		}
	})
}

func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		j := open(t, journal.Config{FS: m})
		m.setFault(slow("sync", 100*time.Millisecond))
		big := func() *audit.Event {
			e := event("big")
			e.Detail = strings.Repeat("x", 2048)
			return e
		}
		lines := 0
		record := func(bytes int) {
			for n := 0; n < bytes; n += 2048 {
				j.Record(big())
				lines++
			}
		}
		record(journal.MaxQueuedBytes / 2)
		_, err := j.Append(t.Context(), event("refused"))
		wantUnavailable(t, err, journal.ReasonOverload)
		if h := j.Health(); h.OK || h.Reason != journal.ReasonOverload {
			t.Errorf("health %+v", h)
		}
		record(journal.MaxQueuedBytes/2 - 1<<21)
		size := j.Size()
		_, err = j.Settle(t.Context(), big())
		if !errors.Is(err, journal.ErrTimeout) {
			t.Errorf("settle with room for owed lines: %v", err)
		}
		for range 2048 {
			j.Record(big())
		}
		_, err = j.Settle(t.Context(), event("refused"))
		wantUnavailable(t, err, journal.ReasonOverload)
		if j.Size() == size {
			t.Error("no progress")
		}
		time.Sleep(10 * time.Second)
		add(t, j, "after")
		log := read(t, j.Read(0))
		if r := find(log, "recovered"); len(r) != 1 || r[0].Count != 1 {
			t.Errorf("recovered: %+v", r)
		}
		if n := len(log); n < lines || log[n-1].ID != "after" {
			t.Errorf("log of %d lines, want more than %d", n, lines)
		}
	})
}

func TestOpenWhileDiskFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		m.setFault(func(op, name string) memFault {
			if op == "write" && strings.HasPrefix(name, "segment-") {
				return enospc
			}
			return memFault{}
		})
		_, err := journal.Open(t.Context(), journal.Config{Dir: "mem", FS: m})
		if !errors.Is(err, journal.ErrTimeout) || !strings.Contains(err.Error(), "disk_full") {
			t.Errorf("open: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := journal.Open(ctx, journal.Config{Dir: "mem", FS: m}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("open with a deadline: %v", err)
		}
		m.setFault(failing("write", enospc, func(int) bool { return true }))
		for range 2 {
			_, err = journal.Open(t.Context(), journal.Config{Dir: "mem", FS: m})
			if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "keep the end of segment-") {
				t.Errorf("open without room for a torn end: %v", err)
			}
		}
		// All of them have given the lock back.
		m.setFault(nil)
		j := open(t, journal.Config{FS: m})
		if got := names(read(t, j.Read(0))); got[len(got)-1] != "start" {
			t.Errorf("log: %v", got)
		}
	})
}

func TestClose(t *testing.T) {
	t.Run("drains", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := newMemFS()
			j := open(t, journal.Config{FS: m})
			m.setFault(slow("sync", 100*time.Millisecond))
			for n := range 10 {
				j.Record(event(fmt.Sprint(n)))
			}
			closed(t, j)
			closed(t, j)
			_, err := j.Append(t.Context(), event("late"))
			wantUnavailable(t, err, journal.ReasonClosed)
			_, err = j.Settle(t.Context(), event("late"))
			wantUnavailable(t, err, journal.ReasonClosed)
			j.Record(event("late"))
			if h := j.Health(); h.OK || h.Reason != journal.ReasonClosed || h.Since.IsZero() || h.Size != 12 {
				t.Errorf("health %+v", h)
			}
			m.setFault(nil)
			again := open(t, journal.Config{FS: m})
			if diff := cmp.Diff([]string{"start", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "stop", "start"}, names(read(t, again.Read(0)))); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("gives up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := newMemFS()
			j, err := journal.Open(t.Context(), journal.Config{Dir: "mem", FS: m})
			if err != nil {
				t.Fatal(err)
			}
			m.setFault(slow("sync", time.Minute))
			for n := range 10 {
				j.Record(event(fmt.Sprint(n)))
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			started := time.Now()
			err = j.Close(ctx)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "lines are not durable") {
				t.Errorf("close: %v", err)
			}
			if took := time.Since(started); took > 2*time.Second {
				t.Errorf("close took %v", took)
			}
			// A writer that hangs keeps the lock: nobody may write beside it.
			m.setFault(nil)
			_, err = journal.Open(t.Context(), journal.Config{Dir: "mem", FS: m})
			if _, locked := errors.AsType[*journal.LockedError](err); !locked {
				t.Errorf("open beside a hanging writer: %v", err)
			}
			time.Sleep(time.Minute)
			open(t, journal.Config{FS: m})
		})
	})
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := open(t, journal.Config{FS: newMemFS()})
		grown := j.Watch()
		if grown != j.Watch() {
			t.Error("two channels for one moment")
		}
		select {
		case <-grown:
			t.Fatal("closed before anything was appended")
		default:
		}
		add(t, j, "a")
		select {
		case <-grown:
		default:
			t.Fatal("not closed although an entry is durable")
		}
		var followed []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			for next := uint64(1); len(followed) < 100; {
				grown := j.Watch()
				for _, e := range read(t, j.Read(next)) {
					followed = append(followed, e.ID)
					next++
				}
				if len(followed) < 100 {
					<-grown
				}
			}
		}()
		var want []string
		for n := range 100 {
			id := fmt.Sprint("f", n)
			if n == 0 {
				id = "a"
			} else {
				add(t, j, id)
			}
			want = append(want, id)
		}
		<-done
		if diff := cmp.Diff(want, followed); diff != "" {
			t.Errorf("followed (-want +got):\n%s", diff)
		}
	})
}

func TestObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{}
		j := open(t, journal.Config{FS: newMemFS(), Observer: c})
		if _, err := j.Append(t.Context(), intent("a")); err != nil {
			t.Fatal(err)
		}
		add(t, j, "a", "b")
		closed(t, j)
		want := map[audit.Kind]int{audit.KindIntent: 1, audit.KindOutcome: 2, audit.KindSystem: 2}
		if diff := cmp.Diff(want, c.kinds); diff != "" || c.lines != 5 {
			t.Errorf("%d lines, kinds (-want +got):\n%s", c.lines, diff)
		}
	})
}
