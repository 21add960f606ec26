package ledger

import (
	"iter"

	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// Source is the journal that a ledger follows. It holds durable entries only:
// what it has once yielded it yields ever after, or not at all.
type Source interface {
	// Read yields the entries from an index on, in order, up to the end as it is
	// by then. A line's bytes are valid until the next step. An entry that is
	// gone is skipped or an error; an entry in the place of another is neither.
	Read(from uint64) iter.Seq2[journal.Line, error]
	// Size returns the number of entries.
	Size() uint64
	// Watch returns a channel that is closed once the size has grown.
	Watch() <-chan struct{}
}

var _ Source = (*journal.Journal)(nil)
