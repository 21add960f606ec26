package lookup

import (
	"sync"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// statusKeeper is what Status tells.
type statusKeeper struct {
	mu     sync.Mutex // guards status, which others ask for while a poll is under way
	status cloudtrail.Status
}

// Status tells how reading goes.
func (s *Source) Status() cloudtrail.Status {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	return s.kept.status
}

func (s *Source) change(f func(*cloudtrail.Status)) {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	f(&s.kept.status)
}

// answered notes a request that succeeded.
func (s *Source) answered() {
	s.change(func(st *cloudtrail.Status) { st.Throttled = false })
}

// refused notes a request that failed. Throttling is told at once, for it may go
// on for as long as a poll; what passes with the next attempt is not.
func (s *Source) refused(err *Error) {
	throttled := err.Result == ResultThrottled
	if throttled {
		s.fails(err)
	}
	s.change(func(st *cloudtrail.Status) { st.Throttled = throttled })
}

func (s *Source) fails(err error) {
	now := s.config.Now()
	s.change(func(st *cloudtrail.Status) {
		if st.OK {
			st.OK, st.Since = false, now
		}
		st.Reason = s.reason(err)
	})
}

func (s *Source) succeeds() {
	now := s.config.Now()
	s.change(func(st *cloudtrail.Status) {
		*st = cloudtrail.Status{OK: true, LastSuccess: now, Watermark: s.place.Settled}
	})
}
