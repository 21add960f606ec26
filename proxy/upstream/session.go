package upstream

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// snapshot is one set of credentials and whom they belong to. It does not change.
type snapshot struct {
	credentials aws.Credentials
	identity    Identity
	obtained    time.Time
}

func (s *snapshot) usable(now time.Time) bool {
	return s.identity.Expires.IsZero() || now.Before(s.identity.Expires)
}

// earlyRefresh is when the instance metadata service has new credentials at the
// latest, before the old ones expire.
const earlyRefresh = 5 * time.Minute

// due reports whether it is time to look for the next set.
func (s *snapshot) due(now time.Time) bool {
	expires := s.identity.Expires
	if expires.IsZero() {
		return false
	}
	return !now.Before(expires.Add(-min(earlyRefresh, expires.Sub(s.obtained)/4)))
}

const (
	// refreshPause spaces the refreshes of credentials that stay due, or that AWS
	// keeps refusing: a source that hands out the same set again is not asked on
	// every call.
	refreshPause = 10 * time.Second

	// A source that fails is asked again after a time that doubles.
	shortestBackoff = time.Second
	longestBackoff  = time.Minute
)

// session keeps one set of credentials fresh. It has no goroutine of its own:
// whoever takes the credentials when they are due starts a refresh and goes on
// with the old ones.
type session struct {
	name     string // for the log
	retrieve func(context.Context) (*snapshot, error)
	obtained func(*snapshot) // told of each new set; nil is nobody
	work     *background
	log      *slog.Logger

	mu      sync.Mutex // guards the fields below; never held during a retrieval
	current *snapshot  // nil before the first
	refused bool       // AWS did not accept current
	running *retrieval // nil when none is
	failure error      // of the last retrieval
	failed  int        // retrievals in a row
	next    time.Time  // no early or forced retrieval is started before, and none at all after a failure
}

// retrieval is one that all who need it wait for.
type retrieval struct {
	done chan struct{} // closed when the fields below are set
	got  *snapshot
	err  error
}

// get is the set to sign with now. It waits only when there is none that is valid.
func (s *session) get(ctx context.Context) (*snapshot, error) {
	now := time.Now()
	s.mu.Lock()
	if current := s.current; current != nil && current.usable(now) && !s.refused {
		if current.due(now) && s.running == nil && !now.Before(s.next) {
			s.start()
		}
		s.mu.Unlock()
		return current, nil
	}
	r := s.running
	if r == nil {
		if s.failed > 0 && now.Before(s.next) {
			err := s.failure
			s.mu.Unlock()
			return nil, err
		}
		r = s.start()
	}
	s.mu.Unlock()
	select {
	case <-r.done:
		return r.got, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// start begins a retrieval; s.mu is held. It belongs to nobody who waits for it,
// so nobody who leaves ends it.
func (s *session) start() *retrieval {
	r := &retrieval{done: make(chan struct{})}
	s.running = r
	s.work.start(func(ctx context.Context) {
		r.got, r.err = s.retrieve(ctx)
		now := time.Now()
		if r.err == nil && !r.got.usable(now) {
			r.got, r.err = nil, errExpired
		}
		s.finish(ctx, r, now)
	})
	return r
}

var errExpired = errors.New("credentials have expired already")

func (s *session) finish(ctx context.Context, r *retrieval, now time.Time) {
	s.mu.Lock()
	s.running = nil
	if r.err == nil {
		s.current, s.refused, s.failure, s.failed = r.got, false, nil, 0
		s.next = now.Add(refreshPause)
	} else {
		wait := min(shortestBackoff<<min(s.failed, 10), longestBackoff)
		s.failure, s.failed, s.next = r.err, s.failed+1, now.Add(wait)
	}
	s.mu.Unlock()
	close(r.done)
	if r.err != nil {
		s.log.WarnContext(ctx, "obtain upstream credentials", "for", s.name, "err", r.err)
		return
	}
	if s.obtained != nil {
		s.obtained(r.got)
	}
}

// refuse says that AWS did not accept this set; the next to ask gets another one.
// A set that is hardly older than a moment is kept: a source that gave it would
// give it again, and new sessions take AWS a moment to know.
func (s *session) refuse(set *snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && s.current.obtained.Equal(set.obtained) && !time.Now().Before(s.next) {
		s.refused = true
	}
}

// status is what the session has, without waiting or asking for more: valid
// credentials, or the last failure, or neither.
func (s *session) status() (valid bool, failure error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	valid = s.current != nil && s.current.usable(time.Now()) && !s.refused
	return valid, s.failure
}

// background runs work that outlives the call which began it, until close.
type background struct {
	ctx     context.Context
	cancel  context.CancelFunc
	timeout time.Duration // of each piece of work
	group   sync.WaitGroup
}

func newBackground(timeout time.Duration) *background {
	ctx, cancel := context.WithCancel(context.Background())
	return &background{ctx: ctx, cancel: cancel, timeout: timeout}
}

func (b *background) start(work func(context.Context)) {
	b.group.Go(func() {
		ctx, cancel := context.WithTimeout(b.ctx, b.timeout)
		defer cancel()
		work(ctx)
	})
}

func (b *background) close() {
	b.cancel()
	b.group.Wait()
}
