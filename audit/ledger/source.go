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

// JournalSource makes a [Source] of a journal that can still be read when that
// is closed. The ledger needs it: the journal's last line has to be signed, and
// is written by closing it. Dir is the journal's directory.
func JournalSource(j *journal.Journal, dir string) Source { return journalSource{j, dir} }

type journalSource struct {
	*journal.Journal
	dir string
}

func (s journalSource) Read(from uint64) iter.Seq2[journal.Line, error] {
	return func(yield func(journal.Line, error) bool) {
		// What is behind the size may be written, but is not durable.
		size := s.Size()
		if from >= size {
			return
		}
		for line, err := range journal.ReadDir(s.dir, from) {
			if err == nil && line.Index >= size || !yield(line, err) {
				return
			}
		}
	}
}

func isMissing(err error) bool {
	_, ok := errors.AsType[*journal.MissingError](err)
	return ok
}
