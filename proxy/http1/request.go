package http1

import (
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
)

// Request is one request as it stood on the wire. It belongs to the connection's goroutine until the handler returns.
type Request struct {
	Method   string
	Path     string        // raw: still percent-encoded
	Query    string        // raw: after the first "?"
	HasQuery bool          // a "?" was there, even with nothing behind it
	Fields   []sigv4.Field // in order, names as received
	Body     []byte        // reused: copy what outlives the handler

	Received time.Time // when the head's first byte was seen, with a monotonic reading
	Remote   netip.AddrPort
	RemoteIP string               // Remote's address as text, "" when the transport has none
	TLS      *tls.ConnectionState // nil on plaintext

	conn           net.Conn // what ClientGone peeks at: the TCP connection, under TLS too
	length         int64
	close          bool
	expectContinue bool
}

func (r *Request) reset() {
	clear(r.Fields)
	r.Method, r.Path, r.Query, r.HasQuery = "", "", "", false
	r.Fields, r.Body = r.Fields[:0], r.Body[:0]
	r.length, r.close, r.expectContinue = 0, false, false
}

// Get returns the value of the first field of that name, in any case, or "".
func (r *Request) Get(name string) string {
	for i := range r.Fields {
		if len(r.Fields[i].Name) == len(name) && strings.EqualFold(r.Fields[i].Name, name) {
			return r.Fields[i].Value
		}
	}
	return ""
}

// ClientGone reports whether the caller has closed the connection already, by a look at the socket that takes nothing from it.
// False is no promise that the answer will arrive.
func (r *Request) ClientGone() bool {
	sc, ok := r.conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		gone = err == nil && n == 0 || err != nil && err != syscall.EAGAIN && err != syscall.EINTR
	})
	return gone || err != nil
}
