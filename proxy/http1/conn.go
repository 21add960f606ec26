package http1

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// conn is one caller's connection; all but waiting belongs to the goroutine in serve.
type conn struct {
	srv *Server
	net net.Conn // the TLS connection where there is one

	buf      []byte // the bytes read and not yet used are buf[start:end]
	start    int
	end      int
	out      []byte
	deadline time.Time // the one last set

	req  Request
	resp Response

	// waiting is when this connection began to wait for a whole request (Unix nanoseconds), 0 while one is being answered and -1 once
	// somebody has claimed it to close it. Whoever moves it away from a positive value owns what happens next.
	waiting atomic.Int64
}

const claimed = -1

// remote is the peer's address and port; the zero value where the transport has none.
func remote(nc net.Conn) netip.AddrPort {
	addr, err := netip.ParseAddrPort(nc.RemoteAddr().String())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{srv: s, net: nc}
	c.req.conn = nc
	if s.TLS != nil {
		c.net = tls.Server(nc, s.TLS)
	}
	c.req.Remote = remote(nc)
	if c.req.Remote.IsValid() {
		c.req.RemoteIP = c.req.Remote.Addr().String()
	}
	c.waiting.Store(time.Now().UnixNano())
	return c
}

// claim closes the connection if it waits for a request, and reports whether it did. Any goroutine may call it.
func (c *conn) claim() bool {
	w := c.waiting.Load()
	if w <= 0 || !c.waiting.CompareAndSwap(w, claimed) {
		return false
	}
	c.req.conn.Close()
	return true
}

func (c *conn) serve() {
	defer c.net.Close()
	defer func() {
		if p := recover(); p != nil {
			c.srv.Logger.Error("panic on a connection", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		}
	}()
	if !c.handshake() {
		return
	}
	c.buf = make([]byte, 4<<10)
	for first := true; ; first = false {
		if !c.await(first) {
			return
		}
		c.req.reset()
		c.resp.Reset()
		c.req.Received = time.Now()
		refusal := c.read()
		if !c.take() {
			return
		}
		switch refusal {
		case nil:
			c.resp.Close = c.req.close
			c.srv.Handler.Serve(&c.resp, &c.req)
		case errGone:
			c.srv.Handler.Dropped(c.req.Remote, ReasonTruncated)
			return
		default:
			c.srv.Handler.Refuse(&c.resp, &c.req, *refusal)
			c.resp.Close = true
		}
		if c.srv.draining.Load() {
			c.resp.Close = true
		}
		if !c.respond() {
			return
		}
		if c.resp.Close {
			if refusal != nil {
				c.linger()
			}
			return
		}
	}
}

func (c *conn) handshake() bool {
	tc, ok := c.net.(*tls.Conn)
	if !ok {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.srv.HeaderTimeout)
	defer cancel()
	if err := tc.HandshakeContext(ctx); err != nil {
		if re, ok := errors.AsType[tls.RecordHeaderError](err); ok && re.Conn != nil && looksLikeHTTP(re.RecordHeader) {
			io.WriteString(re.Conn, "HTTP/1.1 400 Bad Request\r\nDate: "+httpDate(time.Now())+"\r\nConnection: close\r\n"+speaksHTTPS)
		}
		c.srv.Handler.Dropped(c.req.Remote, ReasonTLS)
		return false
	}
	c.req.TLS = new(tc.ConnectionState())
	return true
}

// speaksHTTPS is an error as SDKs of AWS understand it. No handler sees the request, which could not be read.
const speaksHTTPS = "Content-Type: application/json\r\nx-amzn-ErrorType: InvalidRequestException\r\nContent-Length: 47\r\n\r\n" +
	`{"message":"This port speaks HTTPS, not HTTP."}`

func looksLikeHTTP(h [5]byte) bool {
	switch string(h[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "PATCH", "DELET", "OPTIO":
		return true
	}
	return false
}

// await waits until at least one byte of a request is here. It reports false when there will be none.
func (c *conn) await(first bool) bool {
	now := time.Now()
	if !first && !c.waiting.CompareAndSwap(0, now.UnixNano()) {
		return false
	}
	if c.srv.draining.Load() { // a drain that began since the last answer may have missed this connection
		return false
	}
	if c.start < c.end {
		return true
	}
	if first {
		c.setDeadline(now.Add(c.srv.HeaderTimeout))
	} else {
		c.extend(now)
	}
	c.start = 0
	c.end, _ = c.net.Read(c.buf)
	return c.end > 0
}

// take ends the wait: from here on nobody else closes the connection.
func (c *conn) take() bool {
	w := c.waiting.Load()
	return w > 0 && c.waiting.CompareAndSwap(w, 0)
}

// extend moves the deadline to IdleTimeout from now, unless the one set is nearly as good: setting a deadline costs a timer
// operation, and one in sixteen of the timeout is precise enough for telling an idle connection.
func (c *conn) extend(now time.Time) {
	if want := now.Add(c.srv.IdleTimeout); want.Sub(c.deadline) > c.srv.IdleTimeout/16 || c.deadline.After(want) {
		c.setDeadline(want)
	}
}

func (c *conn) setDeadline(t time.Time) {
	c.deadline = t
	c.net.SetDeadline(t)
}

// read takes one request off the connection into c.req.
func (c *conn) read() *Refusal {
	// A message that does not begin with a method's letter (a TLS hello, an empty line, a lower-case method) can be told from its first byte.
	if b := c.buf[c.start]; b < 'A' || b > 'Z' {
		if b >= 'a' && b <= 'z' {
			return refuse(400, ReasonMethod)
		}
		return refuse(400, ReasonLineEnding)
	}
	for from := c.start; ; {
		end, next, refusal := headEnd(c.buf[:c.end], from)
		if refusal != nil {
			return refusal
		}
		if end > 0 {
			if end-c.start > MaxHead {
				return refuse(431, ReasonHeadTooLarge)
			}
			head := string(c.buf[c.start:end])
			c.start = end
			if refusal := c.req.parse(head); refusal != nil {
				return refusal
			}
			return c.readBody()
		}
		if c.end-c.start >= MaxHead {
			return refuse(431, ReasonHeadTooLarge)
		}
		from = next - c.compact()
		c.setDeadline(c.req.Received.Add(c.srv.HeaderTimeout))
		if refusal := c.fill(ReasonHeaderTimeout); refusal != nil {
			return refusal
		}
	}
}

func (c *conn) readBody() *Refusal {
	if c.req.length == 0 {
		return nil
	}
	if c.req.expectContinue && c.start == c.end {
		if _, err := io.WriteString(c.net, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return errGone
		}
	}
	for want := int(c.req.length); ; {
		n := min(want-len(c.req.Body), c.end-c.start)
		c.req.Body = append(c.req.Body, c.buf[c.start:c.start+n]...)
		c.start += n
		if len(c.req.Body) == want {
			return nil
		}
		c.start, c.end = 0, 0
		c.setDeadline(c.req.Received.Add(c.srv.RequestTimeout))
		if refusal := c.fill(ReasonRequestTimeout); refusal != nil {
			return refusal
		}
	}
}

// compact moves the unused bytes to the front, makes room for more, and returns how far they moved.
func (c *conn) compact() int {
	moved := c.start
	copy(c.buf, c.buf[c.start:c.end])
	c.start, c.end = 0, c.end-moved
	if c.end == len(c.buf) {
		c.buf = append(c.buf, make([]byte, len(c.buf))...)
	}
	return moved
}

// errGone is the refusal that nobody is left to hear.
var errGone = &Refusal{0, ReasonTruncated}

// fill reads what comes next. The end of the stream inside a request may be half a close, so it is answered; a reset is not.
func (c *conn) fill(timeout Reason) *Refusal {
	n, err := c.net.Read(c.buf[c.end:])
	c.end += n
	switch {
	case n > 0:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(408, timeout)
	case errors.Is(err, io.EOF):
		return refuse(400, ReasonTruncated)
	default:
		return errGone
	}
}

// respond writes the answer in one call. A caller that does not read it is given up at the connection's deadline.
func (c *conn) respond() bool {
	now := time.Now()
	c.extend(now)
	c.out = c.resp.appendTo(c.out[:0], now, c.req.Method == "HEAD")
	_, err := c.net.Write(c.out)
	return err == nil
}

// Lingering bounds how long and how much of a refused request is still read, so that the answer arrives before the reset that closing
// with unread bytes causes (RFC 9112 section 9.6).
const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 4 << 20
)

func (c *conn) linger() {
	half, ok := c.net.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	c.net.SetReadDeadline(time.Now().Add(lingerTime))
	io.CopyN(io.Discard, c.net, lingerBytes)
}
