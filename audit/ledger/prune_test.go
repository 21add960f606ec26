package ledger_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// oldLog makes a signed log of events that are a minute apart, the newest of them
// a minute old, in segments of so many entries.
func oldLog(t testing.TB, dir string, size, each int) (verifierKey string) {
	t.Helper()
	all := make([][]byte, size)
	first := time.Now().Add(-time.Duration(size) * time.Minute)
	for i := range all {
		e := event(uint64(i), "")
		e.Time = first.Add(time.Duration(i) * time.Minute)
		all[i] = audit.AppendLine(nil, e)
	}
	return makeLog(t, dir, all, each)
}

func plan(t testing.TB, dir string, before time.Time) *ledger.PrunePlan {
	t.Helper()
	p, err := ledger.PlanPrune(t.Context(), ledger.PruneOptions{Dir: dir, Before: before})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlanPrune(t *testing.T) {
	ago := func(minutes int) time.Time { return time.Now().Add(-time.Duration(minutes) * time.Minute) }
	tests := []struct {
		name       string
		size, each int
		before     time.Time
		keep       uint64
		why        string
	}{
		{"all old, up to the newest segment", 1024, 100, ago(0), 800, "entry 845 is of"},
		{"nothing is older", 1000, 100, ago(2000), 0, "entry 0 is of"},
		{"one entry too young for the second segment", 1000, 100, ago(1000 - 199), 100, "entry 199 is of"},
		{"the second segment just old enough", 1000, 100, ago(1000 - 201), 200, "entry 201 is of"},
		{"a tile that is not complete", 700, 100, ago(0), 500, "entry 599 is in no complete tile"},
		{"an incomplete tile", 300, 40, ago(0), 120, "entry 121 is of"},
		{"one segment", 600, 600, ago(0), 0, "written to"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			oldLog(t, dir, tt.size, tt.each)
			p := plan(t, dir, tt.before)
			if p.First != 0 || p.Keep != tt.keep || p.Segments != int(tt.keep)/tt.each || !strings.Contains(p.Why, tt.why) {
				t.Errorf("%+v", p)
			}
		})
	}
}

// Entries whose tile no checkpoint covers as a whole stay, however old they are.
func TestPlanPruneNeedsTiles(t *testing.T) {
	dir := t.TempDir()
	makeLog(t, dir, lines(600, ""), 100) // all of it is old
	if p := plan(t, dir, time.Now()); p.Keep != 500 || !strings.Contains(p.Why, "written to") {
		t.Errorf("%+v", p)
	}
	// 500 entries need tiles 0 and 1; a log that was signed to 511 has only one.
	dir = t.TempDir()
	makeLog(t, dir, lines(511, ""), 100)
	writeSegments(t, dir, lines(600, ""), 100)
	if p := plan(t, dir, time.Now()); p.Keep != 200 || !strings.Contains(p.Why, "entry 299 is in no complete tile") {
		t.Errorf("%+v", p)
	}
	mustRemove(t, filepath.Join(dir, "ledger", "tile", "0", "000"))
	if _, err := ledger.PlanPrune(t.Context(), ledger.PruneOptions{Dir: dir, Before: time.Now()}); err == nil {
		t.Error("lines are removed of which there is no tile")
	}
}

// A log that is not what was signed is not pruned: it would take the evidence.
func TestPlanPruneRefuses(t *testing.T) {
	tests := map[string]func(t *testing.T, dir string){
		"a changed line": func(t *testing.T, dir string) {
			path := filepath.Join(dir, segmentName(100))
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			mustWrite(t, path, bytes.Replace(b, []byte("installer-fra1"), []byte("installer-fra2"), 1))
		},
		"a missing segment": func(t *testing.T, dir string) { mustRemove(t, filepath.Join(dir, segmentName(100))) },
		"a changed tile": func(t *testing.T, dir string) {
			path := filepath.Join(dir, "ledger", "tile", "0", "000")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[700]++
			mustWrite(t, path, b)
		},
		"no checkpoint": func(t *testing.T, dir string) { mustRemove(t, filepath.Join(dir, "ledger", "checkpoint")) },
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			makeLog(t, dir, lines(1000, ""), 100)
			damage(t, dir)
			p, err := ledger.PlanPrune(t.Context(), ledger.PruneOptions{Dir: dir, Before: time.Now()})
			if err == nil {
				t.Fatalf("%+v", p)
			}
			t.Log(err)
		})
	}
}

// prune opens a log, prunes it, and closes it.
func prune(t testing.TB, dir string, p *ledger.PrunePlan) (record uint64) {
	t.Helper()
	j := openJournal(t, dir)
	l := open(t, ledger.Config{Dir: dir, Source: ledger.JournalSource(j, dir)})
	record, err := l.Prune(t.Context(), j, p, "local:test")
	if err := errors.Join(err, j.Close(t.Context()), l.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	return record
}

func TestPrune(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	key := oldLog(t, dir, 1000, 100)
	kept := filepath.Join(t.TempDir(), "checkpoint")
	checkpoint, err := os.ReadFile(filepath.Join(dir, "ledger", "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, kept, checkpoint)
	early, err := ledger.ProveDir(dir, 42)
	if err != nil {
		t.Fatal(err)
	}
	line42 := lineOf(t, dir, 42)

	p := plan(t, dir, time.Now().Add(-500*time.Minute))
	if p.Keep != 500 || p.Segments != 5 || p.Entries() != 500 {
		t.Fatalf("%+v", p)
	}
	record := prune(t, dir, p)
	var e audit.Event
	if err := json.Unmarshal(lineOf(t, dir, record), &e); err != nil {
		t.Fatal(err)
	}
	if e.Kind != audit.KindAdmin || e.Action != journal.ActionPrune || e.Count != 500 || e.Principal != "local:test" || !strings.Contains(e.Detail, "entries 0 to 499") {
		t.Errorf("recorded: %+v", e)
	}

	check := func() {
		t.Helper()
		r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}, Checkpoints: []string{kept}})
		if r.Verdict != ledger.Sound || r.First != 500 || r.Pruned != 500 || r.Uncovered != 0 {
			t.Errorf("verify: %s, first %d, pruned %d, uncovered %d", describe(r), r.First, r.Pruned, r.Uncovered)
		}
		if receipt, err := ledger.CheckProof(early, nil, key); err != nil || receipt.Index != 42 {
			t.Errorf("a proof made before: %v", err)
		}
		now, err := ledger.ProveDir(dir, 42)
		if err != nil {
			t.Fatal(err)
		}
		if proof, err := ledger.ParseProof(now); err != nil || proof.Line != nil {
			t.Errorf("a proof of a pruned entry carries %q, %v", proof.Line, err)
		}
		if _, err := ledger.CheckProof(now, line42, key); err != nil {
			t.Errorf("a proof of a pruned entry with its line: %v", err)
		}
	}
	check()

	// Tiles are made again, with what those of level 0 have of the pruned lines.
	mustRemove(t, filepath.Join(dir, "ledger", "tile", "1"))
	j := openJournal(t, dir)
	l := open(t, ledger.Config{Dir: dir, Source: ledger.JournalSource(j, dir)})
	if err := errors.Join(j.Close(t.Context()), l.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	check()

	// Pruned again, with what is old by then.
	p = plan(t, dir, time.Now().Add(-300*time.Minute))
	if p.First != 500 || p.Keep != 700 {
		t.Fatalf("%+v", p)
	}
	prune(t, dir, p)
	r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}, Checkpoints: []string{kept}})
	if r.Verdict != ledger.Sound || r.First != 700 || r.Pruned != 700 {
		t.Errorf("pruned again: %s, first %d, pruned %d", describe(r), r.First, r.Pruned)
	}

	// A record that no checkpoint covers excuses nothing.
	mustRemove(t, filepath.Join(dir, segmentName(700)))
	j = openJournalQuietly(t, dir)
	if j != nil {
		t.Fatal("a log with less than it kept opens")
	}
	newest := newestSegment(t, dir)
	size := nextIndex(t, dir)
	f, err := os.OpenFile(newest, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	forged := audit.AppendLine(nil, &audit.Event{
		Index: size, ID: "f", Kind: audit.KindAdmin, Time: time.Now(), Origin: origin, Action: journal.ActionPrune, Count: 800,
	})
	if _, err := f.Write(append(forged, '\n')); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r = verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}})
	if index, ok := r.FirstBad(); r.Verdict != ledger.NotSound || !ok || index > 700 {
		t.Errorf("a forged record of a prune: %s", describe(r))
	}
}

func openJournalQuietly(t testing.TB, dir string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), journal.Config{Dir: dir, Origin: origin})
	if err != nil {
		return nil
	}
	return j
}

func lineOf(t testing.TB, dir string, index uint64) []byte {
	t.Helper()
	for l, err := range journal.ReadDir(dir, index) {
		if err != nil || l.Index != index {
			t.Fatalf("entry %d: %v", index, err)
		}
		return bytes.Clone(l.Bytes)
	}
	t.Fatalf("there is no entry %d", index)
	return nil
}

func newestSegment(t testing.TB, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "segment-*"))
	if err != nil || len(names) == 0 {
		t.Fatal(err)
	}
	return names[len(names)-1]
}

func nextIndex(t testing.TB, dir string) (next uint64) {
	t.Helper()
	for l, err := range journal.ReadDir(dir, 0) {
		if _, missing := errors.AsType[*journal.MissingError](err); missing {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		next = l.Index + 1
	}
	return next
}

// A plan that does not fit the log any more is not carried out.
func TestPruneOfAnotherLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	oldLog(t, dir, 1000, 100)
	before := plan(t, dir, time.Now().Add(-500*time.Minute))
	prune(t, dir, before)
	size := nextIndex(t, dir)
	j := openJournal(t, dir)
	l := open(t, ledger.Config{Dir: dir, Source: ledger.JournalSource(j, dir)})
	for name, p := range map[string]*ledger.PrunePlan{
		"carried out before": before, "not at a segment's end": {First: 500, Keep: 555}, "nothing": {First: 500, Keep: 500}, "unsigned": {First: 500, Keep: 100_000},
	} {
		if _, err := l.Prune(t.Context(), j, p, ""); err == nil {
			t.Errorf("%s: it is carried out", name)
		}
	}
	if err := errors.Join(j.Close(t.Context()), l.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	// Two starts and stops.
	if got := nextIndex(t, dir); got != size+2 {
		t.Errorf("the log has %d entries, want %d", got, size+2)
	}
}

// The record is signed before anything is removed.
func TestPruneThatCannotBeSigned(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	oldLog(t, dir, 1000, 100)
	p := plan(t, dir, time.Now().Add(-500*time.Minute))
	j := openJournal(t, dir)
	l := open(t, ledger.Config{Dir: dir, Source: ledger.JournalSource(j, dir), Logger: slog.New(slog.DiscardHandler)})
	// The last checkpoint is not the one that was signed: nothing is signed then.
	mustWrite(t, filepath.Join(dir, "ledger", "checkpoint"), []byte("x"))
	if _, err := l.Prune(t.Context(), j, p, ""); err == nil {
		t.Error("no error")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_ = errors.Join(j.Close(ctx), l.Close(ctx)) // refuses to sign
	for first := range 10 {
		if _, err := os.Stat(filepath.Join(dir, segmentName(100*first))); err != nil {
			t.Error(fmt.Errorf("removed all the same: %w", err))
		}
	}
}
