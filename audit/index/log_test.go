package index_test

import (
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// testLog writes segments as the journal does, without waiting for the disk, and
// with whatever indices a test needs. It is a Source.
type testLog struct {
	t   testing.TB
	dir string

	mu     sync.Mutex
	size   uint64
	grown  chan struct{}
	file   *os.File
	events []audit.Event // as they stand in the log
}

func newTestLog(t testing.TB, dir string) *testLog {
	l := &testLog{t: t, dir: dir}
	t.Cleanup(l.close)
	return l
}

func (l *testLog) close() {
	if l.file != nil {
		_ = l.file.Close()
	}
	l.file = nil
}

// segment goes on in a new segment whose first entry has an index. Entries that
// are left out are gone.
func (l *testLog) segment(first uint64) {
	l.close()
	f, err := os.OpenFile(filepath.Join(l.dir, fmt.Sprintf("segment-%020d.jsonl", first)), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	l.file = f
	l.size = first
}

func (l *testLog) append(events ...audit.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		l.segment(l.size)
	}
	var buf []byte
	for _, e := range events {
		e.V, e.Index = audit.Version, l.size
		if e.Origin == "" {
			e.Origin = "test"
		}
		line := audit.AppendLine(nil, &e)
		read, err := audit.ParseLine(line)
		if err != nil {
			l.t.Fatal(err)
		}
		l.events = append(l.events, read)
		buf = append(append(buf, line...), '\n')
		l.size++
	}
	if _, err := l.file.Write(buf); err != nil {
		l.t.Fatal(err)
	}
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
}

// raw appends a line that is no event.
func (l *testLog) raw(line string) {
	l.append(audit.Event{ID: "to be overwritten", Kind: audit.KindSystem})
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.events[len(l.events)-1]
	l.events = l.events[:len(l.events)-1]
	info, err := l.file.Stat()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := l.file.Truncate(info.Size() - int64(len(audit.AppendLine(nil, &e))) - 1); err != nil {
		l.t.Fatal(err)
	}
	if _, err := l.file.Seek(0, 2); err != nil {
		l.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(l.file, `{"v":1,"index":%d,%s`+"\n", l.size-1, line); err != nil {
		l.t.Fatal(err)
	}
}

func (l *testLog) Size() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size
}

func (l *testLog) Watch() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.grown == nil {
		l.grown = make(chan struct{})
	}
	return l.grown
}

func (l *testLog) Read(from uint64) iter.Seq2[journal.Line, error] {
	return journal.ReadDir(l.dir, from)
}

func open(t testing.TB, l *testLog, rebuilt ...*[]string) *index.Index {
	t.Helper()
	c := index.Config{Dir: l.dir, Source: l, Logger: logger(t)}
	if len(rebuilt) > 0 {
		c.Observer = observer{rebuilt: rebuilt[0]}
	}
	x, err := index.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	return x
}

func step(t testing.TB, x *index.Index) {
	t.Helper()
	if err := x.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func logger(t testing.TB) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }

type observer struct{ rebuilt *[]string }

func (observer) Indexed(int, time.Duration) {}
func (observer) Lag(uint64)                 {}
func (o observer) Rebuilt(reason string)    { *o.rebuilt = append(*o.rebuilt, reason) }

// all follows the cursors to the end and returns the indices and states found.
func all(t testing.TB, r *index.Reader, f index.Filter, limit int) (found []uint64, states []string) {
	t.Helper()
	cursor := ""
	for range 1 << 20 {
		page, err := r.Query(t.Context(), f, cursor, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Entries {
			found = append(found, e.Event.Index)
			states = append(states, e.State)
		}
		if page.Next == "" {
			return found, states
		}
		cursor = page.Next
	}
	t.Fatal("the cursors do not end")
	return nil, nil
}

// scan is what a query has to find, from the events alone.
func scan(events []audit.Event, f index.Filter) (found []uint64, states []string) {
	calls := callsOf(events)
	if f.Findings != "" {
		return scanFindings(events, f)
	}
	for i := len(events) - 1; i >= 0; i-- {
		e := events[i]
		one := f.Filter
		state := e.State
		if e.Kind == audit.KindOutcome || e.Kind == audit.KindIntent {
			one.State = ""
			call := calls[e.ID]
			state = call.state()
			has := state == f.State
			for _, v := range call.verdicts {
				has = has || v.State == f.State
			}
			if f.State != "" && !has {
				continue
			}
		}
		if f.Kind == "" && (e.Kind == audit.KindIntent || e.Kind == audit.KindVerdict) {
			also := false
			for _, k := range f.Also {
				also = also || k == e.Kind
			}
			if !also {
				continue
			}
		}
		if one.Q != "" {
			// The documented difference: ids by their beginning.
			if !hasText(&e, one.Q) {
				continue
			}
			one.Q = ""
		}
		if one.Match(&e) {
			found = append(found, e.Index)
			states = append(states, state)
		}
	}
	return found, states
}

// call is what a log says of one.
type call struct {
	outcome, intent *audit.Event
	verdicts        map[int]audit.Event // the newest on each attempt
}

func callsOf(events []audit.Event) map[string]call {
	calls := map[string]call{}
	for _, e := range events {
		id := e.ID
		if e.Kind == audit.KindVerdict {
			id = e.Of
		}
		c := calls[id]
		switch e.Kind {
		case audit.KindOutcome:
			c.outcome = &e
		case audit.KindIntent:
			c.intent = &e
		case audit.KindVerdict:
			if id == "" {
				continue
			}
			if c.verdicts == nil {
				c.verdicts = map[int]audit.Event{}
			}
			c.verdicts[e.OfAttempt] = e
		default:
			continue
		}
		calls[id] = c
	}
	return calls
}

// state is that of the last attempt, or what follows from the outcome.
func (c call) state() string {
	last := -1
	for n := range c.verdicts {
		last = max(last, n)
	}
	o := c.outcome
	switch {
	case last >= 0:
		return c.verdicts[last].State
	case o == nil || o.Action == audit.ActionOutcomeUnknown:
		return "pending"
	case o.Cache == audit.CacheHit || o.Cache == audit.CacheCoalesced:
		return "derived"
	case len(o.Attempts) > 0:
		return "pending"
	case o.Fill != nil:
		return "derived"
	}
	return "not_applicable"
}

// event is the line that stands for a call.
func (c call) event() *audit.Event {
	if c.outcome != nil {
		return c.outcome
	}
	return c.intent
}

// scanFindings is scan for findings.
func scanFindings(events []audit.Event, f index.Filter) (found []uint64, states []string) {
	calls := callsOf(events)
	for i := len(events) - 1; i >= 0; i-- {
		e := events[i]
		acknowledged := false
		for _, later := range events[i+1:] {
			acknowledged = acknowledged || later.Kind == audit.KindAdmin && later.Action == index.ActionFindingAcknowledged && later.Of == e.ID && e.ID != ""
		}
		holds := false
		switch e.Kind {
		case audit.KindFinding:
			holds = f.State != "" || e.State != "covered" && e.State != "known_direct" && e.State != "amended"
		case audit.KindVerdict:
			newest := e.Of != "" && calls[e.Of].verdicts[e.OfAttempt].Index == e.Index
			holds = newest && (e.State == "mismatched" || e.State == "missing" || e.State == "ambiguous")
		}
		switch f.Findings {
		case index.OpenFindings:
			holds = holds && !acknowledged
		case index.AcknowledgedFindings:
			holds = holds && acknowledged
		}
		if !holds || f.State != "" && f.State != e.State || f.Kind != "" && f.Kind != e.Kind {
			continue
		}
		one := f.Filter
		one.State, one.Kind, one.Q, one.Since, one.Until = "", "", "", time.Time{}, time.Time{}
		has := func(e *audit.Event) bool { return e != nil && one.Match(e) && (f.Q == "" || hasText(e, f.Q)) }
		times := audit.Filter{Since: f.Since, Until: f.Until}
		if times.Match(&e) && (has(&e) || e.Of != "" && has(calls[e.Of].event())) {
			found = append(found, e.Index)
			states = append(states, e.State)
		}
	}
	return found, states
}

// hasText is what Q means: part of a text, the beginning of an id.
func hasText(e *audit.Event, q string) bool {
	ids := []string{e.ID, e.Of, e.CloudTrailEventID}
	for _, a := range e.Attempts {
		ids = append(ids, a.RequestID)
	}
	if e.Fill != nil {
		ids = append(ids, e.Fill.EventID, e.Fill.RequestID)
	}
	for _, id := range ids {
		begins := strings.HasPrefix(id, q)
		if _, err := uuid.Parse(id); err == nil && len(id) == 36 && id == strings.ToLower(id) {
			begins = len(q) <= len(id) && strings.EqualFold(id[:len(q)], q)
		}
		if id != "" && begins {
			return true
		}
	}
	texts := audit.Filter{Q: q}
	return texts.Match(&audit.Event{ConnectionID: e.ConnectionID, Principal: e.Principal, UserAgent: e.UserAgent, AccessKeyID: e.AccessKeyID})
}
