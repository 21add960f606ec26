package correlate

import (
	"cmp"
	"time"
)

// The defaults of a Config.
const (
	DefaultLateAfter   = 15 * time.Minute
	DefaultSettleAfter = 2 * time.Hour
	DefaultKeep        = 48 * time.Hour

	// maxGrace is the default of Grace, unless LateAfter is shorter: AWS refuses
	// signatures of a clock that is five minutes off, and no call takes as long as
	// the other five.
	maxGrace = 10 * time.Minute
)

// Config says how long to wait for what. A zero duration takes its default.
type Config struct {
	// LateAfter is how long after an attempt its record is due.
	LateAfter time.Duration

	// SettleAfter is how long after an attempt a record that is not there counts as
	// missing. It is at least LateAfter and Grace.
	SettleAfter time.Duration

	// Grace is how far past a record's eventTime the log must have been read before
	// a record that nobody claims is called bypass. It has to be longer than the
	// longest call and the difference of the clocks together.
	Grace time.Duration

	// Keep is how long past SettleAfter calls and records are remembered, so that a
	// record that comes later still joins. What has no verdict by then never gets a
	// better one.
	Keep time.Duration

	// KnownDirect describes callers that are expected to go round gatepost.
	KnownDirect []Rule

	// Origin is the log's name, for the texts of findings.
	Origin string

	// Start is when the log began: a record from before is no finding. Zero means
	// the time of entry 0; of a log that is read from a later entry it means that it
	// began before every record that will be given.
	Start time.Time

	// AtCalls gives a finding the time of the record's call, and a verdict that of the
	// log's, rather than the time at which they are decided. It is for looking back:
	// what is decided has no place in the log then.
	AtCalls bool
}

func (c Config) withDefaults() Config {
	c.LateAfter = cmp.Or(max(c.LateAfter, 0), DefaultLateAfter)
	c.Grace = cmp.Or(max(c.Grace, 0), min(maxGrace, c.LateAfter))
	c.SettleAfter = max(cmp.Or(max(c.SettleAfter, 0), DefaultSettleAfter), c.LateAfter, c.Grace)
	c.Keep = cmp.Or(max(c.Keep, 0), DefaultKeep)
	return c
}

// Rule describes a caller that is expected to go round gatepost. All members that
// are set have to match; a rule without any matches nobody.
type Rule struct {
	PrincipalARN string // glob with '*', over the identity's ARN or its role's
	SourceIP     string // an address or a CIDR
	UserAgent    string // glob with '*'
}
