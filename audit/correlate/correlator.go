package correlate

import (
	"hash/maphash"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// Correlator is the state of a correlation. It belongs to one goroutine.
type Correlator struct {
	cfg   Config
	rules []rule
	seed  maphash.Seed

	live    bool  // Tick was called
	now     int64 // of the last Tick; the log has been read so far
	stamp   time.Time
	out     []audit.Event
	expect  int // about how many there will be
	started bool
	start   int64  // when the log began
	next    uint64 // index of the next entry
	low     uint64

	// The log's side.
	calls    slab[call]
	attempts slab[attempt]
	byID     map[key]ref    // calls
	requests map[key]ref    // attempts by AWS's request id
	oddIDs   map[key]string // ids of calls that are not UUIDs
	shapes   map[shapeKey]*shape
	codes    map[string]string
	due      queue[ref] // attempts to be looked at when a record is due
	settling queue[ref] // and those that are late, when they settle

	// CloudTrail's side.
	seen      map[key]sighting
	held      map[ref]*arrival // records that are joined by less than a request id
	heldOrder []ref
	waiting   waiting
	groups    map[ref][]*group
	grouped   map[key]*group     // by record
	groupsAt  map[int64][]*group // by the minute of the record
	places    []*place
	placeBy   map[placeKey]*place
	addresses map[string]*addresses // by identity

	// What time forgets.
	buckets map[int64]*bucket
	minutes []int64 // of buckets, in order
	newest  *bucket // the one used last
	horizon int64   // what is older than this minute is forgotten
	past    past

	counts         [ranks]uint64
	hits, refusals uint64
}

// New makes a Correlator that knows nothing yet. Give it the log from
// [Correlator.Low] of the one before it, or from entry 0.
func New(cfg Config) *Correlator {
	c := &Correlator{
		cfg:       cfg.withDefaults(),
		seed:      maphash.MakeSeed(),
		byID:      make(map[key]ref),
		requests:  make(map[key]ref),
		oddIDs:    make(map[key]string),
		shapes:    make(map[shapeKey]*shape),
		codes:     make(map[string]string),
		seen:      make(map[key]sighting),
		held:      make(map[ref]*arrival),
		groups:    make(map[ref][]*group),
		grouped:   make(map[key]*group),
		groupsAt:  make(map[int64][]*group),
		placeBy:   make(map[placeKey]*place),
		addresses: make(map[string]*addresses),
		buckets:   make(map[int64]*bucket),
		start:     nanos(cfg.Start),
	}
	c.rules = compileRules(cfg.KnownDirect)
	c.waiting.init()
	return c
}

// Entry takes the log's next line, verdicts and findings included. The lines come
// in the log's order. The event is not kept.
//
// Until the first [Correlator.Tick], nothing is decided and nothing returned: a
// decision that Entry would make may stand further on in the log.
func (c *Correlator) Entry(e *audit.Event) []audit.Event {
	c.stamp = later(time.Unix(0, c.now), e.Time)
	c.entry(e)
	return c.take()
}

// Records takes records, in any order and as often as they come. Seen is when they
// came. Records of other services, of other types than AwsApiCall and from before
// [Correlator.Since] are passed over.
func (c *Correlator) Records(seen time.Time, records []cloudtrail.Record) []audit.Event {
	c.stamp = later(time.Unix(0, c.now), seen)
	c.expect = len(records)
	for i := range records {
		c.receive(&records[i], nanos(seen))
	}
	return c.take()
}

// Covered takes what a source says of a window, after the window's records. Before
// the first [Correlator.Tick] it means nothing.
func (c *Correlator) Covered(now time.Time, coverage cloudtrail.Coverage) []audit.Event {
	c.stamp = later(time.Unix(0, c.now), now)
	if c.live {
		c.decideWaiting() // a record that has just come may be the one that would be missing
		c.cover(nanos(now), coverage)
	}
	return c.take()
}

// Tick says that all lines that were made up to now have been given to Entry. It
// is the only clock: what waits is decided, and what is too old is forgotten, by
// Tick. Time that goes backwards is ignored.
func (c *Correlator) Tick(now time.Time) []audit.Event {
	c.now = max(c.now, nanos(now))
	c.stamp = time.Unix(0, c.now)
	if !c.live {
		c.live = true
		c.horizon = min(c.horizon, max(floorDiv(c.now-c.keepFor(), minute), 0)) // should the log's clock have been wrong
		c.sayPast()
		c.joinBacklog()
	}
	c.decideWaiting()
	c.passDeadlines()
	c.forget()
	return c.take()
}

// take returns what was decided.
func (c *Correlator) take() []audit.Event {
	out := c.out
	c.out, c.expect = nil, 0
	return out
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Low is the index from which the log has to be read after a restart. It holds
// once everything that was returned so far stands in the log, and never falls.
func (c *Correlator) Low() uint64 {
	low := c.next
	for _, b := range c.buckets {
		if b.entries {
			low = min(low, b.low)
		}
	}
	c.low = max(c.low, low)
	return c.low
}

// Since is the eventTime before which records are of no use. It never falls.
//
// After a restart, the records from Since on have to be given again, by their
// source or from an archive, those at least that had not led to a verdict or a
// finding; it does no harm to give them all. Records that wait for the log to be
// read as far are not in the log.
func (c *Correlator) Since() time.Time {
	since := max(c.start-c.clockMargin(), 0)
	if c.horizon > 0 {
		since = max(since, c.horizon*minute+int64(c.cfg.Grace))
	}
	return time.Unix(0, since).UTC()
}

// Counts returns how many attempts, and calls without any, are in each state, of
// what is remembered.
func (c *Correlator) Counts() map[State]uint64 {
	counts := map[State]uint64{NotApplicable: c.refusals, Derived: c.hits}
	for r, n := range c.counts {
		counts[rank(r).state()] = n
	}
	return counts
}

// clockMargin is how far the clocks of AWS and of the log may be apart where
// records are counted by the hour. AWS refuses signatures of a clock that is five
// minutes off.
func (c *Correlator) clockMargin() int64 {
	return int64(min(5*time.Minute, max(c.cfg.SettleAfter/24, 2*time.Second)))
}
