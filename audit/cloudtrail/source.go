package cloudtrail

import (
	"context"
	"time"
)

// Completeness says how much of a window's records a source has read.
type Completeness string

const (
	// Complete: all that was delivered was read, and CloudTrail's digests prove it.
	Complete Completeness = "complete"
	// CompleteUnvalidated: all that was delivered was read; nothing proves it.
	CompleteUnvalidated Completeness = "complete-unvalidated"
	// Provisional: what there is was read, and more may be delivered as a matter of
	// course.
	Provisional Completeness = "provisional"
	// Incomplete: something that should be there is not, or could not be read.
	Incomplete Completeness = "incomplete"
)

// Coverage is what a source says of a window of time once it has read it.
type Coverage struct {
	Account string // "" is unknown
	Region  string

	// Start and End bound the eventTime of the window's records: [Start, End).
	Start, End time.Time

	// AsOf is when the reading of the window began. All of the window's records
	// that were there at that time were handed over, at or after it, even those
	// that had been handed over before; so a window without one known record was
	// perhaps not read at all.
	AsOf         time.Time
	Completeness Completeness
	Reason       string // why it is no better, for people
}

// Sink takes what a source reads. When its methods return without an error, what
// follows from what they were given is durable, and the source may remember that
// it has read so far; on an error it stops and reads the same again later.
type Sink interface {
	// Records takes records in any order, some of them again. Seen is when the
	// source got them.
	Records(ctx context.Context, seen time.Time, records []Record) error
	// Covered takes what is to be said of a window after its records.
	Covered(ctx context.Context, c Coverage) error
}

// Places keeps a source's place over restarts: small values by name, durable when
// SetPlace returns. Place returns nil for a name that has none.
type Places interface {
	Place(ctx context.Context, name string) ([]byte, error)
	SetPlace(ctx context.Context, name string, value []byte) error
}

// Source reads records. A source is polled by one goroutine at a time.
type Source interface {
	// Poll reads what is due, in windows that begin no earlier than since, and hands
	// it over; it returns when there is nothing more to be had for now. The error is
	// what kept it from reading, after its own retries; its Status tells it too.
	Poll(ctx context.Context, since time.Time, sink Sink) error
	Status() Status
}

// Status tells a source that is behind from one that is broken.
type Status struct {
	OK          bool      // the newest reading succeeded
	Reason      string    // why not, and what to do; if OK, what it cannot tell all the same
	Since       time.Time // when it stopped succeeding; zero if OK
	LastSuccess time.Time // end of the newest reading that succeeded
	// Watermark: every window that ends before it has been read for the last time
	// but for sweeps.
	Watermark time.Time
	Throttled bool // the newest request was
}
