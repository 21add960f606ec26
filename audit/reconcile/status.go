package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// Status tells a reconciler that is behind from one that is broken.
type Status struct {
	// OK: nothing is broken. One that is behind, because AWS throttles or the log is
	// long, is OK: it catches up by itself.
	OK     bool
	Reason string    // what is broken, what it is behind with or what it cannot tell, and what to do
	Since  time.Time // when it broke; zero if OK
	Behind bool

	// LastSuccess is when all of the sources had last been read; zero before the
	// first time.
	LastSuccess time.Time

	Entries uint64 // of the log that are known
	Sources []SourceStatus
}

// SourceStatus is the status of one source.
type SourceStatus struct {
	Name string
	cloudtrail.Status
}

// status is what goes wrong with following, and with what is done for sources.
type status struct {
	mu     sync.Mutex // guards the fields below
	done   uint64
	err    error
	since  time.Time
	failed map[string]failure // polls that ended in an error of which the source knows nothing, by its name
}

type failure struct {
	err   error
	since time.Time
}

const (
	// tardy is how many poll intervals without a success make a source late.
	tardy = 5
	// backlog is how many entries of the log are more than a look at it leaves.
	backlog = 1 << 17
)

// Status reports how it goes.
func (r *Reconciler) Status() Status {
	now := time.Now()
	s := Status{OK: true}
	var broken, behind, untold []string

	size := r.config.Journal.Size()
	r.state.mu.Lock()
	s.Entries = r.state.done
	if err := r.state.err; err != nil {
		broken = append(broken, fmt.Sprintf("the audit log cannot be followed: %v", err))
		s.Since = r.state.since
	}
	for _, name := range slices.Sorted(maps.Keys(r.state.failed)) {
		f := r.state.failed[name]
		broken = append(broken, fmt.Sprintf("%s: %v", name, f.err))
		s.Since = earliest(s.Since, f.since)
	}
	r.state.mu.Unlock()
	reading := size > s.Entries+backlog
	select {
	case <-r.caught:
	default:
		reading = true
	}
	if reading {
		behind = append(behind, fmt.Sprintf("%d of %d entries of the log read", s.Entries, size))
	}

	for i, source := range r.config.Sources {
		at := source.Status()
		s.Sources = append(s.Sources, SourceStatus{source.Name, at})
		switch {
		case !at.OK && !at.Throttled:
			broken = append(broken, source.Name+": "+at.Reason)
			s.Since = earliest(s.Since, at.Since)
		case at.Throttled:
			behind = append(behind, source.Name+": throttled")
		case at.LastSuccess.IsZero(), now.Sub(at.LastSuccess) > tardy*r.config.PollInterval:
			behind = append(behind, source.Name+": still reading")
		case at.Reason != "":
			untold = append(untold, source.Name+": "+at.Reason)
		}
		if i == 0 || at.LastSuccess.Before(s.LastSuccess) {
			s.LastSuccess = at.LastSuccess
		}
	}
	s.OK, s.Behind = len(broken) == 0, len(behind) > 0
	s.Reason = strings.Join(slices.Concat(broken, behind, untold), "; ")
	return s
}

// earliest is the earlier of two times of which zero is none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// followed notes how the newest look at the log went.
func (r *Reconciler) followed(ctx context.Context, err error) {
	r.mu.Lock()
	done := r.next
	r.mu.Unlock()
	r.state.mu.Lock()
	defer r.state.mu.Unlock()
	r.state.done = done
	if err != nil && r.state.err == nil {
		r.state.since = time.Now()
		r.log.ErrorContext(ctx, "follow the audit log for correlation", slog.Any("err", err))
	}
	r.state.err = err
}

// polled notes how a poll went. What the source says of itself is in its Status;
// an error of ours, from its sink, is not.
func (r *Reconciler) polled(ctx context.Context, source Source, err error) {
	if err != nil && errors.Is(err, ctx.Err()) {
		return
	}
	r.state.mu.Lock()
	defer r.state.mu.Unlock()
	if err == nil || !source.Status().OK {
		delete(r.state.failed, source.Name)
		if err != nil {
			r.log.WarnContext(ctx, "poll CloudTrail", slog.String("source", source.Name), slog.Any("err", err))
		}
		return
	}
	if r.state.failed == nil {
		r.state.failed = make(map[string]failure)
	}
	f, known := r.state.failed[source.Name]
	if !known {
		f.since = time.Now()
	}
	f.err = err
	r.state.failed[source.Name] = f
	r.log.ErrorContext(ctx, "take what CloudTrail has", slog.String("source", source.Name), slog.Any("err", err))
}
