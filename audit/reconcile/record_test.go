package reconcile_test

import (
	"context"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/audit/reconcile"
)

// stalled is a log whose disk stalls at the first finding: that is queued, what
// comes then is refused, and all is durable when the disk recovers.
type stalled struct {
	*journal.Journal

	mu       sync.Mutex // guards what follows
	findings int        // that it was given
	refused  int        // events
	at       uint64     // its size while it stalls, 0 else
	grown    chan struct{}
}

func (s *stalled) Append(ctx context.Context, e *audit.Event) (journal.Commit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at > 0 {
		s.refused++
		return journal.Commit{}, &journal.Unavailable{Reason: journal.ReasonIOError}
	}
	commit, err := s.Journal.Append(ctx, e)
	if e.Kind == audit.KindFinding {
		if s.findings++; s.findings == 1 && err == nil {
			s.at, err = commit.Index, journal.ErrTimeout
		}
	}
	return commit, err
}

func (s *stalled) Size() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at > 0 {
		return s.at
	}
	return s.Journal.Size()
}

func (s *stalled) Watch() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at > 0 {
		return s.grown
	}
	return s.Journal.Watch()
}

func (s *stalled) Read(from uint64) iter.Seq2[journal.Line, error] {
	size := s.Size()
	return func(yield func(journal.Line, error) bool) {
		for line, err := range s.Journal.Read(from) {
			if err == nil && line.Index >= size || !yield(line, err) {
				return
			}
		}
	}
}

func (s *stalled) refusals() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

func (s *stalled) recover() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = 0
	close(s.grown)
}

// What the log did not take in time is in it once, and whoever counts need not wait
// for that.
func TestStalledLog(t *testing.T) {
	w := newWorld(t)
	w.call(1)
	w.source.mu.Lock()
	for n := range 3 {
		w.source.records = append(w.source.records, record(9+n, "arn:aws:iam::123456789012:user/other"))
	}
	w.source.mu.Unlock()
	log := &stalled{Journal: w.journal, grown: make(chan struct{})}
	r, _ := w.reconcile(func(c *reconcile.Config) { c.Journal = log })
	await := func(what string, holds func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: it does not come", what)
			}
		}
	}
	await("a finding that the log does not take", func() bool { return log.Size() < w.journal.Size() })
	counted := make(chan map[string]uint64, 1)
	go func() { counted <- r.Counts() }()
	select {
	case counts := <-counted:
		if counts["pending"] != 1 {
			t.Errorf("counts %v", counts)
		}
	case <-time.After(10 * time.Second):
		t.Error("a count waits for the disk")
	}
	await("another try of those that are refused", func() bool { return log.refusals() > 3 })
	log.recover()
	found := func() map[string]int {
		seen := map[string]int{}
		for line, err := range w.journal.Read(0) {
			if err != nil {
				t.Fatal(err)
			}
			if e, err := audit.ParseLine(line.Bytes); err == nil && e.Kind == audit.KindFinding {
				seen[e.CloudTrailEventID]++
			}
		}
		return seen
	}
	await("every finding", func() bool { return len(found()) == 3 })
	for id, n := range found() {
		if n != 1 {
			t.Errorf("record %s is found %d times", id, n)
		}
	}
}
