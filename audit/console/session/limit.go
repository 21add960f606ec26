package session

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Attempts bounds how often tokens can be tried in vain. They cannot be guessed;
// this is for the noise that guessing would make. Whoever has one that is valid
// does not ask here: those behind one address cannot lock each other out. The zero
// value is ready.
type Attempts struct {
	mu     sync.Mutex // guards what follows
	all    *rate.Limiter
	source map[netip.Prefix]*rate.Limiter
}

const (
	attemptsPerSecond = 10 // from everywhere
	attemptsBurst     = 50
	sourceEvery       = 5 * time.Second
	sourceBurst       = 10
	maxSources        = 4096
)

// Allow tells whether a source may still fail now.
func (a *Attempts) Allow(from netip.Addr, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = rate.NewLimiter(attemptsPerSecond, attemptsBurst)
		a.source = make(map[netip.Prefix]*rate.Limiter)
	}
	if a.all.TokensAt(now) < 1 {
		return false // and nothing is kept of a source that one flood has many of
	}
	p := network(from)
	limit := a.source[p]
	if limit == nil {
		a.makeRoom(now)
		limit = rate.NewLimiter(rate.Every(sourceEvery), sourceBurst)
		a.source[p] = limit
	}
	// A source that is past its own bound does not use up everybody's.
	return limit.AllowN(now, 1) && a.all.AllowN(now, 1)
}

// makeRoom forgets sources that have not tried for long, or else any: the bound on
// all holds for those too.
func (a *Attempts) makeRoom(now time.Time) {
	if len(a.source) < maxSources {
		return
	}
	for p, limit := range a.source {
		if limit.TokensAt(now) >= sourceBurst {
			delete(a.source, p)
		}
	}
	for p := range a.source {
		if len(a.source) < maxSources {
			return
		}
		delete(a.source, p)
	}
}

// network is what one host can have addresses of: of IPv6, 2⁶⁴.
func network(from netip.Addr) netip.Prefix {
	from = from.Unmap().WithZone("")
	bits := 32
	if from.Is6() {
		bits = 64
	}
	p, err := from.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // whoever has no address shares one bound
	}
	return p
}
