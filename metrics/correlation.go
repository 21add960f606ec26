package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Correlation tells how the log's calls stand against CloudTrail, and how far
// CloudTrail has been read. Where correlation is turned off nobody calls Track,
// so that its gauges are absent, and its counters stay at 0.
type Correlation struct {
	lag      prometheus.Histogram
	findings counters
	lookups  counters
	state    gauges[CorrelationState]
}

// CorrelationState is what the correlator knows at the time of a scrape.
type CorrelationState struct {
	// Attempts are how many of those still remembered are in each state. A state
	// that is missing has none; one outside the closed set counts as "other".
	Attempts map[string]uint64
	// LastSuccess is when CloudTrail was last read without an error; zero before
	// the first time.
	LastSuccess time.Time
}

func newCorrelation(reg prometheus.Registerer, findingKinds, lookupResults []string) *Correlation {
	c := &Correlation{
		lag: prometheus.NewHistogram(secondsOpts("correlation", "lag_seconds",
			"Time from a call, by CloudTrail's clock, until its record was read.", lagBounds())),
		findings: newCounters(reg,
			counterOpts("correlation", "findings_total", "CloudTrail records that no call of the log accounts for as it should, by kind."),
			"kind", findingKinds...),
		lookups: newCounters(reg,
			counterOpts("cloudtrail", "lookups_total", "Requests to CloudTrail, or readings of its files, by what came of them."),
			"result", lookupResults...),
	}
	states := newLabelSet(correlationStates()...)
	for state := range states {
		c.state.parts = append(c.state.parts, gauge[CorrelationState]{
			gaugeDesc("correlation", "attempts", "Attempts against AWS that the correlator remembers, by their state against CloudTrail.", prometheus.Labels{"state": state}),
			func(s CorrelationState) (float64, bool) { return s.count(states, state), true },
		})
	}
	c.state.parts = append(c.state.parts, gauge[CorrelationState]{
		gaugeDesc("correlation", "last_success_timestamp_seconds", "When CloudTrail was last read without an error; absent before the first time.", nil),
		func(s CorrelationState) (float64, bool) { return timestamp(s.LastSuccess) },
	})
	reg.MustRegister(c.lag, &c.state)
	return c
}

// count folds the states that are not in the set into "other".
func (s CorrelationState) count(states labelSet, state string) float64 {
	var n uint64
	for name, attempts := range s.Attempts {
		if states.fold(name) == state {
			n += attempts
		}
	}
	return float64(n)
}

// Lag measures how long after a call, by the time in its record, the record was
// read.
func (c *Correlation) Lag(d time.Duration) { c.lag.Observe(seconds(d)) }

// Found counts a finding by its kind.
func (c *Correlation) Found(kind string) { c.findings.inc(kind) }

// Looked counts a request to CloudTrail by its result.
func (c *Correlation) Looked(result string) { c.lookups.inc(result) }

// Track gives the function that tells the correlator's state at a scrape.
func (c *Correlation) Track(read func() CorrelationState) { c.state.Track(read) }
