package index_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// lagObserver keeps what it was told last.
type lagObserver struct {
	lag     atomic.Uint64
	indexed atomic.Int64
}

func (o *lagObserver) Indexed(n int, _ time.Duration) { o.indexed.Add(int64(n)) }
func (o *lagObserver) Lag(n uint64)                   { o.lag.Store(n) }
func (o *lagObserver) Rebuilt(string)                 {}

// TestRun follows a journal that is being written, while queries run.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(t.Context(), journal.Config{Dir: dir, Origin: "test", CommitTimeout: time.Minute, SegmentBytes: 8 << 10, Logger: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	seen := &lagObserver{}
	x, err := index.Open(t.Context(), index.Config{Dir: dir, Source: j, Logger: logger(t), Observer: seen})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var following, querying sync.WaitGroup
	following.Go(func() {
		if err := x.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	for range 3 {
		querying.Go(func() {
			for ctx.Err() == nil {
				page, err := x.Query(t.Context(), index.Filter{Filter: audit.Filter{Principal: "installer-fra1", Q: "aws"}}, "", 3)
				if err != nil {
					t.Error(err)
					return
				}
				for _, e := range page.Entries {
					if e.Event.Principal != "installer-fra1" {
						t.Errorf("found %+v", e.Event)
					}
				}
			}
		})
	}
	for n := range 30 {
		for _, e := range again(n) {
			e.Index = 0
			if _, err := j.Append(t.Context(), &e); err != nil {
				t.Fatal(err)
			}
		}
		if n%10 != 9 {
			continue
		}
		// Whoever waits for the journal's size finds what was appended before.
		if err := x.Wait(t.Context(), j.Size()); err != nil {
			t.Fatal(err)
		}
		list, err := x.Get(t.Context(), again(n)[2].ID)
		if err != nil || len(list) != 5 {
			t.Errorf("%d entries, %v", len(list), err)
		}
	}
	if err := x.Rebuild(t.Context(), nil); err == nil {
		t.Error("an index is rebuilt while it is followed")
	}
	if err := x.Run(ctx); err == nil {
		t.Error("an index is followed twice")
	}
	cancel()
	following.Wait()
	querying.Wait()
	if x.Lag() != 0 || seen.lag.Load() != 0 || seen.indexed.Load() != int64(j.Size()) {
		t.Errorf("lag %d, told %d; indexed %d of %d", x.Lag(), seen.lag.Load(), seen.indexed.Load(), j.Size())
	}
	waiting, stop := context.WithCancel(t.Context())
	stop()
	if err := x.Wait(waiting, j.Size()+1); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v", err)
	}
	if err := errors.Join(x.Close(), j.Close(t.Context())); err != nil {
		t.Error(err)
	}

	// Another process, without the journal: the stop event is not indexed.
	r, err := index.OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	position, err := r.Position(t.Context())
	if err != nil || position != j.Size()-1 {
		t.Errorf("position %d, %v; the journal has %d", position, err, j.Size())
	}
	entries := 0
	for cursor, more := "", true; more; { // on a busy machine a page may be short
		page, err := r.Query(t.Context(), index.Filter{Filter: audit.Filter{Connection: "aB+/c9=="}}, cursor, 1000)
		if err != nil {
			t.Fatal(err)
		}
		entries += len(page.Entries)
		cursor, more = page.Next, page.Next != ""
	}
	if entries != 60 {
		t.Errorf("%d entries", entries)
	}
}

func TestRebuild(t *testing.T) {
	l := newTestLog(t, t.TempDir())
	l.append(story()...)
	src, err := index.Directory(l.dir)
	if err != nil {
		t.Fatal(err)
	}
	l.append(again(1)...)
	x, err := index.Open(t.Context(), index.Config{Dir: l.dir, Source: src, Logger: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	var told [][2]uint64
	for range 2 {
		told = nil
		if err := x.Rebuild(t.Context(), func(done, total uint64) { told = append(told, [2]uint64{done, total}) }); err != nil {
			t.Fatal(err)
		}
	}
	if want := [][2]uint64{{10, 10}}; !slices.Equal(told, want) {
		t.Errorf("progress %v, want %v", told, want)
	}
	l.events, l.size = l.events[:10], 10
	check(t, x, l)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := x.Rebuild(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Rebuild that is cancelled: %v", err)
	}
	if err := x.Rebuild(t.Context(), nil); err != nil {
		t.Error(err)
	}
	check(t, x, l)
}

// countingLog counts the reads that are not the follower's.
type countingLog struct {
	*testLog
	reads atomic.Int64
}

func (l *countingLog) Read(from uint64) iter.Seq2[journal.Line, error] {
	l.reads.Add(1)
	return l.testLog.Read(from)
}

// TestManyChunks indexes enough for several chunks and transactions, over
// segments that end anywhere.
func TestManyChunks(t *testing.T) {
	l := &countingLog{testLog: newTestLog(t, t.TempDir())}
	g := newTraffic()
	var events []audit.Event
	for len(events) < 2*index.ChunkRows+5000 {
		events = g.next(events)
	}
	x, err := index.Open(t.Context(), index.Config{Dir: l.dir, Source: l, Logger: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	x.SetTransaction(index.ChunkRows/2 + 100)
	cuts := []int{0, 10, 5000, 5001, index.ChunkRows, index.ChunkRows + 1, 2*index.ChunkRows - 1, 2*index.ChunkRows + 7, len(events)}
	for n, from := range cuts[:len(cuts)-1] {
		l.segment(uint64(from))
		l.append(events[from:cuts[n+1]]...)
		// In some places a transaction sees several segments at once.
		if n%3 != 1 {
			step(t, x)
		}
	}
	step(t, x)
	l.reads.Store(0)
	type filter = audit.Filter
	for _, f := range []filter{
		{},
		{Principal: "installer-150"},
		{Cache: audit.CacheMiss, Region: "eu-west-1"},
		{Cache: audit.CacheHit, Decision: audit.Deny},
		{State: "missing"},
		{State: "matched", Principal: "installer-010"},
		{Kind: audit.KindVerdict, State: "missing"},
		{Since: l.events[index.ChunkRows].Time, Until: l.events[index.ChunkRows+9000].Time, Principal: "installer-003"},
		{Connection: l.events[100].ConnectionID},
		{RequestID: l.events[200].ID},
		{Q: "c9+4"},
		{Q: "installer-19", Cache: audit.CacheMiss},
		{Q: "GO-V2/1.7."},
	} {
		x.SetBudget(time.Minute)
		found, states := all(t, x.Reader, index.Filter{Filter: f}, 1000)
		want, wantStates := scan(l.events, index.Filter{Filter: f})
		if !slices.Equal(want, found) {
			t.Errorf("%+v: %d entries, want %d", f, len(found), len(want))
		}
		if !slices.Equal(states, wantStates) {
			t.Errorf("%+v: states differ", f)
		}
	}
	if n := l.reads.Load(); n > 0 {
		t.Errorf("%d lines were looked for in the journal, although their places are known", n)
	}
	compareCounts(t, x, l.events)
}

// TestQueryPauses returns from a search that takes long, and goes on.
func TestQueryPauses(t *testing.T) {
	l := newTestLog(t, t.TempDir())
	for n := range 20 {
		l.append(again(n)...)
	}
	x := open(t, l)
	step(t, x)
	x.SetBudget(-time.Second)
	f := index.Filter{Filter: audit.Filter{Q: "zz"}}
	pages, cursor := 0, ""
	for {
		page, err := x.Query(t.Context(), f, cursor, 10)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		if len(page.Entries) > 0 {
			t.Fatalf("found %+v", page.Entries)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if want := len(l.events) / 2; pages < want {
		t.Errorf("%d pages: a query without time looks at more than one entry", pages)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.Query(cancelled, f, "", 10); !errors.Is(err, context.Canceled) {
		t.Errorf("a query that is cancelled: %v", err)
	}
}

// TestPrunedLines takes lines away that are indexed.
func TestPrunedLines(t *testing.T) {
	l := newTestLog(t, t.TempDir())
	l.append(story()...)
	l.segment(l.size)
	l.append(again(1)...)
	x := open(t, l)
	step(t, x)
	remove(t, l.dir+"/segment-00000000000000000000.jsonl")
	f := index.Filter{}
	found, _ := all(t, x.Reader, f, 2)
	want, _ := scan(l.events[10:], f)
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := x.At(t.Context(), 3); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("At: %v", err)
	}
	if _, err := x.Get(t.Context(), idMiss); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
	if _, err := x.Get(t.Context(), again(1)[2].ID); err != nil {
		t.Errorf("Get: %v", err)
	}
	// What was counted stays counted, and the index is the log's.
	l.append(audit.Event{ID: "s4", Kind: audit.KindSystem, Time: noon})
	var rebuilt []string
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = open(t, l, &rebuilt)
	step(t, x)
	if len(rebuilt) > 0 {
		t.Errorf("rebuilt: %v", rebuilt)
	}
	if page, err := x.Query(t.Context(), f, "", 1); err != nil || page.Entries[0].Event.ID != "s4" {
		t.Errorf("%+v, %v", page, err)
	}
}

// TestChangedLines changes the log under the index: a line that is no event any
// more is counted and passed over, another event makes the index start anew.
func TestChangedLines(t *testing.T) {
	l := newTestLog(t, t.TempDir())
	l.append(story()...)
	var rebuilt []string
	x := open(t, l, &rebuilt)
	step(t, x)
	path := l.dir + "/segment-00000000000000000000.jsonl"
	replace := func(from, to string) {
		sound, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes.ReplaceAll(sound, []byte(from), []byte(to)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := index.Filter{Filter: audit.Filter{Operation: "GetConnection"}}
	for _, to := range []string{`"cache":"hit";`, `{"v":2,"index":3,"`} {
		from := `"cache":"hit",`
		if to[0] == '{' {
			from = `{"v":1,"index":3,"`
		}
		replace(from, to)
		page, err := x.Query(t.Context(), f, "", 10)
		if err != nil || len(page.Entries) != 2 || page.Unreadable != 1 {
			t.Errorf("%s: %d entries, %d unreadable, %v", to, len(page.Entries), page.Unreadable, err)
		}
		if _, err := x.At(t.Context(), 3); err == nil {
			t.Errorf("%s: At returns what is no event", to)
		}
		if _, err := x.Get(t.Context(), idHit); err == nil {
			t.Errorf("%s: Get returns what is no event", to)
		}
		if _, _, err := x.Callers(t.Context(), "", 10); err != nil {
			t.Errorf("%s: %v", to, err)
		}
		replace(to, from)
	}
	if len(rebuilt) != 1 {
		t.Fatalf("rebuilt: %v", rebuilt)
	}
	replace(`"decision":"deny"`, `"decision":"okay"`)
	l.events[4].Decision = "okay"
	if _, err := x.Query(t.Context(), f, "", 10); err != nil {
		t.Errorf("a query that does not ask for what was changed: %v", err)
	}
	if _, err := x.Query(t.Context(), index.Filter{Filter: audit.Filter{Decision: audit.Deny}}, "", 10); err == nil {
		t.Error("the change is not noticed")
	}
	step(t, x)
	check(t, x, l)
}

func TestOpenReader(t *testing.T) {
	l := newTestLog(t, t.TempDir())
	if _, err := index.OpenReader(t.Context(), l.dir); !errors.Is(err, index.ErrUnusable) {
		t.Errorf("without an index: %v", err)
	}
	l.append(story()...)
	x := open(t, l)
	r, err := index.OpenReader(t.Context(), l.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if p, err := r.Position(t.Context()); err != nil || p != 0 {
		t.Errorf("position %d, %v", p, err)
	}
	// The other process's index grows.
	step(t, x)
	if p, err := r.Position(t.Context()); err != nil || p != 10 {
		t.Errorf("position %d, %v", p, err)
	}
	found, _ := all(t, r, index.Filter{}, 3)
	want, _ := scan(l.events, index.Filter{})
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	again, err := index.OpenReader(t.Context(), l.dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	// The log is rolled back.
	l.segment(0)
	l.append(story()[:2]...)
	if _, err := index.OpenReader(t.Context(), l.dir); !errors.Is(err, index.ErrUnusable) {
		t.Errorf("for another log: %v", err)
	}
}
