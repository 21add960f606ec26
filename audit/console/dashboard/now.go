package dashboard

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

// Now is the view of what happens: counts, latency, health, and what needs
// attention. It tells of no single call.
type Now struct {
	Since, Until time.Time
	Step         time.Duration
	Points       []index.Point // of that time
	Range        string        // the name of the one of Ranges that it is

	Newest []index.Entry // the newest outcomes, of which latency is measured

	Ready      bool
	Components map[string]Component
	Open       []OpenFindings
	Keys       []Key // nil: they are not known
	At         time.Time
}

// Component is a part of gatepost, and whether it works.
type Component struct {
	OK      bool
	Reason  string
	Since   time.Time // when it stopped working; zero if that is not known
	Details map[string]any
}

// OpenFindings counts what nobody has acknowledged.
type OpenFindings struct {
	State string
	Count int
	More  bool // than Count
}

// Range is a length of time to look back over.
type Range struct {
	Name   string
	Length time.Duration
	Step   time.Duration
}

// Ranges are those to choose from. The second is the default. Their steps are
// those that an index has counted already, or few of them.
func Ranges() []Range {
	const day = 24 * time.Hour
	return []Range{
		{"1h", time.Hour, time.Minute},
		{"24h", day, time.Hour},
		{"7d", 7 * day, 3 * time.Hour},
		{"30d", 30 * day, day},
	}
}

func (Now) view() (name, section, title string) { return "now", "Now", "Now" }

// Choices are the ranges as links.
func (v Now) Choices() []Range { return Ranges() }

// figure is a number that stands by itself.
type figure struct {
	Name, Value, Note string
	Link              string
}

// Figures are the numbers on top.
func (v Now) Figures() []figure {
	var calls, hits, lookups, failed, denied uint64
	for _, p := range v.Points {
		calls += p.Calls
		hits += p.ByCache[string(audit.CacheHit)] + p.ByCache[string(audit.CacheCoalesced)]
		lookups += p.ByCache[string(audit.CacheHit)] + p.ByCache[string(audit.CacheCoalesced)] + p.ByCache[string(audit.CacheMiss)]
		for class, n := range p.ByErrorClass {
			switch {
			case class == string(audit.ErrorClassNone) || class == "":
			case refusedByUs(class):
				denied += n
			default:
				failed += n
			}
		}
	}
	list := []figure{{Name: "Calls", Value: number(calls), Note: rateText(calls, v.Until.Sub(v.Since)), Link: "/events?kind=outcome"}}
	ratio := figure{Name: "Hit ratio", Value: "–", Note: "no call was looked up in the cache"}
	if lookups > 0 {
		ratio.Value, ratio.Note = percent(hits, lookups), number(hits)+" of "+number(lookups)+" looked up"
	}
	list = append(list, ratio)
	list = append(list,
		figure{Name: "Refused", Value: number(denied), Note: shareText(denied, calls), Link: "/events?decision=deny"},
		figure{Name: "Failed", Value: number(failed), Note: shareText(failed, calls)})
	median := figure{Name: "Median time", Value: "–", Note: "no call was answered"}
	if l := v.Latency(); len(l) > 0 {
		median.Value, median.Note = took(l[0].P50), "99 of 100 within "+took(l[0].P99)
	}
	return append(list, median)
}

// refusedByUs tells the classes of calls that gatepost did not let through.
func refusedByUs(class string) bool {
	switch audit.ErrorClass(class) {
	case audit.ErrorClassSignature, audit.ErrorClassClockSkew, audit.ErrorClassPolicy, audit.ErrorClassBadRequest, audit.ErrorClassUnknownOperation:
		return true
	}
	return false
}

func rateText(n uint64, d time.Duration) string {
	perSecond := float64(n) / max(1, d.Seconds())
	switch {
	case n == 0:
		return "none in " + spanText(d)
	case perSecond >= 10:
		return fmt.Sprintf("%.0f a second on average", perSecond)
	case perSecond >= 0.1:
		return fmt.Sprintf("%.1f a second on average", perSecond)
	case perSecond*60 >= 0.1:
		return fmt.Sprintf("%.1f a minute on average", perSecond*60)
	}
	return fmt.Sprintf("%.1f an hour on average", perSecond*3600)
}

func percent(part, of uint64) string {
	p := 100 * float64(part) / float64(of)
	if part == of || p < 99.95 {
		return fmt.Sprintf("%.1f\u00a0%%", p)
	}
	return "> 99.9\u00a0%" // all but some is not all
}

func shareText(part, of uint64) string {
	if of == 0 {
		return "no calls"
	}
	return percent(part, of) + " of calls"
}

// Charts are the counts over time.
func (v Now) Charts() []chart {
	s := spanOf(v.Since, v.Until, v.Step)
	around := func(name, value string) string {
		return queryPath("/events", name, value, "kind", "outcome", "since", s.since.UTC().Format(time.RFC3339))
	}
	var classes []string
	for _, c := range audit.ErrorClasses() {
		if c != audit.ErrorClassNone {
			classes = append(classes, string(c))
		}
	}
	return []chart{
		newChart(v.Points, s, counted{
			title: "Calls by cache",
			names: []string{string(audit.CacheHit), string(audit.CacheCoalesced), string(audit.CacheMiss), string(audit.CacheBypass), string(audit.CacheNone)},
			of:    func(p index.Point) map[string]uint64 { return p.ByCache },
			class: func(name string) string { return "c-" + known(name, "none", "hit", "coalesced", "miss", "bypass") },
			link:  func(name string) string { return around("cache", name) },
		}),
		newChart(v.Points, s, counted{
			title: "Calls that went wrong, by error class",
			names: classes,
			of: func(p index.Point) map[string]uint64 {
				wrong := make(map[string]uint64)
				for class, n := range p.ByErrorClass {
					if class != string(audit.ErrorClassNone) {
						wrong[class] = n
					}
				}
				return wrong
			},
			class: func(name string) string {
				i := slices.Index(classes, name)
				return fmt.Sprintf("e-%d", i%8)
			},
			link: func(name string) string { return around("error_class", name) },
		}),
	}
}

// known is the value if it is one of the list, else the fallback.
func known(value, fallback string, list ...string) string {
	if slices.Contains(list, value) {
		return value
	}
	return fallback
}

// stateCount is how many calls, or findings, are in a state.
type stateCount struct {
	State string
	Count uint64
	Tone  tone
	Link  string
}

// States count what CloudTrail says about the calls of the time.
func (v Now) States() []stateCount {
	totals := make(map[string]uint64)
	for _, p := range v.Points {
		for state, n := range p.ByState {
			totals[state] += n
		}
	}
	var list []stateCount
	for state, n := range totals {
		if n > 0 {
			list = append(list, stateCount{state, n, stateTone(state), queryPath("/events", "state", state)})
		}
	}
	slices.SortFunc(list, func(a, b stateCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.State, b.State))
	})
	return list
}
