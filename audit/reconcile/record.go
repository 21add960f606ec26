package reconcile

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// atOnce is how many verdicts wait for the disk together. The log writes them in
// one go.
const atOnce = 64

// The pauses between the tries to record something while the log refuses.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 10 * time.Second
)

// record appends decisions to the log; r.mu is held. It returns when all are
// durable, however long that takes, or with ctx's error.
func (r *Reconciler) record(ctx context.Context, events []audit.Event) error {
	if len(events) == 0 {
		return nil
	}
	// Those about one attempt stay in order; others need not.
	type subject struct {
		of      string
		attempt int
		finding string
	}
	lanes := make(map[subject][]*audit.Event)
	for i := range events {
		e := &events[i]
		s := subject{of: e.Of, attempt: e.OfAttempt}
		if e.Kind == audit.KindFinding {
			s = subject{finding: e.CloudTrailEventID}
		}
		lanes[s] = append(lanes[s], e)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, lane := range lanes {
		group.Go(func() error {
			for _, e := range lane {
				if err := r.append(ctx, e); err != nil {
					return err
				}
				r.observe(e)
			}
			return nil
		})
	}
	err := group.Wait()
	if err != nil {
		r.unrecorded = true
	}
	return err
}

// append makes one decision durable. A line that was not durable in time has its
// place in the log, and is not written again: it comes when the log recovers.
func (r *Reconciler) append(ctx context.Context, e *audit.Event) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		commit, err := r.config.Journal.Append(ctx, e)
		if err == nil {
			return nil
		}
		r.log.WarnContext(ctx, "the audit log does not take a decision of correlation now", slog.String("event", e.ID), slog.Any("err", err))
		if errors.Is(err, journal.ErrTimeout) {
			return r.await(ctx, commit.Index)
		}
		if !wait(ctx, pause) {
			return ctx.Err()
		}
	}
}

// await returns when an entry is durable.
func (r *Reconciler) await(ctx context.Context, index uint64) error {
	for {
		grown := r.config.Journal.Watch()
		if r.config.Journal.Size() > index {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *Reconciler) observe(e *audit.Event) {
	if e.Kind == audit.KindFinding {
		r.config.Observer.Found(e.State)
	}
	if e.Kind == audit.KindVerdict && e.CloudTrailEventID != "" {
		r.config.Observer.Lag(time.Duration(e.LagMS) * time.Millisecond)
	}
}
