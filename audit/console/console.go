package console

import (
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/console/dashboard"
	"github.com/gatepost-proxy/gatepost/audit/console/session"
	"github.com/gatepost-proxy/gatepost/audit/console/token"
)

// Console answers requests on the admin listener.
type Console struct {
	cfg     Config
	log     *slog.Logger
	gate    gate
	handler http.Handler
	limits  limits
	slots   slots
	tail    *tail

	pages    *dashboard.Pages
	now      nowViews
	sessions *session.Store // nil without tokens
	attempts session.Attempts
	exports  chan struct{} // holds one for each that is under way

	closeOnce sync.Once
	closing   chan struct{} // closed by Close
}

// New makes a Console.
func New(c Config) *Console {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Console{cfg: c, log: c.Logger, closing: make(chan struct{}), pages: dashboard.New(), exports: make(chan struct{}, maxExports), tail: newTail(c.Log)}
	s.gate = newGate(c.Tokens)
	if c.Tokens != nil {
		s.sessions = session.NewStore(c.Tokens)
	}
	s.handler = s.guard(s.mux())
	return s
}

func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// Close ends the streams, each with an event that says where to resume. Other
// requests are not affected.
func (c *Console) Close() { c.closeOnce.Do(func() { close(c.closing) }) }

const (
	headerTimeout = 5 * time.Second // clients send it at once
	readTimeout   = 15 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10

	// writeTimeout bounds an answer, and a stream's every write. It leaves time
	// for a page of the longest lines on a slow line.
	writeTimeout = 30 * time.Second
)

// Server makes the server for a listener: HTTP/1.1 alone, with bounds on what a
// client may take. Its Shutdown ends the streams too.
func (c *Console) Server() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	s := &http.Server{
		Handler:           c,
		Protocols:         protocols,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(c.log.Handler(), slog.LevelWarn),
	}
	s.RegisterOnShutdown(c.Close)
	return s
}

// gate lets requests of a role through: a [token.Store], or [token.Loopback].
type gate interface {
	Require(role token.Role, next http.Handler) http.Handler
}

func newGate(tokens *token.Store) gate {
	if tokens == nil {
		return token.Loopback{}
	}
	return tokens
}
