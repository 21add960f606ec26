package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// Reconciler holds a growing log against sources of records.
type Reconciler struct {
	config Config
	log    *slog.Logger

	caught chan struct{} // closed when the log has been read to what was its end at the start

	// mu guards the fields below. It is held while what the core decided is made
	// durable, so that decisions stand in the log in the order in which they were
	// made, and a source that waits for one waits for all before it.
	mu    sync.Mutex
	core  *correlate.Correlator
	next  uint64 // entries that the core knows
	saved place
	// unrecorded: the core has decided something that is not in the log, because the
	// process ends. It is decided again by the next one.
	unrecorded bool

	counts atomic.Pointer[map[string]uint64] // replaced, never changed; with mu held
	state  status
}

// place is what is kept over a restart.
type place struct {
	Low   uint64    `json:"low"`   // where to read the log from
	Start time.Time `json:"start"` // when the log began
}

const placeName = "log"

// Open finds out where to begin.
func Open(ctx context.Context, c Config) (*Reconciler, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Observer == nil {
		c.Observer = nobody{}
	}
	r := &Reconciler{config: c, log: c.Logger, caught: make(chan struct{})}
	value, err := c.Archive.Place(ctx, placeName)
	if err != nil {
		return nil, err
	}
	if value != nil {
		if err := json.Unmarshal(value, &r.saved); err != nil {
			return nil, fmt.Errorf("read where correlation was: %w", err)
		}
	}
	if r.saved.Low > c.Journal.Size() { // of a log that was here before this one
		r.saved = place{}
	}
	if r.saved.Start.IsZero() {
		if r.saved.Start, err = began(c.Journal); err != nil {
			return nil, err
		}
	}
	c.Correlate.Start = r.saved.Start.Truncate(time.Second) // as records have it
	r.core, r.next = correlate.New(c.Correlate), r.saved.Low
	r.count()
	r.state.done = r.next
	return r, nil
}

// began is the time of the first entry that there is; of a log without any, now.
func began(j Journal) (time.Time, error) {
	for line, err := range j.Read(0) {
		if _, gone := errors.AsType[*journal.MissingError](err); gone {
			continue
		}
		if err != nil {
			return time.Time{}, fmt.Errorf("read the log's beginning: %w", err)
		}
		if o, ok := audit.ParseOutline(line.Bytes); ok {
			return o.Time, nil
		}
	}
	return time.Now(), nil
}

// Run follows the log and polls the sources until ctx is done, and then returns
// nil. What fails is tried again; [Reconciler.Status] tells of it meanwhile.
func (r *Reconciler) Run(ctx context.Context) error {
	var sources sync.WaitGroup
	for i := range r.config.Sources {
		sources.Go(func() { r.poll(ctx, r.config.Sources[i]) })
	}
	r.follow(ctx)
	sources.Wait()
	return r.save(context.WithoutCancel(ctx))
}

// poll asks a source again and again.
func (r *Reconciler) poll(ctx context.Context, source Source) {
	// Before the log is known, nobody could say whose a record is.
	select {
	case <-r.caught:
	case <-ctx.Done():
		return
	}
	for {
		err := source.Poll(ctx, r.since(), sink{r})
		if ctx.Err() != nil {
			return
		}
		r.polled(ctx, source, err)
		if !wait(ctx, r.config.PollInterval) {
			return
		}
	}
}

// remember gives the core the records that the one before it had: a source would
// take its time over them.
func (r *Reconciler) remember(ctx context.Context) error {
	for seen, err := range r.config.Archive.Since(ctx, r.since()) {
		if err != nil {
			return err
		}
		err := r.decide(ctx, func() []audit.Event { return r.core.Records(seen.At, []cloudtrail.Record{seen.Record}) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Reconciler) since() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.core.Since()
}

// Counts is the number of calls and attempts in each state, over the time that is
// remembered. It does not wait, whatever the log does. Nobody may change it.
func (r *Reconciler) Counts() map[string]uint64 { return *r.counts.Load() }

// count is called with mu held.
func (r *Reconciler) count() {
	counts := make(map[string]uint64)
	for state, n := range r.core.Counts() {
		counts[string(state)] = n
	}
	r.counts.Store(&counts)
}

// sink takes what a source reads.
type sink struct{ r *Reconciler }

func (s sink) Records(ctx context.Context, seen time.Time, records []cloudtrail.Record) error {
	if len(records) == 0 {
		return nil
	}
	// First the record, then what refers to it.
	if err := s.r.config.Archive.Put(ctx, seen, records); err != nil {
		return err
	}
	return s.r.decide(ctx, func() []audit.Event { return s.r.core.Records(seen, records) })
}

func (s sink) Covered(ctx context.Context, c cloudtrail.Coverage) error {
	s.r.log.DebugContext(ctx, "window of CloudTrail read", slog.String("account", c.Account), slog.String("region", c.Region), slog.Time("start", c.Start), slog.Time("end", c.End),
		slog.Time("as_of", c.AsOf), slog.String("completeness", string(c.Completeness)), slog.String("reason", c.Reason))
	return s.r.decide(ctx, func() []audit.Event { return s.r.core.Covered(time.Now(), c) })
}

// decide lets the core speak and makes durable what it says.
func (r *Reconciler) decide(ctx context.Context, speak func() []audit.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := speak()
	r.count()
	return r.record(ctx, events)
}

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
