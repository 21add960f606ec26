package journal

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"iter"
	"slices"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal/seekable"
)

// ReadBackward yields the durable lines before index before, newest first. All
// of them come before [math.MaxUint64].
func (j *Journal) ReadBackward(before uint64) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) { backward(j.dir, min(before, j.size.Load()), yield) }
}

// ReadDirBackward is to [Journal.ReadBackward] what [ReadDir] is to
// [Journal.Read].
func ReadDirBackward(dir string, before uint64) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		withDir(dir, yield, func(d Dir) { backward(d, before, yield) })
	}
}

func backward(d Dir, before uint64, yield func(Line, error) bool) {
	segs, err := listSegments(d)
	if err != nil {
		yield(Line{}, err)
		return
	}
	// Behind the newest segment there is nothing that could be missing.
	open := true
	for _, s := range slices.Backward(segs) {
		if s.first >= before {
			open = false
			continue
		}
		src, err := openSource(d, s)
		if errors.Is(err, fs.ErrNotExist) {
			continue // pruned or deleted since it was listed
		}
		if err != nil {
			yield(Line{}, err)
			return
		}
		more := src.backward(before, open, yield)
		_ = src.close()
		if !more {
			return
		}
		before, open = s.first, false
	}
	if len(segs) == 0 || open || before == 0 {
		return
	}
	for _, absent := range slices.Backward(absent(d, Range{0, before - 1})) {
		if !yield(Line{}, absent) {
			return
		}
	}
}

// backward yields the segment's lines before index before, newest first, and
// reports whether to go on.
func (s *source) backward(before uint64, open bool, yield func(Line, error) bool) bool {
	corrupt := func(index uint64, offset int64, err error) bool {
		return yield(Line{}, s.corrupt(index, offset, err)) && false
	}
	pos, next, err := s.lastLineBefore(before)
	if err != nil {
		return corrupt(next, pos, err)
	}
	if next < before && !open {
		if !yield(Line{}, &MissingError{Range: Range{next, before - 1}}) {
			return false
		}
	}
	buf := make([]byte, readBuffer)
	floor := int64(0) // a line begins here; what stands before is unreadable, or nothing
	var unreadable error
	for pos > floor {
		start := max(floor, pos-int64(len(buf)))
		chunk := buf[:pos-start]
		if _, err := s.ReadAt(chunk, start); err != nil {
			bad, isFrame := errors.AsType[*seekable.FrameError](err)
			if !isFrame || bad.Offset+int64(bad.Size) >= pos {
				return corrupt(max(next, 1)-1, start, err)
			}
			// What stands behind the damage can be read.
			floor, unreadable = bad.Offset+int64(bad.Size), err
			continue
		}
		// The buffer holds several of the longest lines, so that each round takes
		// at least one; what is in front of the first newline waits for the next.
		for pos > start {
			chunk = chunk[:pos-start]
			at := bytes.LastIndexByte(chunk[:len(chunk)-1], '\n') + 1
			if at == 0 && start > floor {
				if len(chunk) == len(buf) {
					return corrupt(next-1, start, errLongLine)
				}
				break
			}
			line := chunk[at : len(chunk)-1]
			if got, ok := audit.ParseHead(line); !ok || next == s.first || got != next-1 {
				return corrupt(max(next, 1)-1, start+int64(at), errWrongHead)
			}
			next--
			if !yield(Line{next, line}, nil) {
				return false
			}
			pos = start + int64(at)
		}
	}
	if unreadable != nil {
		return corrupt(max(next, 1)-1, floor, unreadable)
	}
	if next != s.first {
		return corrupt(s.first, 0, errWrongHead)
	}
	return true
}

// lastLineBefore returns where the last line before index before ends, and the
// index that follows it.
func (s *source) lastLineBefore(before uint64) (pos int64, next uint64, err error) {
	end, last, ok, err := lastLine(s, s.size)
	if err != nil {
		return end, before, err
	}
	if ok && last < before {
		return end, last + 1, nil
	}
	// There are lines behind the one that is looked for, or no line at all.
	offset, index := s.seek(before)
	r := newLineReader(s, offset)
	for ; index < before; index++ {
		at := r.offset
		line, err := r.next()
		if errors.Is(err, io.EOF) || errors.Is(err, errPartialLine) {
			return at, index, nil
		}
		if err == nil {
			if got, ok := audit.ParseHead(line); !ok || got != index {
				err = errWrongHead
			}
		}
		if err != nil {
			return at, index, err
		}
	}
	return r.offset, before, nil
}

// lastLine finds the last complete line of a file: where it ends, and its index
// if it has one.
func lastLine(f io.ReaderAt, size int64) (end int64, index uint64, ok bool, err error) {
	buf := make([]byte, 2*longestLine)
	start := max(0, size-int64(len(buf)))
	n, err := f.ReadAt(buf[:size-start], start)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, 0, false, err
	}
	newline := bytes.LastIndexByte(buf[:n], '\n')
	if newline < 0 {
		return 0, 0, false, nil
	}
	at := bytes.LastIndexByte(buf[:newline], '\n') + 1
	index, ok = audit.ParseHead(buf[at:newline])
	return start + int64(newline) + 1, index, ok, nil
}
