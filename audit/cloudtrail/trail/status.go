package trail

import (
	"fmt"
	"sync"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// stale is how old the newest file of a trail may be. CloudTrail delivers a file
// every five minutes while there are calls, and a digest every hour.
const stale = 3 * time.Hour

// statusKeeper holds a status for whoever asks.
type statusKeeper struct {
	mu     sync.Mutex // guards status
	status cloudtrail.Status
}

// Status tells how the newest Poll went. A trail of which nothing new arrives is
// not in order: nothing tells a quiet trail from a copy that is not made any more.
func (s *Source) Status() cloudtrail.Status {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	return s.kept.status
}

func (k *statusKeeper) fails(now time.Time, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.status.OK || k.status.LastSuccess.IsZero() && k.status.Since.IsZero() {
		k.status.Since = now
	}
	k.status.OK, k.status.Reason = false, err.Error()
}

func (k *statusKeeper) succeeds(now time.Time, read cloudtrail.Status) {
	k.mu.Lock()
	defer k.mu.Unlock()
	read.LastSuccess = now
	if !read.OK {
		read.LastSuccess = k.status.LastSuccess
		if !k.status.OK && !k.status.Since.IsZero() {
			read.Since = k.status.Since
		}
	}
	k.status = read
}

// status is how things stand after a poll. The watermark is that of the accounts
// and regions of which something was delivered lately: no window of theirs before
// it is provisional.
func (s *Source) status(t *tree, since time.Time) cloudtrail.Status {
	var newest, watermark time.Time
	for _, st := range t.streams {
		newest = later(newest, st.newest)
		if s.asOf.Sub(st.newest) > stale {
			continue
		}
		hour := later(st.first, since.Truncate(time.Hour))
		for ; !hour.After(st.newest); hour = hour.Add(time.Hour) {
			if told, ok := s.place.told(st.streamKey, hour); !ok || !told.Final {
				break
			}
		}
		if watermark.IsZero() || hour.Before(watermark) {
			watermark = hour
		}
	}
	status := cloudtrail.Status{OK: true, Watermark: watermark}
	unnamed := false // no name tells the time of its file
	if newest.IsZero() {
		newest = made(t.strays)
		unnamed = !newest.IsZero()
	}
	switch {
	case s.config.Offline || t.files > 0 && s.asOf.Sub(newest) <= stale:
		if unnamed {
			status.Reason = fmt.Sprintf("the names of the files in %q do not tell what window they are of, as CloudTrail's own do: their records are read, but no attempt can be missing", s.config.Paths)
		}
	case newest.IsZero() && len(s.faults) > 0:
		status.OK, status.Since, status.Reason = false, s.asOf, fmt.Sprintf("no log file in %q could be read: %v", s.config.Paths, s.faults[0])
	case newest.IsZero():
		status.OK, status.Since, status.Reason = false, s.asOf, fmt.Sprintf("there are no log files in %q: is the trail's bucket copied there?", s.config.Paths)
	default:
		status.OK, status.Since, status.Reason = false, newest.Add(stale), fmt.Sprintf("the newest file is of %s: is the trail's bucket still copied here?", stamp(newest))
	}
	return status
}

// made is when the newest was made of those files that were read, whose names do
// not tell when they were delivered.
func made(strays []*file) time.Time {
	var newest time.Time
	for _, f := range strays {
		if f.err == nil {
			newest = later(newest, f.mtime)
		}
	}
	return newest
}
