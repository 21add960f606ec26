package ledger

import (
	"errors"
	"iter"

	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// Source is the journal that a ledger follows. It holds durable entries only:
// what it has once yielded it yields ever after, or not at all.
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

func isMissing(err error) bool {
	_, ok := errors.AsType[*journal.MissingError](err)
	return ok
}
