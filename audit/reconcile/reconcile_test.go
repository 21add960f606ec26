package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/archive"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/audit/reconcile"
)

const (
	region   = "us-west-2"
	account  = "123456789012"
	identity = "arn:aws:iam::123456789012:user/gatepost"
)

// world is a log, an archive and a source, over the restarts of what reconciles
// them.
type world struct {
	t       *testing.T
	dir     string
	journal *journal.Journal
	archive *archive.Archive
	source  *source
	found   *observed
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	j, err := journal.Open(t.Context(), journal.Config{Dir: dir, Origin: "gatepost/test", CommitTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close(context.WithoutCancel(t.Context())) })
	w := &world{t: t, dir: dir, journal: j, source: &source{}, found: &observed{}}
	w.openArchive()
	return w
}

func (w *world) openArchive() {
	w.t.Helper()
	a, err := archive.Open(w.t.Context(), archive.Config{Dir: w.dir})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { a.Close() })
	w.archive = a
}

// reconcile runs a reconciler until the test says stop.
func (w *world) reconcile(edit ...func(*reconcile.Config)) (r *reconcile.Reconciler, stop func()) {
	w.t.Helper()
	c := reconcile.Config{
		Journal: w.journal, Archive: w.archive, Sources: []reconcile.Source{{Name: region, Source: w.source}}, PollInterval: 10 * time.Millisecond,
		Correlate: correlate.Config{LateAfter: time.Minute, SettleAfter: time.Hour, Grace: time.Second, Origin: "gatepost/test"}, Observer: w.found,
	}
	for _, e := range edit {
		e(&c)
	}
	r, err := reconcile.Open(w.t.Context(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			if err := <-done; err != nil {
				w.t.Error(err)
			}
		}
	}
	w.t.Cleanup(stop)
	return r, stop
}

func (w *world) append(events ...audit.Event) {
	w.t.Helper()
	for i := range events {
		if _, err := w.journal.Append(w.t.Context(), &events[i]); err != nil {
			w.t.Fatal(err)
		}
	}
}

// call appends a call that AWS answered.
func (w *world) call(n int) (id string) {
	w.t.Helper()
	now := time.Now()
	e := audit.Event{
		ID: audit.NewID(now), Kind: audit.KindIntent, Time: now, Principal: "p", Operation: "GetConnection", ReadOnly: true, Region: region, ConnectionID: fmt.Sprint("conn", n),
		Decision: audit.Allow, Cache: audit.CacheMiss, Upstream: &audit.Upstream{Account: account, IdentityARN: identity},
	}
	w.append(e)
	e.Kind, e.Status, e.Attempts = audit.KindOutcome, 200, []audit.Attempt{{RequestID: requestID(n), Status: 200}}
	w.append(e)
	return e.ID
}

func (w *world) hit() {
	w.t.Helper()
	now := time.Now()
	w.append(audit.Event{ID: audit.NewID(now), Kind: audit.KindOutcome, Time: now, Operation: "GetConnection", ReadOnly: true, Region: region, Decision: audit.Allow,
		Cache: audit.CacheHit, Fill: &audit.Fill{RequestID: requestID(1)}, Status: 200})
}

func requestID(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// record is CloudTrail's of a call, ours or somebody else's.
func record(n int, arn string) cloudtrail.Record {
	return cloudtrail.Record{
		EventVersion: "1.11", EventID: fmt.Sprintf("11111111-0000-4000-8000-%012d", n), EventTime: time.Now().Truncate(time.Second), EventSource: cloudtrail.EventSource,
		EventName: "GetConnection", AWSRegion: region, RequestID: requestID(n), EventType: "AwsApiCall", ReadOnly: true, RecipientID: account, SourceIP: "198.51.100.7", UserAgent: "aws-cli/2",
		UserIdentity: cloudtrail.UserIdentity{Type: "IAMUser", ARN: arn, AccountID: account}, Request: cloudtrail.Request{ConnectionID: fmt.Sprint("conn", n)},
	}
}

// source is CloudTrail as the test has it: what it gives, and how it fails.
type source struct {
	mu      sync.Mutex // guards the fields below
	records []cloudtrail.Record
	fail    error
	silent  bool   // its status knows nothing of fail
	reason  string // of its status while it is OK
	polls   int
	sinkErr error
}

func (s *source) give(records ...cloudtrail.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, records...)
}

func (s *source) set(edit func(*source)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit(s)
}

func (s *source) Poll(ctx context.Context, since time.Time, sink cloudtrail.Sink) error {
	s.mu.Lock()
	s.polls++
	records, fail := slices.Clone(s.records), s.fail
	s.mu.Unlock()
	if fail != nil {
		return fail
	}
	now := time.Now()
	err := sink.Records(ctx, now, records)
	if err == nil {
		err = sink.Covered(ctx, cloudtrail.Coverage{Account: account, Region: region, Start: now.Add(-time.Minute), End: now, AsOf: now, Completeness: cloudtrail.Provisional})
	}
	s.set(func(s *source) { s.sinkErr = err })
	return err
}

func (s *source) Status() cloudtrail.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil && !s.silent {
		return cloudtrail.Status{Reason: s.fail.Error(), Since: time.Now()}
	}
	return cloudtrail.Status{OK: true, Reason: s.reason, LastSuccess: time.Now()}
}

// observed is what the observer was told.
type observed struct {
	mu    sync.Mutex // guards the fields below
	lags  int
	kinds []string
}

func (o *observed) Lag(time.Duration) { o.mu.Lock(); defer o.mu.Unlock(); o.lags++ }
func (o *observed) Found(kind string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kinds = append(o.kinds, kind)
}

// said are the verdicts and findings in the log, as short texts.
func (w *world) said() (list []string) {
	w.t.Helper()
	for line, err := range w.journal.Read(0) {
		if err != nil {
			w.t.Fatal(err)
		}
		e, err := audit.ParseLine(line.Bytes)
		if err != nil {
			w.t.Fatal(err)
		}
		switch e.Kind {
		case audit.KindVerdict:
			list = append(list, e.Of+" "+e.State+" "+e.Evidence)
		case audit.KindFinding:
			list = append(list, e.CloudTrailEventID+" "+e.State)
		}
	}
	slices.Sort(list)
	return list
}

// until waits for the log to say so much, and no more.
func (w *world) until(want ...string) {
	w.t.Helper()
	slices.Sort(want)
	deadline := time.After(20 * time.Second)
	for {
		grown := w.journal.Watch()
		got := w.said()
		if slices.Equal(got, want) {
			return
		}
		select {
		case <-grown:
		case <-deadline:
			w.t.Fatalf("the log says\n%q\nwant\n%q", got, want)
		}
	}
}

func TestVerdictsAndFindings(t *testing.T) {
	w := newWorld(t)
	before := w.call(1)
	r, _ := w.reconcile()
	after := w.call(2)
	w.hit()
	stranger := record(3, "arn:aws:iam::123456789012:user/stranger")
	w.source.give(record(1, identity), record(2, identity), stranger)
	w.until(before+" matched request_id", after+" matched request_id", stranger.EventID+" bypass")

	for _, n := range []int{1, 2, 3} {
		if kept, err := w.archive.Record(t.Context(), record(n, "").EventID); kept == nil || err != nil {
			t.Errorf("record %d: %s, %v", n, kept, err)
		}
	}
	eventually(t, "counts", func() bool {
		counts := r.Counts()
		return counts["matched"] == 2 && counts["derived"] == 1
	})
	eventually(t, "two lags and a bypass to be observed, which is after they are in the log", func() bool {
		w.found.mu.Lock()
		defer w.found.mu.Unlock()
		return w.found.lags == 2 && slices.Equal(w.found.kinds, []string{"bypass"})
	})
}

// The same records come again and again, over a restart too, with and without what
// the archive kept.
func TestRestart(t *testing.T) {
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprintf("archive lost %v", lost), func(t *testing.T) {
			w := newWorld(t)
			_, stop := w.reconcile()
			one := w.call(1)
			stranger := record(3, "arn:aws:iam::123456789012:user/stranger")
			w.source.give(record(1, identity), stranger)
			w.until(one+" matched request_id", stranger.EventID+" bypass")
			stop()
			two := w.call(2)
			if lost {
				w.archive.Close()
				w.dir = t.TempDir()
				w.openArchive()
			}
			w.source.give(record(2, identity))
			r, _ := w.reconcile()
			w.until(one+" matched request_id", stranger.EventID+" bypass", two+" matched request_id")
			w.source.set(func(s *source) { s.polls = 0 })
			eventually(t, "three more polls", func() bool {
				w.source.mu.Lock()
				defer w.source.mu.Unlock()
				return w.source.polls >= 3
			})
			w.until(one+" matched request_id", stranger.EventID+" bypass", two+" matched request_id")
			if s := r.Status(); !s.OK || s.Behind || s.Entries == 0 {
				t.Errorf("status %+v", s)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	w := newWorld(t)
	r, _ := w.reconcile(func(c *reconcile.Config) { c.PollInterval = time.Second })
	eventually(t, "ok", func() bool { s := r.Status(); return s.OK && !s.Behind })
	w.source.set(func(s *source) { s.fail = errors.New("AccessDeniedException: allow cloudtrail:LookupEvents") })
	eventually(t, "broken", func() bool {
		s := r.Status()
		return !s.OK && s.Reason == "us-west-2: AccessDeniedException: allow cloudtrail:LookupEvents" && !s.Since.IsZero()
	})
	w.source.set(func(s *source) { s.silent = true })
	eventually(t, "broken although the source does not know", func() bool { s := r.Status(); return !s.OK })
	w.source.set(func(s *source) { s.fail = nil })
	eventually(t, "ok again", func() bool { s := r.Status(); return s.OK && s.Reason == "" })
	w.source.set(func(s *source) { s.reason = "no window can be told" })
	eventually(t, "ok, and what it cannot tell", func() bool {
		s := r.Status()
		return s.OK && !s.Behind && s.Reason == "us-west-2: no window can be told"
	})
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not in time", what)
		}
	}
}
