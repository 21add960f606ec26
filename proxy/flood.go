package proxy

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/gatepost-proxy/gatepost/audit"
)

// A source's refusals are recorded one by one up to floodRate a second, with floodBurst at once: far more than a misconfigured fleet
// makes, far less than fills a disk. Past it they are counted, and the count is recorded every floodInterval.
const (
	floodRate     = 100
	floodBurst    = 1000
	floodInterval = 10 * time.Second
	floodSources  = 4096 // sources known at a time; the rest share one allowance
)

// flood keeps unauthenticated callers from filling the log, and loses none of their calls.
type flood struct {
	journal Journal
	now     func() time.Time

	mu      sync.Mutex // guards sources
	sources map[netip.Prefix]*floodSource
}

type floodSource struct {
	address netip.Prefix
	limit   *rate.Limiter

	mu      sync.Mutex // guards the rest, and is held while a summary is opened: whoever it will count waits until it is durable
	summary summary    // the open one, zero when none is
	count   uint64
}

// summary is the entry that begins a stretch of refusals that are counted.
type summary struct {
	id    string
	index uint64
}

func newFlood(j Journal, now func() time.Time) *flood {
	return &flood{journal: j, now: now, sources: make(map[netip.Prefix]*floodSource)}
}

// admit says whether a refusal of that source is recorded by itself. If not, it has been counted in the summary that is returned, whose
// entry is durable; an error means that it is not.
func (f *flood) admit(source netip.Addr) (alone bool, in summary, err error) {
	s := f.source(source)
	now := f.now()
	if s.limit.AllowN(now, 1) {
		return true, summary{}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.summary == (summary{}) {
		e := &audit.Event{ID: audit.NewID(now), Kind: audit.KindSystem, Time: now, SourceIP: s.text(), Decision: audit.Deny, Action: "suppression_started"}
		commit, err := f.journal.Append(context.Background(), e)
		if err != nil {
			return false, summary{}, err
		}
		s.summary, s.count = summary{e.ID, commit.Index}, 0
	}
	s.count++
	return false, s.summary, nil
}

// source finds the allowance of an address; neighbours in an IPv6 /64, which one host can use at will, share one.
func (f *flood) source(a netip.Addr) *floodSource {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	f.mu.Lock()
	defer f.mu.Unlock()
	if s, ok := f.sources[p]; ok {
		return s
	}
	if len(f.sources) >= floodSources {
		p = netip.Prefix{}
		if s, ok := f.sources[p]; ok {
			return s
		}
	}
	s := &floodSource{address: p, limit: rate.NewLimiter(floodRate, floodBurst)}
	f.sources[p] = s
	return s
}

// summarise records the counts of the interval that ends and forgets the sources that have been quiet.
func (f *flood) summarise() {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	for p, s := range f.sources {
		if s.close(f.journal, now) || s.limit.TokensAt(now) < floodBurst {
			continue
		}
		delete(f.sources, p)
	}
}

// close ends an open summary and reports whether there was one.
func (s *floodSource) close(j Journal, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.summary == (summary{}) {
		return false
	}
	j.Record(&audit.Event{
		ID: audit.NewID(now), Kind: audit.KindSystem, Time: now, SourceIP: s.text(), Decision: audit.Deny,
		Action: "unauthenticated_summary", Of: s.summary.id, Count: s.count,
	})
	s.summary = summary{}
	return true
}

// text names the source in a summary: an address, an IPv6 /64, or "" for those that share one allowance because too many are known.
func (s *floodSource) text() string {
	switch {
	case !s.address.IsValid():
		return ""
	case s.address.IsSingleIP():
		return s.address.Addr().String()
	default:
		return s.address.String()
	}
}
