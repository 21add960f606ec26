package console

import (
	"context"
	"errors"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

// Index finds entries of the log. It may be behind the log, and says how far it
// has come.
type Index interface {
	// Query returns the entries that q chooses, newest first.
	Query(ctx context.Context, q Query) (Page, error)
	// Lookup returns what the log has about an event, by its id or by AWS's for
	// one of its attempts. What is not there is ErrNotFound, but not before the
	// index has come as far as the log was when it was asked: it waits for that
	// until ctx is done.
	Lookup(ctx context.Context, id string) (Found, error)
	// Summary counts entries over time.
	Summary(ctx context.Context, s Span) (Summary, error)
}

// ErrNotFound says that the log has no such event.
var ErrNotFound = errors.New("no such event")

// Query chooses a page of entries.
type Query struct {
	audit.Filter
	Intents bool   // with intents, if no kind is asked for
	Before  uint64 // only entries below this index; 0 is no bound
	Limit   int
}

// Page is what a query found.
type Page struct {
	Entries []Entry
	// Next is the Before of the page that follows, 0 if there is none.
	Next uint64
	// Indexed is how many entries of the log the answer takes into account.
	Indexed uint64
}

// Entry is one line of the log as it is stored.
type Entry struct {
	Index uint64
	Line  []byte
}

// Found is what the log has about one event.
type Found struct {
	Event  Entry   // of a call its outcome, or its intent while that is all there is
	Intent *Entry  // of a call to AWS
	About  []Entry // verdicts, findings and others that name the event, in the log's order
}

// Span is a time in steps.
type Span struct {
	Since, Until time.Time
	Step         time.Duration
}

// Summary has counts for each step that has any, in the order of time.
type Summary struct {
	Buckets []Bucket
	Indexed uint64
}

// Bucket counts the calls whose outcome is of one step.
type Bucket struct {
	Start      time.Time
	Calls      uint64
	Cache      map[string]uint64
	ErrorClass map[string]uint64
	State      map[string]uint64
}
