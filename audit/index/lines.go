package index

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/gatepost-proxy/gatepost/audit"
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

// maxFiles bounds the segments that one query holds open.
const maxFiles = 16

// usualLine is what is read at first. Few lines are longer.
const usualLine = 2 << 10

// lines reads lines by index, for one query.
type lines struct {
	src      Source
	root     *os.Root // nil if the directory cannot be opened
	segments []uint64
	files    map[uint64]*os.File // by segment
	gone     []journal.Range
	buf      []byte
}

func newLines(src Source, dir string) *lines {
	l := &lines{src: src, files: map[uint64]*os.File{}}
	if root, err := os.OpenRoot(dir); err == nil {
		l.root, l.segments = root, listSegments(dir)
	}
	return l
}

func (l *lines) close() {
	l.closeFiles()
	if l.root != nil {
		_ = l.root.Close()
	}
}

func (l *lines) closeFiles() {
	for _, f := range l.files {
		_ = f.Close()
	}
	clear(l.files)
}

// read returns a line of its own. The offset is where it probably begins in its
// segment, or -1.
func (l *lines) read(index uint64, offset int64) ([]byte, error) {
	if l.isGone(index) {
		return nil, errGone
	}
	if line, ok := l.readAt(index, offset); ok {
		return line, nil
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
	for _, r := range l.gone {
		if r.First <= index && index <= r.Last {
			return true
		}
	}
	return false
}

// readAt reads the line that begins at an offset, if it is the entry's.
func (l *lines) readAt(index uint64, offset int64) ([]byte, bool) {
	if l.root == nil || offset < 0 {
		return nil, false
	}
	segment, ok := holder(l.segments, index)
	if !ok {
		return nil, false
	}
	f := l.files[segment]
	if f == nil {
		var err error
		if f, err = l.root.Open(segmentName(segment)); err != nil {
			return nil, false
		}
		if len(l.files) >= maxFiles {
			l.closeFiles()
		}
		l.files[segment] = f
	}
	for _, size := range []int{usualLine, audit.MaxLineBytes + 1} {
		l.buf = slices.Grow(l.buf[:0], size)[:size]
		n, err := f.ReadAt(l.buf, offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, false
		}
		line := l.buf[:n]
		if got, ok := audit.ParseHead(line); !ok || got != index {
			return nil, false
		}
		if before, _, ok0 := bytes.Cut(line, []byte{'\n'}); ok0 {
			return slices.Clone(before), true
		}
	}
	return nil, false
}
