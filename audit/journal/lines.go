package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/gatepost-proxy/gatepost/audit"
)

var (
	errPartialLine = errors.New("line does not end")
	errLongLine    = errors.New("line is too long")
)

const (
	longestLine = audit.MaxLineBytes + 1 // with its newline
	readBuffer  = 256 << 10
)

// lineReader reads the lines of a file, front to back.
type lineReader struct {
	f      io.ReaderAt
	offset int64 // of the line that next returns next
	buf    []byte
	rest   []byte // read and not yet returned
	eof    bool
	err    error // of reading what follows rest
}

func newLineReader(f io.ReaderAt, offset int64) *lineReader {
	return &lineReader{f: f, offset: offset, buf: make([]byte, readBuffer)}
}

// next returns the next line without its newline; it is valid until the next
// call. At the end the error is io.EOF, behind a line without newline
// errPartialLine; offset then stands at that line.
func (r *lineReader) next() ([]byte, error) {
	for {
		if n := bytes.IndexByte(r.rest, '\n'); n >= 0 {
			line := r.rest[:n]
			r.rest = r.rest[n+1:]
			r.offset += int64(n) + 1
			if n > audit.MaxLineBytes {
				r.offset -= int64(n) + 1
				return nil, errLongLine
			}
			return line, nil
		}
		switch {
		case r.err != nil:
			return nil, r.err
		case r.eof && len(r.rest) == 0:
			return nil, io.EOF
		case len(r.rest) >= longestLine:
			return nil, errLongLine
		case r.eof:
			return nil, errPartialLine
		}
		kept := copy(r.buf, r.rest)
		n, err := r.f.ReadAt(r.buf[kept:], r.offset+int64(kept))
		r.rest = r.buf[:kept+n]
		if errors.Is(err, io.EOF) {
			r.eof = true
		} else {
			r.err = err
		}
	}
}

// seek returns the offset of a line whose index is at most want and near it, and
// that index, by bisection over a file whose first line has index first. In a
// damaged file it may fall short, never go too far.
func seek(f io.ReaderAt, size int64, first, want uint64) (offset int64, index uint64) {
	lo, hi, index := int64(0), size, first
	buf := make([]byte, 2*longestLine)
	for want > index && hi-lo > readBuffer {
		mid := lo + (hi-lo)/2
		n, err := f.ReadAt(buf, mid)
		if err != nil && !errors.Is(err, io.EOF) {
			break
		}
		newline := bytes.IndexByte(buf[:n], '\n')
		if newline < 0 {
			break
		}
		got, ok := audit.ParseHead(buf[newline+1 : n])
		at := mid + int64(newline) + 1
		switch {
		case !ok || got < index || at >= hi:
			return lo, index
		case got > want:
			hi = mid
		default:
			lo, index = at, got
		}
	}
	return lo, index
}

// copyRange copies the bytes from start to end.
func copyRange(dst io.Writer, src io.ReaderAt, start, end int64) error {
	n, err := io.Copy(dst, io.NewSectionReader(src, start, end-start))
	if err == nil && n < end-start {
		return fmt.Errorf("copy %d bytes: %w after %d", end-start, io.ErrUnexpectedEOF, n)
	}
	return err
}
