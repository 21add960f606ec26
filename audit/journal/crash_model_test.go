package journal_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// TestCrashModel drives journals over the model disk, with faults, kills and
// power cuts at random moments, and holds the log against what was acknowledged.
func TestCrashModel(t *testing.T) {
	seeds := 150
	if s := os.Getenv("GATEPOST_TEST_SEEDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		seeds = n
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("seed %d", seed)
				}
			}()
			newHistory(uint64(seed)).run(t)
		})
		if t.Failed() {
			return
		}
	}
}

// history is a log's life over several processes, and what they were told.
type history struct {
	fs   *memFS
	rand *rand.Rand

	mu    sync.Mutex
	clock int // orders submissions and acknowledgements
	acks  []ack
	// pruned is the index before which entries may be gone.
	pruned uint64
}

type ack struct {
	index            uint64
	id               string
	kind             audit.Kind
	submitted, acked int
}

func newHistory(seed uint64) *history {
	return &history{fs: newMemFS(), rand: rand.New(rand.NewPCG(seed, 1))}
}

func (h *history) tick() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	return h.clock
}

func (h *history) config() journal.Config {
	c := journal.Config{Dir: "mem", Origin: "model", FS: h.fs, SegmentBytes: 4096 + h.rand.Int64N(3)*8192}
	if h.rand.IntN(2) == 0 {
		return c // nothing is old enough to be compressed
	}
	return c.Packing(time.Millisecond, time.Duration(1+h.rand.IntN(10))*time.Millisecond)
}

func (h *history) run(t *testing.T) {
	for range 1 + h.rand.IntN(4) {
		if h.rand.IntN(3) == 0 {
			h.fs.setFault(h.randomFaults(40))
		}
		j, err := journal.Open(t.Context(), h.config())
		if err != nil {
			// A fault while opening: the process gives up and is started again.
			h.crash()
			haunt()
			continue
		}
		h.fs.setFault(h.randomFaults(10 + h.rand.IntN(60)))
		h.live(t, j)
		if t.Failed() {
			return
		}
	}
	h.fs.setFault(nil)
	j, err := journal.Open(t.Context(), h.config())
	if err != nil {
		t.Fatalf("open at last: %v", err)
	}
	defer func() {
		// After a failure too: a bubble ends with its last goroutine.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = j.Close(ctx)
	}()
	h.check(t, j)
	if err := j.Close(t.Context()); err != nil {
		t.Errorf("close at last: %v", err)
	}
}

// randomFaults fails one call in n of those that matter.
func (h *history) randomFaults(n int) func(string, string) memFault {
	if h.rand.IntN(3) == 0 {
		return nil
	}
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(h.rand.Uint64(), 2))
	return func(op, _ string) memFault {
		mu.Lock()
		hit, kind, delay := r.IntN(n) == 0, r.IntN(4), r.IntN(20) == 0
		short := r.IntN(2000)
		mu.Unlock()
		switch {
		case delay && (op == "sync" || op == "write"):
			time.Sleep(time.Duration(short) * time.Microsecond * 300)
		case !hit || op == "read" || op == "names":
		case kind == 0:
			return memFault{err: syscall.ENOSPC, short: short}
		case kind == 1 && op == "write":
			return memFault{err: errShort, short: short}
		default:
			return memFault{err: syscall.EIO, short: short}
		}
		return memFault{}
	}
}

// live appends from several goroutines until the process ends, one way or another.
func (h *history) live(t *testing.T, j *journal.Journal) {
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for w := range 1 + h.rand.IntN(6) {
		r := rand.New(rand.NewPCG(h.rand.Uint64(), 3))
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				h.call(t, j, r, fmt.Sprintf("w%d-%d-%d", w, n, r.Uint64()))
				time.Sleep(time.Duration(r.IntN(2000)) * time.Microsecond)
			}
		})
	}
	if h.rand.IntN(3) == 0 {
		pause, part := time.Duration(h.rand.IntN(60_000))*time.Microsecond, h.rand.Uint64N(100)
		wg.Go(func() {
			time.Sleep(pause)
			h.prune(t, j, j.Size()*part/100)
		})
	}
	time.Sleep(time.Duration(h.rand.IntN(60_000)) * time.Microsecond)
	if h.rand.IntN(4) == 0 {
		close(stop)
		wg.Wait()
		h.fs.setFault(nil)
		if err := j.Close(t.Context()); err != nil {
			t.Errorf("close: %v", err)
		}
		return
	}
	h.crash()
	close(stop)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = j.Close(ctx) // ends the goroutines of the dead process
	wg.Wait()
	haunt()
}

func (h *history) crash() {
	if h.rand.IntN(3) == 0 {
		h.fs.kill()
	} else {
		h.fs.powerCut(h.rand)
	}
	h.fs.setFault(nil)
}

// haunt lets what the dead process was waiting for come back to it, without
// effect.
func haunt() { time.Sleep(2 * time.Second) }

// call records an intent and its outcome, or a lone outcome, as the proxy would.
func (h *history) call(t *testing.T, j *journal.Journal, r *rand.Rand, id string) {
	e := audit.Event{ID: id, Kind: audit.KindOutcome, UserAgent: string(make([]byte, r.IntN(150)))}
	if r.IntN(2) == 0 {
		e.Kind = audit.KindIntent
		err := h.record(t, j.Append, e)
		e.Kind = audit.KindOutcome
		if errors.Is(err, journal.ErrTimeout) {
			j.Record(&e)
		}
		if err != nil {
			return
		}
		if r.IntN(10) == 0 {
			return // the caller crashed: outcome unknown
		}
		_ = h.record(t, j.Settle, e)
		return
	}
	_ = h.record(t, j.Append, e)
}

// prune removes the segments before an index.
func (h *history) prune(t *testing.T, j *journal.Journal, before uint64) {
	e := audit.Event{ID: fmt.Sprint("prune-", before), Kind: audit.KindAdmin, Action: journal.ActionPrune, Count: before}
	if err := h.record(t, j.Append, e); err != nil {
		return // which nothing may be removed after
	}
	h.mu.Lock()
	index := h.acks[slices.IndexFunc(h.acks, func(a ack) bool { return a.id == e.ID })].index
	h.pruned = max(h.pruned, before)
	h.mu.Unlock()
	_, _ = j.Prune(index) // the disk may fail
}

func (h *history) record(t *testing.T, record func(context.Context, *audit.Event) (journal.Commit, error), e audit.Event) error {
	submitted := h.tick()
	started := time.Now()
	c, err := record(t.Context(), &e)
	took := time.Since(started)
	if took > 250*time.Millisecond {
		t.Errorf("record took %v", took)
	}
	if err != nil {
		if _, refused := errors.AsType[*journal.Unavailable](err); !refused && !errors.Is(err, journal.ErrTimeout) {
			t.Errorf("record: %v", err)
		}
		return err
	}
	if c.Index != e.Index {
		t.Errorf("commit of index %d, event has %d", c.Index, e.Index)
	}
	acked := h.tick()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acks = append(h.acks, ack{c.Index, e.ID, e.Kind, submitted, acked})
	return nil
}

// check holds the log against the acknowledgements.
func (h *history) check(t *testing.T, j *journal.Journal) {
	size := j.Size()
	var log []audit.Event
	first := uint64(0)
	for line, err := range j.Read(0) {
		if gone, ok := errors.AsType[*journal.MissingError](err); ok && gone.Pruned && gone.First == 0 && gone.Last < h.pruned {
			first = gone.Last + 1
			continue
		}
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		e, err := audit.ParseLine(line.Bytes)
		if err != nil {
			t.Fatalf("entry %d: %v", line.Index, err)
		}
		if line.Index != first+uint64(len(log)) || e.Index != line.Index {
			t.Fatalf("entry %d stands at %d", e.Index, first+uint64(len(log)))
		}
		log = append(log, e)
	}
	if first+uint64(len(log)) < size {
		t.Fatalf("read %d entries behind entry %d, of %d", len(log), first, size)
	}
	for _, a := range h.acks {
		if a.index < first {
			continue
		}
		if a.index-first >= uint64(len(log)) {
			t.Fatalf("acknowledged entry %d (%s) is lost: the log has %d", a.index, a.id, first+uint64(len(log)))
		}
		if e := log[a.index-first]; e.ID != a.id || e.Kind != a.kind {
			t.Fatalf("acknowledged entry %d was %s of %s, is %s of %s", a.index, a.kind, a.id, e.Kind, e.ID)
		}
	}
	// If a was acknowledged before b was submitted, a stands before b.
	latest := map[int]uint64{}
	for _, a := range h.acks {
		latest[a.acked] = a.index
	}
	highest := make([]uint64, h.clock+1)
	for c := 1; c <= h.clock; c++ {
		highest[c] = max(highest[c-1], latest[c])
	}
	for _, b := range h.acks {
		if before := highest[b.submitted]; before > 0 && before >= b.index {
			t.Fatalf("entry %d was acknowledged before entry %d was submitted", before, b.index)
		}
	}
	open := map[string]bool{}
	for _, e := range log {
		switch e.Kind {
		case audit.KindIntent:
			open[e.ID] = true
		case audit.KindOutcome:
			delete(open, e.ID)
		}
	}
	if len(open) > 0 {
		t.Fatalf("intents without outcome after recovery: %v", open)
	}
	n := first + uint64(len(log))
	for line, err := range j.ReadBackward(n) {
		if gone, ok := errors.AsType[*journal.MissingError](err); ok && gone.Pruned && gone.First == 0 && gone.Last == first-1 {
			break
		}
		if err != nil {
			t.Fatalf("read backward: %v", err)
		}
		if n--; line.Index != n {
			t.Fatalf("read backward: entry %d, want %d", line.Index, n)
		}
	}
	if n != first {
		t.Fatalf("read backward ended at %d", n)
	}
}
