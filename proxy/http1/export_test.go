package http1

import (
	"io"
	"net"
	"strings"
	"time"
)

// readOnly is a connection that yields what it was made of and then ends.
type readOnly struct{ *strings.Reader }

func (readOnly) Write(b []byte) (int, error)      { return len(b), nil }
func (readOnly) Close() error                     { return nil }
func (readOnly) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (readOnly) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (readOnly) SetDeadline(time.Time) error      { return nil }
func (readOnly) SetReadDeadline(time.Time) error  { return nil }
func (readOnly) SetWriteDeadline(time.Time) error { return nil }

var _ io.ReadWriteCloser = readOnly{}

// ParseForTest reads the first request of raw as a connection would.
func ParseForTest(raw string) (method, path, query string, fields int, body string, ok bool) {
	c := newConn(&Server{}, readOnly{strings.NewReader(raw)})
	c.buf = make([]byte, 4<<10)
	if !c.await(true) || c.read() != nil {
		return "", "", "", 0, "", false
	}
	return c.req.Method, c.req.Path, c.req.Query, len(c.req.Fields), string(c.req.Body), true
}
