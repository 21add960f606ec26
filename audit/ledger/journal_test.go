package ledger_test

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

func openJournal(t testing.TB, dir string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), journal.Config{
		Dir: dir, Origin: origin, SegmentBytes: 64 << 10, CommitTimeout: 30 * time.Second,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// A real journal, many writers, rotation, restarts; verified while it is written
// and afterwards. Every event can be proved from the moment its Append returned.
func TestWithJournal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	elsewhere := t.TempDir()
	history := filepath.Join(elsewhere, "history")
	sink := ledger.FileSink(filepath.Join(elsewhere, "checkpoint"), history)
	key := ""
	for run := range 3 {
		j := openJournal(t, dir)
		l := open(t, ledger.Config{
			Dir: dir, Source: ledger.JournalSource(j, dir), Interval: 5 * time.Millisecond, Sinks: []ledger.Sink{sink},
		})
		key = l.VerifierKey()
		running := make(chan error, 1)
		go func() { running <- l.Run(t.Context()) }()

		var writers sync.WaitGroup
		for w := range 4 {
			writers.Go(func() {
				for i := range 100 {
					e := event(0, fmt.Sprintf("-%d-%d-%d", run, w, i))
					commit, err := j.Append(t.Context(), e)
					if err != nil {
						t.Error(err)
						return
					}
					if i%10 > 0 {
						continue
					}
					text, err := l.Prove(t.Context(), commit.Index)
					if err != nil {
						t.Error(err)
						return
					}
					r, err := ledger.CheckProof(text, nil, key)
					if err != nil || r.Index != commit.Index || r.Event.Principal != e.Principal {
						t.Errorf("receipt of event %d is %+v, %v", commit.Index, r, err)
					}
				}
			})
		}
		for range 10 {
			r, err := ledger.Verify(t.Context(), ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}})
			if err != nil || r.Verdict != ledger.Sound {
				t.Errorf("beside the writer: %v\n%s", err, describe(r))
			}
		}
		writers.Wait()
		if err := errors.Join(j.Close(t.Context()), l.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
		if err := <-running; err != nil {
			t.Error(err)
		}
		r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}, Checkpoints: []string{history, filepath.Join(elsewhere, "checkpoint")}})
		// 400 events, a start and a stop a run, and what rotation adds.
		if r.Verdict != ledger.Sound || r.Uncovered != 0 || r.Size < uint64(402*(run+1)) {
			t.Errorf("%d entries, %d uncovered, %s", r.Size, r.Uncovered, describe(r))
		}
		if len(r.Kept) < 2 {
			t.Errorf("%d checkpoints were kept", len(r.Kept))
		}
	}

	last := uint64(0)
	for line, err := range journal.ReadDir(dir, 0) {
		if err != nil {
			t.Fatal(err)
		}
		last = line.Index
	}
	text, err := ledger.ProveDir(dir, last)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := ledger.CheckProof(text, nil, key); err != nil || r.Event.Kind != audit.KindSystem || r.Event.Action != "stop" {
		t.Errorf("the last entry is %+v, %v", r, err)
	}
}
