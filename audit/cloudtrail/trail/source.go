package trail

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

const (
	// margin is how much earlier than the first window files are looked for: a digest
	// of its deliveries, and the one before.
	margin = 24 * time.Hour

	// provisionalEvery is how often a window that is not done with is told again, if
	// there is something new. Each time, what was delivered of it is read again.
	provisionalEvery = 15 * time.Minute
)

// Source reads the log files of a trail.
type Source struct {
	config Config
	kept   statusKeeper

	// Poll's, by whichever goroutine polls.
	keys         keyring // nil if none are configured
	polls, scans int
	asOf         time.Time // when the poll began
	contents     map[string]*content
	loaded       []*file // digests that are held
	place        place
	faults       []Fault
}

// Fault is a file that could not be read.
type Fault struct {
	Path string
	Err  error
}

func (f Fault) Error() string { return f.Path + ": " + f.Err.Error() }

func (f Fault) Unwrap() error { return f.Err }

var _ cloudtrail.Source = (*Source)(nil)

// New makes a source. It reads nothing of the trail before its first Poll.
func New(c Config) (*Source, error) {
	c, err := c.check()
	if err != nil {
		return nil, err
	}
	s := &Source{config: c, contents: map[string]*content{}}
	s.kept.status = cloudtrail.Status{Reason: "nothing was read yet", Since: c.Now()}
	return s, nil
}

// Poll reads what is new, and what belongs to a window of which something else is
// to be said now. Records come hour by hour of their delivery, a window's Coverage
// when its deliveries have been read.
//
// It reads a window anew when any of its files has changed since it was done with,
// also over a restart. A file that cannot be read is no error, but one of [Faults],
// unless there is no other.
func (s *Source) Poll(ctx context.Context, since time.Time, sink cloudtrail.Sink) error {
	err := s.poll(ctx, since.UTC(), sink)
	switch {
	case err == nil && len(s.faults) == 0:
		s.config.Observer.Read(ResultOK)
	case err == nil:
		s.config.Observer.Read(ResultError)
	case ctx.Err() == nil: // else nothing came of it
		s.kept.fails(s.config.Now(), err)
		s.config.Observer.Read(ResultError)
	}
	return err
}

// Faults are the files that the newest Poll wanted to read and could not.
func (s *Source) Faults() []Fault { return slices.Clone(s.faults) }

func (s *Source) poll(ctx context.Context, since time.Time, sink cloudtrail.Sink) error {
	if err := s.place.load(ctx, s.config.Places); err != nil {
		return err
	}
	if err := s.loadKeys(ctx); err != nil {
		return err
	}
	s.polls++
	s.asOf = s.config.Now().UTC()
	s.faults = nil
	var from time.Time
	if !since.IsZero() {
		from = since.Add(-margin)
	}
	t, err := s.scan(from)
	if err != nil {
		return err
	}
	if t.files == 0 && s.config.Offline {
		return fmt.Errorf("no log files in %q", s.config.Paths)
	}
	s.place.forget(since.Truncate(time.Hour))
	if err := s.readLogs(ctx, s.unread(t.strays), sink); err != nil {
		return err
	}
	if err := s.walk(ctx, t, since, sink); err != nil {
		return err
	}
	s.gather()
	if s.config.Offline && len(s.faults) > 0 && len(s.faults) >= t.files {
		return fmt.Errorf("no file could be read: %w", s.faults[0])
	}
	s.kept.succeeds(s.config.Now(), s.status(t, since))
	return nil
}

// walk goes through the hours.
func (s *Source) walk(ctx context.Context, t *tree, since time.Time, sink cloudtrail.Sink) error {
	due, hours := s.due(t, since)
	settle := s.config.SettleAfter
	for _, hour := range hours {
		var files []*file
		for _, st := range t.streams {
			for d := time.Duration(0); d <= settle; d += time.Hour {
				if due[window{st, hour.Add(-d)}] {
					files = append(files, s.unread(st.logs[hour])...)
					break
				}
			}
		}
		slices.SortStableFunc(files, func(a, b *file) int { return a.time.Compare(b.time) })
		if err := s.readLogs(ctx, files, sink); err != nil {
			return err
		}
		// Now all deliveries of the windows that long before have been read.
		for _, st := range t.streams {
			if w := (window{st, hour.Add(-settle)}); due[w] {
				if err := s.tell(ctx, w, since, sink); err != nil {
					return err
				}
			}
		}
		s.release(hour.Add(time.Hour - settle))
		if err := s.place.save(ctx, s.config.Places); err != nil {
			return err
		}
	}
	return nil
}

// settled is the end of the deliveries of a window.
func (s *Source) settled(hour time.Time) time.Time {
	return hour.Add(time.Hour + s.config.SettleAfter)
}

// window is an hour of a stream.
type window struct {
	*stream
	hour time.Time
}

// due returns the windows that have to be judged, and the hours whose deliveries
// are to be looked at for them, in order.
func (s *Source) due(t *tree, since time.Time) (map[window]bool, []time.Time) {
	due, hours := map[window]bool{}, map[time.Time]bool{}
	for _, st := range t.streams {
		if st.first.IsZero() {
			continue
		}
		for hour := later(st.first, since.Truncate(time.Hour)); !hour.After(st.newest); hour = hour.Add(time.Hour) {
			told, ok := s.place.told(st.streamKey, hour)
			settled := told.Final || !told.timed && told.newest.Equal(st.newest)
			if ok && settled && told.Files == st.fingerprint(hour, s.settled(hour), s.keys) {
				continue
			}
			due[window{st, hour}] = true
			for h := hour; h.Before(s.settled(hour)); h = h.Add(time.Hour) {
				hours[h] = true
			}
		}
	}
	return due, slices.SortedFunc(maps.Keys(hours), time.Time.Compare)
}

// unread returns those of files whose records were not handed over yet, or perhaps
// not all.
func (s *Source) unread(files []*file) []*file {
	var list []*file
	for _, f := range files {
		if f.poll == 0 || f.err != nil && f.poll != s.polls {
			list = append(list, f)
		}
	}
	return list
}

// tell judges a window and tells the sink, if there is something to tell.
func (s *Source) tell(ctx context.Context, w window, since time.Time, sink cloudtrail.Sink) error {
	verdict := s.judge(ctx, w.stream, w.hour)
	if err := ctx.Err(); err != nil {
		return err
	}
	end := s.settled(w.hour)
	now := told{
		Files: w.fingerprint(w.hour, end, s.keys), Logs: w.logsFingerprint(w.hour, end), Completeness: verdict.completeness,
		Final: verdict.completeness != cloudtrail.Provisional, asOf: s.asOf, newest: w.newest, timed: verdict.timed,
	}
	before, ok := s.place.told(w.streamKey, w.hour)
	if ok && before.Completeness == now.Completeness {
		if before.Logs == now.Logs {
			// A digest more confirms it, or is still not enough.
			now.asOf = before.asOf
			s.place.tell(w.streamKey, w.hour, now)
			return nil
		}
		if !now.Final && s.asOf.Sub(before.asOf) < provisionalEvery {
			return nil
		}
	}
	if now.Completeness == cloudtrail.CompleteUnvalidated && len(w.delivered(w.hour, end)) == 0 {
		// Without a proof, that there is nothing says nothing.
		s.place.tell(w.streamKey, w.hour, now)
		return nil
	}
	if err := s.readLogs(ctx, s.again(w), sink); err != nil {
		return err
	}
	if err := sink.Covered(ctx, cloudtrail.Coverage{
		Account: w.account, Region: w.region,
		Start: later(w.hour, since), End: w.hour.Add(time.Hour), AsOf: s.asOf,
		Completeness: verdict.completeness, Reason: verdict.reason,
	}); err != nil {
		return fmt.Errorf("hand over coverage of %s %s: %w", w.streamKey, stamp(w.hour), err)
	}
	s.place.tell(w.streamKey, w.hour, now)
	return nil
}

// again returns the log files with records of the window that were handed over
// before this poll.
func (s *Source) again(w window) []*file {
	var list []*file
	for _, f := range w.delivered(w.hour, s.settled(w.hour)) {
		if f.poll != s.polls && f.records > 0 && f.oldest.Before(w.hour.Add(time.Hour)) && !f.newest.Before(w.hour) {
			list = append(list, f)
		}
	}
	return list
}

// release lets go of the digests that windows from hour on do not need.
func (s *Source) release(hour time.Time) {
	s.loaded = slices.DeleteFunc(s.loaded, func(f *file) bool {
		if f.time.After(hour) {
			return false
		}
		f.digest = nil
		return true
	})
}

// gather lists what could not be read.
func (s *Source) gather() {
	for path, c := range s.contents {
		if c.err != nil && c.poll == s.polls {
			s.faults = append(s.faults, Fault{path, c.err})
		}
	}
	slices.SortFunc(s.faults, func(a, b Fault) int { return cmp.Compare(a.Path, b.Path) })
}
