package http1

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Handler answers. Both methods are called from many goroutines, one a connection, and must set a status.
type Handler interface {
	// Serve answers a well-formed request.
	Serve(w *Response, r *Request)
	// Refuse answers what is not one. r holds what had been read by then: trust none of it.
	Refuse(w *Response, r *Request, refusal Refusal)
	// Dropped hears of a connection that ended without an answer.
	Dropped(remote netip.AddrPort, reason Reason)
}

// Server serves HTTP/1.1 on a listener. Its fields are not changed once Serve has been called.
type Server struct {
	Handler        Handler
	TLS            *tls.Config   // nil: plaintext
	HeaderTimeout  time.Duration // first byte of a request to the end of its head, and the TLS handshake
	RequestTimeout time.Duration // first byte of a request to the end of its body
	IdleTimeout    time.Duration // between requests; also how long a caller may take to read an answer
	MaxConns       int           // at the limit the connection that has waited longest makes room
	Logger         *slog.Logger

	mu       sync.Mutex // guards listener, conns and the start of a drain
	listener net.Listener
	conns    map[*conn]struct{}
	done     sync.WaitGroup // one for each of conns
	draining atomic.Bool
}

// ErrServerClosed is what Serve returns after Shutdown.
var ErrServerClosed = errors.New("http1: server closed")

// acceptPause is how long Serve waits after a failed accept, which is nearly always a lack of file descriptors: long enough not to spin.
const acceptPause = 20 * time.Millisecond

// Serve accepts until Shutdown and then returns ErrServerClosed. It owns ln.
func (s *Server) Serve(ln net.Listener) error {
	s.mu.Lock()
	s.listener, s.conns = ln, make(map[*conn]struct{})
	s.mu.Unlock()
	for {
		nc, err := ln.Accept()
		if err != nil {
			if s.draining.Load() {
				return ErrServerClosed
			}
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			s.Logger.Error("accept", slog.Any("err", err))
			time.Sleep(acceptPause)
			continue
		}
		s.start(nc)
	}
}

func (s *Server) start(nc net.Conn) {
	c := newConn(s, nc)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Load() || len(s.conns) >= s.MaxConns && !s.makeRoom() {
		nc.Close()
		s.Handler.Dropped(c.req.Remote, ReasonTooManyConns)
		return
	}
	s.conns[c] = struct{}{}
	s.done.Go(func() {
		defer s.forget(c)
		c.serve()
	})
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// makeRoom closes the connection that has waited for bytes longest, so that idle or dripping connections, however many, never keep a
// caller out. It reports false when every connection is being answered. Called with mu held; linear in the connections, but only at the limit.
func (s *Server) makeRoom() bool {
	var oldest *conn
	var since int64
	for c := range s.conns {
		if w := c.waiting.Load(); w > 0 && (oldest == nil || w < since) {
			oldest, since = c, w
		}
	}
	if oldest == nil || !oldest.claim() {
		return false
	}
	delete(s.conns, oldest)
	return true
}

// Shutdown stops accepting, closes the connections that wait for a request and waits for the others to be answered, until ctx ends; then
// it closes those too and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.draining.Store(true)
	if s.listener != nil {
		s.listener.Close()
	}
	for c := range s.conns {
		c.claim()
	}
	s.mu.Unlock()

	drained := make(chan struct{})
	go func() { s.done.Wait(); close(drained) }()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.conns {
			c.net.Close()
		}
		return ctx.Err()
	}
}

// Conns returns how many connections are open.
func (s *Server) Conns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}
