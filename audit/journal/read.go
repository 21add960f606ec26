package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"slices"

	"github.com/gatepost-proxy/gatepost/audit"
)

// Line is one entry as it stands in the log, without its newline.
type Line struct {
	Index uint64
	Bytes []byte // valid until the next step of the iteration
}

// CorruptError says that a segment holds something else than the log's lines.
type CorruptError struct {
	File   string
	Index  uint64 // of the entry that should stand there
	Offset int64  // in bytes
	Err    error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s: entry %d at byte %d: %v", e.File, e.Index, e.Offset, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// MissingError says that entries are not in the directory although later ones are.
type MissingError struct {
	Range
	// Pruned: they were removed on purpose, which the log itself records. Their
	// loss is no damage.
	Pruned bool
}

func (e *MissingError) Error() string {
	if e.Pruned {
		return fmt.Sprintf("entries %d to %d were pruned", e.First, e.Last)
	}
	return fmt.Sprintf("entries %d to %d are missing", e.First, e.Last)
}

func isMissing(err error) bool {
	_, ok := errors.AsType[*MissingError](err)
	return ok
}

var errWrongHead = errors.New("not the line of this index")

// Read yields the durable lines from index from on, in order, and ends at what
// was the end when the iteration began.
//
// After an error the iteration goes on only if that is a [*MissingError]; the
// entries that it names are skipped.
func (j *Journal) Read(from uint64) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) { forward(j.dir, from, j.size.Load(), yield) }
}

// ReadDir is like [Journal.Read] for a directory that this process has not open
// for writing. It takes no lock. Beside a running writer it ends at what has
// been written so far, which is synced an instant later; a line that is not yet
// complete is simply the end.
func ReadDir(dir string, from uint64) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		withDir(dir, yield, func(d Dir) { forward(d, from, math.MaxUint64, yield) })
	}
}

func withDir(path string, yield func(Line, error) bool, read func(Dir)) {
	d, err := osFS{}.OpenDir(path)
	if err != nil {
		yield(Line{}, fmt.Errorf("read audit directory: %w", err))
		return
	}
	defer d.Close()
	read(d)
}

// forward yields the lines with indices in [next, limit).
func forward(d Dir, next, limit uint64, yield func(Line, error) bool) {
	segs, err := listSegments(d)
	if err != nil {
		yield(Line{}, err)
		return
	}
	vanished := map[uint64]bool{}
	for next < limit && len(segs) > 0 {
		i := holder(segs, next)
		if i < 0 {
			for _, absent := range absent(d, Range{next, segs[0].first - 1}) {
				if !yield(Line{}, absent) {
					return
				}
			}
			next = segs[0].first
			continue
		}
		src, err := openSource(d, segs[i])
		if errors.Is(err, fs.ErrNotExist) && !vanished[segs[i].first] {
			// It was pruned since it was listed, or somebody has deleted it: the list
			// without it tells.
			vanished[segs[i].first] = true
			segs = slices.Delete(segs, i, i+1)
			continue
		}
		if err != nil {
			yield(Line{}, err)
			return
		}
		end, last := limit, i == len(segs)-1
		if !last {
			end = min(end, segs[i+1].first)
		}
		var more bool
		next, more = src.forward(next, end, yield)
		_ = src.close()
		if !more {
			return
		}
		switch {
		case next == end:
		case !last:
			if !yield(Line{}, &MissingError{Range: Range{next, end - 1}}) {
				return
			}
			next = end
		default:
			// The writer may have gone on in a new segment meanwhile.
			before := segs[i].first
			if segs, err = listSegments(d); err != nil {
				yield(Line{}, err)
				return
			}
			if len(segs) == 0 || segs[len(segs)-1].first == before {
				return
			}
		}
	}
}

// forward yields the segment's lines with indices in [next, end). It returns the
// next index to come and whether to go on.
func (s *source) forward(next, end uint64, yield func(Line, error) bool) (uint64, bool) {
	offset, index := s.seek(next)
	r := newLineReader(s, offset)
	for ; index < end; index++ {
		at := r.offset
		line, err := r.next()
		if errors.Is(err, io.EOF) || errors.Is(err, errPartialLine) {
			return max(index, next), true
		}
		if err == nil {
			if got, ok := audit.ParseHead(line); !ok || got != index {
				err = errWrongHead
			}
		}
		if err != nil {
			yield(Line{}, s.corrupt(index, at, err))
			return next, false
		}
		if index < next {
			continue
		}
		if !yield(Line{index, line}, nil) {
			return index + 1, false
		}
	}
	return end, true
}
