package correlate

import (
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// Correlator is the state of a correlation. It belongs to one goroutine.
type Correlator struct {
	cfg Config
}

// New makes a Correlator that knows nothing yet. Give it the log from
// [Correlator.Low] of the one before it, or from entry 0.
func New(cfg Config) *Correlator { return &Correlator{cfg: cfg.withDefaults()} }

// Entry takes the log's next line, verdicts and findings included. The lines come
// in the log's order. The event is not kept.
//
// Until the first [Correlator.Tick], nothing is decided and nothing returned: a
// decision that Entry would make may stand further on in the log.
func (c *Correlator) Entry(e *audit.Event) []audit.Event { return nil }

// Records takes records, in any order and as often as they come. Seen is when they
// came. Records of other services, of other types than AwsApiCall and from before
// [Correlator.Since] are passed over.
func (c *Correlator) Records(seen time.Time, records []cloudtrail.Record) []audit.Event { return nil }

// Covered takes what a source says of a window, after the window's records.
func (c *Correlator) Covered(now time.Time, coverage cloudtrail.Coverage) []audit.Event { return nil }

// Tick says that all lines that were made up to now have been given to Entry. It
// is the only clock: what waits is decided, and what is too old is forgotten, by
// Tick. Time that goes backwards is ignored.
func (c *Correlator) Tick(now time.Time) []audit.Event { return nil }

// Low is the index from which the log has to be read after a restart. It holds
// once everything that was returned so far stands in the log, and never falls.
func (c *Correlator) Low() uint64 { return 0 }

// Since is the eventTime before which records are of no use. After a restart, the
// records from Since on have to be given again, from an archive or by the source;
// it does not matter which of them are. It never falls.
func (c *Correlator) Since() time.Time { return time.Time{} }

// Counts returns how many attempts, and calls without any, are in each state, of
// what is remembered.
func (c *Correlator) Counts() map[State]uint64 { return nil }
