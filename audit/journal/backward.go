package journal

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"os"

	"github.com/gatepost-proxy/gatepost/audit"
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
	for i := len(segs) - 1; i >= 0; i-- {
		if segs[i].first >= before {
			continue
		}
		// Behind the newest segment there is nothing that could be missing.
		open := i == len(segs)-1
		if !backwardSegment(d, segs[i], before, open, yield) {
			return
		}
		before = segs[i].first
	}
	if len(segs) > 0 && segs[0].first > 0 {
		yield(Line{}, &MissingError{Range{0, segs[0].first - 1}})
	}
}

// backwardSegment yields the lines of one segment before index before, newest
// first, and reports whether to go on.
func backwardSegment(d Dir, s segment, before uint64, open bool, yield func(Line, error) bool) bool {
	f, err := d.OpenFile(s.name, os.O_RDONLY)
	if err != nil {
		return yield(Line{}, err) && false
	}
	defer f.Close()
	corrupt := func(index uint64, offset int64, err error) bool {
		return yield(Line{}, &CorruptError{File: s.name, Index: index, Offset: offset, Err: err}) && false
	}
	pos, next, err := lastLineBefore(f, s, before)
	if err != nil {
		return corrupt(next, pos, err)
	}
	if next < before && !open {
		if !yield(Line{}, &MissingError{Range{next, before - 1}}) {
			return false
		}
	}
	buf := make([]byte, readBuffer)
	for pos > 0 {
		start := max(0, pos-int64(len(buf)))
		chunk := buf[:pos-start]
		if _, err := f.ReadAt(chunk, start); err != nil {
			return corrupt(next-1, start, err)
		}
		// The buffer holds several of the longest lines, so that each round takes
		// at least one; what is in front of the first newline waits for the next.
		for pos > 0 {
			chunk = chunk[:pos-start]
			at := bytes.LastIndexByte(chunk[:len(chunk)-1], '\n') + 1
			if at == 0 && start > 0 {
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
	if next != s.first {
		return corrupt(s.first, 0, errWrongHead)
	}
	return true
}

// lastLineBefore returns where the last line before index before ends, and the
// index that follows it.
func lastLineBefore(f File, s segment, before uint64) (pos int64, next uint64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, s.first, err
	}
	end, last, ok, err := lastLine(f, info.Size)
	if err != nil {
		return end, before, err
	}
	if ok && last < before {
		return end, last + 1, nil
	}
	// There are lines behind the one that is looked for, or no line at all.
	offset, index := seek(f, info.Size, s.first, before)
	r := newLineReader(f, offset)
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
