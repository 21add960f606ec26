package index

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// errGone says that the log does not have an entry any more: its segment was
// taken away.
var errGone = errors.New("entry is not in the log any more")

// unreadableError says that the log has something else than an event where an
// entry is to be.
type unreadableError struct {
	index uint64
	err   error
}

func (e *unreadableError) Error() string {
	return fmt.Sprintf("entry %d cannot be read: %v", e.index, e.err)
}
func (e *unreadableError) Unwrap() error { return e.err }

// lines reads lines by index, for one query.
type lines struct {
	src    Source
	lookup *journal.Lookup // nil if the directory cannot be read
	first  uint64          // of the log; those before were pruned, or taken away
	gone   []journal.Range
}

func newLines(src Source, dir string) *lines {
	l := &lines{src: src}
	if lookup, err := journal.NewLookup(dir); err == nil {
		l.lookup = lookup
		if starts := lookup.Starts(); len(starts) > 0 {
			l.first = starts[0]
		}
	}
	return l
}

func (l *lines) close() {
	if l.lookup != nil {
		_ = l.lookup.Close()
	}
}

// read returns a line of its own. The offset is where it probably begins in its
// segment, or -1.
func (l *lines) read(index uint64, offset int64) ([]byte, error) {
	if l.isGone(index) {
		return nil, errGone
	}
	if l.lookup != nil {
		if line, ok := l.lookup.Line(index, offset); ok {
			return line, nil
		}
	}
	for line, err := range l.src.Read(index) {
		if missing, ok := errors.AsType[*journal.MissingError](err); ok {
			l.gone = append(l.gone, missing.Range)
			return nil, errGone
		}
		if corrupt, ok := errors.AsType[*journal.CorruptError](err); ok {
			return nil, &unreadableError{index, corrupt}
		}
		if err != nil {
			return nil, fmt.Errorf("read entry %d: %w", index, err)
		}
		if line.Index != index {
			break
		}
		return slices.Clone(line.Bytes), nil
	}
	return nil, errGone
}

func (l *lines) isGone(index uint64) bool {
	if index < l.first {
		return true
	}
	for _, r := range l.gone {
		if r.First <= index && index <= r.Last {
			return true
		}
	}
	return false
}
