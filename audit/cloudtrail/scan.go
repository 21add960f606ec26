package cloudtrail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	readBytes = 64 << 10 // the least that a read has room for
	maxDepth  = 1000     // of brackets
)

// scanner splits JSON into values without looking into them: it follows strings
// and brackets. The first error sticks; after it, methods return zero values.
type scanner struct {
	r    io.Reader
	rerr error  // r's
	buf  []byte // of the file, from base; buf[pos:] is yet to be scanned
	base int64
	pos  int
	err  error

	// Of the value being scanned: brackets to be closed, and where its unfinished
	// string begins, counted from the value's first byte; 0 is outside a string.
	closing []byte
	quoted  int
}

// offset is where in the file the scanner is.
func (s *scanner) offset() int64 { return s.base + int64(s.pos) }

func (s *scanner) fail(err error) {
	if s.err == nil {
		s.err = fmt.Errorf("byte %d: %w", s.offset(), err)
	}
}

// fill reads more behind buf[pos:], which it may move.
func (s *scanner) fill() {
	n := copy(s.buf, s.buf[s.pos:])
	s.base += int64(s.pos)
	s.buf, s.pos = s.buf[:n], 0
	if cap(s.buf)-n < readBytes {
		s.buf = append(make([]byte, 0, 2*cap(s.buf)+readBytes), s.buf...)
	}
	for len(s.buf) == n && s.rerr == nil {
		var m int
		m, s.rerr = s.r.Read(s.buf[n:cap(s.buf)])
		s.buf = s.buf[:n+m]
	}
	switch {
	case len(s.buf) > n:
	case s.rerr == io.EOF:
		s.pos = n
		s.fail(io.ErrUnexpectedEOF)
	default:
		s.pos = n
		s.fail(s.rerr)
	}
}

// peek skips white space and returns the byte behind it.
func (s *scanner) peek() byte {
	for s.err == nil {
		for ; s.pos < len(s.buf); s.pos++ {
			if c := s.buf[s.pos]; !isSpace(c) {
				return c
			}
		}
		s.fill()
	}
	return 0
}

// want takes c.
func (s *scanner) want(c byte) {
	got := s.peek()
	switch {
	case s.err != nil:
	case got != c:
		s.fail(fmt.Errorf("%q in place of %q", got, c))
	default:
		s.pos++
	}
}

// end is for the end of the file: err is io.EOF then.
func (s *scanner) end() {
	if s.err != nil {
		return
	}
	c := s.peek()
	switch {
	case s.err == nil:
		s.fail(fmt.Errorf("%q behind the end", c))
	case s.rerr == io.EOF:
		s.err = io.EOF
	}
}

// value takes the next value, of at most [MaxRecordBytes], and returns it. The
// bytes are valid until the next call of any method.
func (s *scanner) value() []byte {
	s.peek()
	s.closing, s.quoted = s.closing[:0], 0
	for n := 0; s.err == nil; {
		b := s.buf[s.pos:]
		var done bool
		if n, done = s.scan(b, n); s.err != nil {
			break
		}
		if n > MaxRecordBytes {
			s.fail(errors.New("more bytes than a record can have"))
			break
		}
		if done {
			s.pos += n
			return b[:n:n]
		}
		s.fill()
	}
	return nil
}

// scan looks for the end of the value that b begins with. It has looked at the
// first n bytes before, and returns how many it has looked at now.
func (s *scanner) scan(b []byte, n int) (int, bool) {
	for n < len(b) {
		if s.quoted > 0 {
			i := bytes.IndexByte(b[n:], '"')
			if i < 0 {
				return len(b), false
			}
			n += i + 1
			if escaped(b[s.quoted : n-1]) {
				continue
			}
			s.quoted = 0
			if len(s.closing) == 0 {
				return n, true
			}
			continue
		}
		switch c := b[n]; c {
		case '"':
			s.quoted = n + 1
		case '{', '[':
			if len(s.closing) == maxDepth {
				s.pos += n
				s.fail(errors.New("nested too deeply"))
				return n, false
			}
			s.closing = append(s.closing, c+2) // the closing one, in ASCII
		case '}', ']':
			last := len(s.closing) - 1
			if last < 0 && n > 0 {
				return n, true
			}
			if last < 0 || s.closing[last] != c {
				s.pos += n
				s.fail(fmt.Errorf("unexpected %q", c))
				return n, false
			}
			if s.closing = s.closing[:last]; last == 0 {
				return n + 1, true
			}
		case ',', ':', ' ', '\t', '\r', '\n':
			if len(s.closing) > 0 {
				break
			}
			if n == 0 {
				s.fail(fmt.Errorf("unexpected %q", c))
			}
			return n, true
		}
		n++
	}
	return n, false
}

// escaped holds if a quote behind s, which is within a string, does not end it.
func escaped(s []byte) bool {
	n := 0
	for n < len(s) && s[len(s)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
