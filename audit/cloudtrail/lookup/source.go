package lookup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"golang.org/x/time/rate"
)

const (
	maxSlice   = time.Hour
	minSlice   = time.Minute
	firstSlice = 15 * time.Minute

	// settleSteps is how many steps the settling scan takes in SettleAfter: a window
	// is read that much later than it could be, for fewer requests.
	settleSteps = 24

	// history is how far back LookupEvents reaches, less what a slice takes.
	history = 90*24*time.Hour - 10*time.Minute
)

// Source reads records with LookupEvents.
type Source struct {
	config  Config
	limiter *rate.Limiter
	kept    statusKeeper

	// Poll's, by whichever goroutine polls.
	loaded bool
	place  place
	slice  time.Duration // how long the next slice is
}

var _ cloudtrail.Source = (*Source)(nil)

// New makes a source. It reads nothing before its first Poll.
func New(c Config) (*Source, error) {
	c, err := c.check()
	if err != nil {
		return nil, err
	}
	s := &Source{config: c, limiter: rate.NewLimiter(rate.Limit(c.PerSecond), 1), slice: firstSlice}
	s.kept.status = cloudtrail.Status{Reason: "nothing was read yet", Since: c.Now()}
	return s, nil
}

// Poll reads the tail, what has settled, and a slice of the sweep. A since that is
// zero is as early as CloudTrail reaches.
func (s *Source) Poll(ctx context.Context, since time.Time, sink cloudtrail.Sink) error {
	if since.IsZero() {
		since = s.now().Add(time.Minute - history)
	}
	err := s.poll(ctx, since.UTC().Truncate(time.Second), sink)
	if err != nil && ctx.Err() == nil {
		s.fails(err)
	}
	return err
}

func (s *Source) poll(ctx context.Context, since time.Time, sink cloudtrail.Sink) error {
	if err := s.load(ctx); err != nil {
		return err
	}
	if err := s.begin(ctx, since, sink); err != nil {
		return err
	}
	if err := s.readTail(ctx, since, sink); err != nil {
		return err
	}
	if err := s.settle(ctx, since, sink); err != nil {
		return err
	}
	return s.sweep(ctx, since, sink)
}

// now is the current second: of it and what follows, nothing is read yet.
func (s *Source) now() time.Time { return s.config.Now().UTC().Truncate(time.Second) }

func (s *Source) settledBy() time.Time {
	return s.now().Add(-s.config.SettleAfter).Truncate(time.Second)
}

// begin makes the places such as can be read from. Places ahead of the clock are
// of a clock that was set back: what was read then is read again.
func (s *Source) begin(ctx context.Context, since time.Time, sink cloudtrail.Sink) error {
	p := &s.place
	p.Settled = earlier(later(p.Settled, since), later(s.settledBy(), since))
	p.Tail = earlier(later(p.Tail, since), s.now())
	reach := s.now().Add(-history)
	if !p.Settled.Before(reach) {
		return nil
	}
	gone := cloudtrail.Coverage{
		Account: p.Account, Region: s.config.Region, Start: p.Settled, End: reach, AsOf: s.config.Now(),
		Completeness: cloudtrail.Incomplete, Reason: "LookupEvents reaches back no more than 90 days",
	}
	if err := sink.Covered(ctx, gone); err != nil {
		return fmt.Errorf("hand over coverage: %w", err)
	}
	p.Settled = reach
	return s.save(ctx)
}

// readTail reads what is not settled yet and may have new records: all since the
// tail that was read last, and LateAfter before.
func (s *Source) readTail(ctx context.Context, since time.Time, sink cloudtrail.Sink) error {
	end := s.now()
	from := later(s.place.Tail.Add(-s.config.LateAfter).Truncate(time.Second), later(s.settledBy(), since))
	for from.Before(end) {
		read, err := s.readSlice(ctx, window{from, end}, sink)
		if !read.IsZero() {
			from, s.place.Tail = read, later(s.place.Tail, read)
			err = s.stored(ctx, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// settle reads what has settled and moves the watermark. It takes long when there
// is much to catch up with, so it looks after the tail meanwhile.
func (s *Source) settle(ctx context.Context, since time.Time, sink cloudtrail.Sink) error {
	step := max(s.config.SettleAfter/settleSteps, time.Second)
	for s.settledBy().Sub(s.place.Settled) >= step {
		read, err := s.readSlice(ctx, window{s.place.Settled, s.settledBy()}, sink)
		if !read.IsZero() {
			s.place.Settled = read
			err = s.stored(ctx, err)
		}
		if err != nil {
			return err
		}
		if s.now().Sub(s.place.Tail) > s.config.LateAfter/3 {
			if err := s.readTail(ctx, since, sink); err != nil {
				return err
			}
		}
	}
	return nil
}

// sweep reads a slice of what lies between the watermark and the tail, and one of
// the Keep before the watermark; next time the next ones.
func (s *Source) sweep(ctx context.Context, since time.Time, sink cloudtrail.Sink) error {
	p := &s.place
	tail := p.Tail.Add(-s.config.LateAfter).Truncate(time.Second)
	if err := s.sweepSlice(ctx, &p.Unsettled, window{p.Settled, tail}, sink); err != nil {
		return err
	}
	first := later(later(p.Settled.Add(-s.config.Keep), s.now().Add(-history)), since)
	return s.sweepSlice(ctx, &p.Sweep, window{first, p.Settled}, sink)
}

// sweepSlice reads the slice of w that begins at next and moves next on, back to
// the start from the end: w's end moves on too, and is not to be chased.
func (s *Source) sweepSlice(ctx context.Context, next *time.Time, w window, sink cloudtrail.Sink) error {
	if next.Before(w.start) || !next.Before(w.end) {
		*next = w.start
	}
	if !next.Before(w.end) {
		return nil
	}
	read, err := s.readSlice(ctx, window{*next, w.end}, sink)
	if !read.IsZero() {
		if *next = read; read.Equal(w.end) {
			*next = w.start
		}
		err = s.stored(ctx, err)
	}
	return err
}

// stored stores the place after a slice, which was read unless err.
func (s *Source) stored(ctx context.Context, err error) error {
	if saved := s.save(ctx); saved != nil {
		return errors.Join(saved, err)
	}
	if err == nil {
		s.succeeds()
	}
	return err
}

// readSlice reads a slice from the beginning of w, and returns where it ends; the
// zero time if nothing is covered. It may return both a time and an error: the
// slice was given up, and the sink was told.
func (s *Source) readSlice(ctx context.Context, w window, sink cloudtrail.Sink) (time.Time, error) {
	for {
		part := window{w.start, earlier(w.end, w.start.Add(s.slice))}
		mayCut := part.end.Sub(part.start) > minSlice
		coverage, pages, err := s.read(ctx, part, sink, mayCut)
		stuck, ok := errors.AsType[*unreadable](err)
		switch {
		case ok && mayCut:
			s.config.Logger.DebugContext(ctx, "window is cut", "region", s.config.Region, "window", part.String(), "reason", stuck.reason)
			s.slice = max((part.end.Sub(part.start) / 2).Truncate(time.Second), minSlice)
			continue
		case ok:
			coverage.Completeness, coverage.Reason = cloudtrail.Incomplete, "given up: "+stuck.Error()
		case err != nil:
			return time.Time{}, fmt.Errorf("read %s %s: %w", s.config.Region, part, err)
		}
		if err := sink.Covered(ctx, coverage); err != nil {
			return time.Time{}, fmt.Errorf("hand over coverage: %w", err)
		}
		if ok {
			return part.end, fmt.Errorf("gave up %s %s: %w", s.config.Region, part, stuck)
		}
		s.fit(pages, part.end.Sub(part.start))
		return part.end, nil
	}
}

// fit makes the next slices such as take goodPages.
func (s *Source) fit(pages int, length time.Duration) {
	switch {
	case pages > goodPages:
		s.slice = max((length / 2).Truncate(time.Second), minSlice)
	case pages < goodPages/4 && length >= s.slice:
		s.slice = min(s.slice*2, maxSlice)
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
