package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

const (
	// stride is how many entries are read before the core is given them: enough to
	// make locking cheap, few enough not to keep a source waiting.
	stride = 512

	// A log that grows is looked at this often; one that does not, as often as an
	// attempt's deadlines want to be noticed.
	growing = 200 * time.Millisecond
	resting = time.Second

	// saveInterval is how often the place is kept. What is read again after a crash
	// costs time, nothing else.
	saveInterval = 30 * time.Second
)

// follow gives the core the log's entries and the time.
func (r *Reconciler) follow(ctx context.Context) {
	behind := true
	saved := time.Now()
	for {
		grown := r.config.Journal.Watch()
		now, size := time.Now(), r.config.Journal.Size()
		err := r.read(ctx, size)
		if err == nil {
			err = r.decide(ctx, func() []audit.Event { return r.core.Tick(now) })
		}
		if err == nil && behind {
			err = r.remember(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		r.followed(ctx, err)
		if err == nil && behind {
			behind = false
			close(r.caught)
		}
		if now.Sub(saved) >= saveInterval {
			saved = now
			if err := r.save(ctx); err != nil {
				r.log.WarnContext(ctx, "keep where correlation is", slog.Any("err", err))
			}
		}
		rest := time.NewTimer(resting)
		select {
		case <-grown:
		case <-rest.C:
		case <-ctx.Done():
		}
		rest.Stop()
		if !wait(ctx, growing) {
			return
		}
	}
}

// read gives the core the entries before an index.
func (r *Reconciler) read(ctx context.Context, size uint64) error {
	r.mu.Lock()
	next := r.next
	r.mu.Unlock()
	if next >= size {
		return nil
	}
	entries := make([]audit.Event, 0, stride)
	flush := func() error {
		err := r.decide(ctx, func() (decided []audit.Event) {
			for i := range entries {
				decided = append(decided, r.core.Entry(&entries[i])...)
			}
			r.next = next
			return decided
		})
		entries = entries[:0]
		return err
	}
	for line, err := range r.config.Journal.Read(next) {
		if gone, ok := errors.AsType[*journal.MissingError](err); ok {
			next = gone.Last + 1
			continue
		}
		if err != nil {
			return errors.Join(flush(), err)
		}
		if line.Index >= size {
			break
		}
		next = line.Index + 1
		if e, ok := r.parse(ctx, line); ok {
			entries = append(entries, e)
		}
		if len(entries) == cap(entries) {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// parse reads of an entry what the core can use: all of it, or, of those that are
// no call to AWS and say nothing about one, that it is there.
func (r *Reconciler) parse(ctx context.Context, line journal.Line) (audit.Event, bool) {
	o, ok := audit.ParseOutline(line.Bytes)
	answeredHere := o.Kind == audit.KindOutcome && (o.Cache == audit.CacheHit || o.Cache == audit.CacheCoalesced || o.Decision == audit.Deny)
	if ok && (answeredHere || o.Kind == audit.KindAdmin || o.Kind == audit.KindSystem) {
		return audit.Event{Index: o.Index, Kind: o.Kind, Time: o.Time, Decision: o.Decision, Cache: o.Cache}, true
	}
	e, err := audit.ParseLine(line.Bytes)
	if err != nil {
		r.log.ErrorContext(ctx, "entry of the audit log cannot be read; run gatepost audit verify", slog.Uint64("index", line.Index), slog.Any("err", err))
		return audit.Event{}, false
	}
	return e, true
}

// save keeps the place. It must not be ahead of what was decided and could not be
// recorded.
func (r *Reconciler) save(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := place{Low: r.core.Low(), Start: r.saved.Start}
	if r.unrecorded || at == r.saved {
		return nil
	}
	value, err := json.Marshal(at)
	if err != nil {
		return err
	}
	if err := r.config.Archive.SetPlace(ctx, placeName, value); err != nil {
		return err
	}
	r.saved = at
	return nil
}
