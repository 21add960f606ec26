package dashboard

import (
	"slices"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

// latency has percentiles of the time that calls took, in microseconds.
type latency struct {
	Name               string
	Calls              int
	P50, P90, P99, Max int64
}

// Latency is that of the newest calls: of all, and by the part that the cache
// played.
func (v Now) Latency() []latency {
	times := map[audit.CacheResult][]int64{}
	var all []int64
	for i := range v.Newest {
		e := &v.Newest[i].Event
		if e.Kind != audit.KindOutcome {
			continue
		}
		all = append(all, e.DurationUS)
		times[e.Cache] = append(times[e.Cache], e.DurationUS)
	}
	if len(all) == 0 {
		return nil
	}
	list := []latency{percentiles("all", all)}
	for _, c := range []audit.CacheResult{audit.CacheHit, audit.CacheCoalesced, audit.CacheMiss, audit.CacheBypass, audit.CacheNone} {
		if len(times[c]) > 0 {
			list = append(list, percentiles(string(c), times[c]))
		}
	}
	return list
}

// percentiles are by the nearest rank.
func percentiles(name string, times []int64) latency {
	slices.Sort(times)
	rank := func(percent int) int64 { return times[max(0, (len(times)*percent+99)/100-1)] }
	return latency{name, len(times), rank(50), rank(90), rank(99), times[len(times)-1]}
}

// Measured is the time of the oldest call that latency is measured of.
func (v Now) Measured() *index.Entry {
	if len(v.Newest) == 0 {
		return nil
	}
	return &v.Newest[len(v.Newest)-1]
}
