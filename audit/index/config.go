package index

import (
	"errors"
	"iter"
	"log/slog"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/journal"
)

const (
	fileName = "index.sqlite"
	lockName = "index.lock"

	// gather is how long an entry may wait for company: each transaction
	// rewrites a few dozen pages, however few entries it has.
	gather = 200 * time.Millisecond
	// What failed is tried again ever later: a full disk stays full for a while.
	minBackoff, maxBackoff = 500 * time.Millisecond, time.Minute
)

// Source is the journal that an index follows. [*journal.Journal] is one, and
// [Directory] makes one of a log that nobody writes.
type Source interface {
	// Read yields the entries from an index on, in order, up to the end as it is
	// by then. A line's bytes are valid until the next step. Entries that are
	// gone are a [*journal.MissingError], after which the iteration goes on behind
	// them; any other error ends it.
	Read(from uint64) iter.Seq2[journal.Line, error]
	// Size returns the number of entries.
	Size() uint64
	// Watch returns a channel that is closed once the size has grown.
	Watch() <-chan struct{}
}

var _ Source = (*journal.Journal)(nil)

// Observer is told what the index does. It must return quickly and must not
// call the index.
type Observer interface {
	// Indexed: a transaction is committed. Took is from reading the journal on.
	Indexed(entries int, took time.Duration)
	// Lag: so many entries of the journal are not indexed.
	Lag(entries uint64)
	// Rebuilt: the index was started anew, for one of the reasons below.
	Rebuilt(reason string)
}

// The closed set of reasons for which an index is rebuilt.
const (
	ReasonAbsent     = "absent"      // there was none
	ReasonSchema     = "schema"      // another version of gatepost made it
	ReasonForeign    = "foreign"     // the file is something else
	ReasonDamaged    = "damaged"     // the file holds what no index would
	ReasonRolledBack = "rolled_back" // the log is shorter than the index, or another one
	ReasonReplaced   = "replaced"    // the file was deleted or exchanged under a running index
	ReasonAsked      = "asked"       // somebody called Rebuild
)

// Config says what an index follows and where it stands.
type Config struct {
	// Dir is the audit directory. The index is the file index.sqlite in it, with
	// SQLite's own two beside it.
	Dir      string
	Source   Source
	Logger   *slog.Logger // nil discards
	Observer Observer     // nil is none
}

type noObserver struct{}

func (noObserver) Indexed(int, time.Duration) {}
func (noObserver) Lag(uint64)                 {}
func (noObserver) Rebuilt(string)             {}

func (c Config) withDefaults() (Config, error) {
	var faults []error
	if c.Dir == "" {
		faults = append(faults, errors.New("no directory"))
	}
	if c.Source == nil {
		faults = append(faults, errors.New("no source"))
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Observer == nil {
		c.Observer = noObserver{}
	}
	return c, errors.Join(faults...)
}
