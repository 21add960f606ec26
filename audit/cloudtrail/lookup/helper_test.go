package lookup_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/cloudtrailtest"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/lookup"
)

const (
	late   = 15 * time.Minute
	settle = 2 * time.Hour
)

// world is a source, what it asks, and what it hands over to.
type world struct {
	t      *testing.T
	sim    *cloudtrailtest.Simulator
	source *lookup.Source
	sink   *sink
	places places
	since  time.Time
	config lookup.Config
	every  time.Duration // a poll
	ahead  time.Duration // how far the source's clock is

	added int
}

// build makes a world that begins now.
func build(t *testing.T, c cloudtrailtest.Config, changes ...func(*lookup.Config)) *world {
	w := &world{t: t, sim: cloudtrailtest.New(c), places: places{}, since: time.Now().Truncate(time.Second), every: time.Minute}
	w.sink = &sink{world: w, handed: map[string]time.Time{}, times: map[string]int{}}
	w.config = lookup.Config{
		Client: w.client(w.sim.Transport()), Region: w.sim.Region(), Account: w.sim.Account, Places: w.places,
		Now: func() time.Time { return time.Now().Add(w.ahead) },
	}
	for _, change := range changes {
		change(&w.config)
	}
	w.restart()
	return w
}

func (w *world) client(transport http.RoundTripper) *sdk.Client {
	return sdk.New(sdk.Options{
		BaseEndpoint: new("http://cloudtrail.us-west-2.amazonaws.com"), Region: w.sim.Region(),
		Credentials: w.sim.Credentials(), HTTPClient: &http.Client{Transport: transport},
	})
}

// restart makes a new source with what the old one stored.
func (w *world) restart() {
	w.t.Helper()
	source, err := lookup.New(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.source = source
}

// call adds n calls of now.
func (w *world) call(n int) {
	for range n {
		w.sim.Add(cloudtrailtest.Event{
			Operation: "GetConnection", ReadOnly: true, RequestID: fmt.Sprintf("request-%d", w.added),
			ConnectionID: "a/b+=", UserAgent: "test", SourceIP: "192.0.2.1",
		})
		w.added++
	}
}

// run lives for a time, with a number of calls before each poll.
func (w *world) run(d time.Duration, calls int) {
	w.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		w.call(calls)
		time.Sleep(w.every)
		w.poll()
	}
}

// idle lives for a time with a number of calls a minute and without a poll.
func (w *world) idle(d time.Duration, calls int) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		w.call(calls)
		time.Sleep(time.Minute)
	}
}

func (w *world) poll() {
	w.t.Helper()
	if err := w.source.Poll(w.t.Context(), w.since, w.sink); err != nil {
		w.t.Fatal(err)
	}
}

// handedAll checks that every record that was to be seen some time ago was handed
// over.
func (w *world) handedAll(ago time.Duration) {
	w.t.Helper()
	missing := 0
	for raw := range w.sim.Delivered(w.sim.Region(), w.since, time.Now(), time.Now().Add(-ago)) {
		if r := parse(w.t, raw); r.EventSource == cloudtrail.EventSource && w.sink.times[r.EventID] == 0 {
			if missing++; missing == 1 {
				w.t.Errorf("never handed over: %s", raw)
			}
		}
	}
	if missing > 1 {
		w.t.Errorf("and %d more", missing-1)
	}
}

func parse(t *testing.T, raw []byte) cloudtrail.Record {
	t.Helper()
	r, err := cloudtrail.ParseRecord(raw)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sink checks, at each coverage, the promise that goes with it.
type sink struct {
	world    *world
	handed   map[string]time.Time // when each record was handed over last
	times    map[string]int
	coverage []cloudtrail.Coverage
	settled  time.Time // all before was covered for the last time

	onRecords func() error // nil is no fault
	onCovered func() error
}

func (s *sink) Records(_ context.Context, seen time.Time, records []cloudtrail.Record) error {
	if s.onRecords != nil {
		if err := s.onRecords(); err != nil {
			return err
		}
	}
	for _, r := range records {
		if r.EventSource != cloudtrail.EventSource {
			s.world.t.Errorf("a record of %s", r.EventSource)
		}
		s.handed[r.EventID] = seen
		s.times[r.EventID]++
	}
	return nil
}

func (s *sink) Covered(_ context.Context, c cloudtrail.Coverage) error {
	if s.onCovered != nil {
		if err := s.onCovered(); err != nil {
			return err
		}
	}
	t := s.world.t
	s.coverage = append(s.coverage, c)
	if !c.Start.Before(c.End) || c.Start.Before(s.world.since) || c.Region != s.world.sim.Region() || c.Account != s.world.sim.Account() {
		t.Errorf("coverage %+v", c)
	}
	if c.Completeness == cloudtrail.Incomplete {
		if c.Reason == "" {
			t.Errorf("no reason: %+v", c)
		}
		return nil
	}
	if c.Completeness != cloudtrail.CompleteUnvalidated {
		t.Errorf("coverage %+v", c)
	}
	for raw := range s.world.sim.Delivered(c.Region, c.Start, c.End, c.AsOf.Add(-s.world.ahead)) {
		r := parse(t, raw)
		if at := s.handed[r.EventID]; r.EventSource == cloudtrail.EventSource && at.Before(c.AsOf) {
			t.Errorf("covered %v to %v as of %v, but %s of %v was handed over %v", c.Start, c.End, c.AsOf, r.EventID, r.EventTime, at)
		}
	}
	if !c.AsOf.Before(c.End.Add(settle)) && !c.Start.After(later(s.settled, s.world.since)) && c.End.After(s.settled) {
		s.settled = c.End
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// places are kept in memory, as JSON so that nothing else comes back.
type places map[string]json.RawMessage

func (p places) Place(_ context.Context, name string) ([]byte, error) { return p[name], nil }

func (p places) SetPlace(_ context.Context, name string, value []byte) error {
	if !json.Valid(value) {
		return errors.New("not JSON")
	}
	p[name] = append([]byte(nil), value...)
	return nil
}

// results counts what an observer is told.
type results struct {
	mu    sync.Mutex // guards count: a source may be polled from any goroutine
	count map[string]int
}

func (r *results) Lookup(result string, _ time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count == nil {
		r.count = map[string]int{}
	}
	r.count[result]++
}
