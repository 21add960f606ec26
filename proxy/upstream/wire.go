package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"net/textproto"
	"sync/atomic"

	"github.com/gatepost-proxy/gatepost/audit"
)

// wire is what one try saw of its connection. The dial may outlive the try and
// report late, so every field is atomic.
type wire struct {
	connected     atomic.Bool // a connection was there to send on
	reused        atomic.Bool // it had served before
	wrote         atomic.Bool // the request's head was handed to the connection
	answered      atomic.Bool // the first byte of the answer came
	tlsFailed     atomic.Bool
	informational atomic.Int32
}

// maxInformational bounds the 1xx answers before the real one. AWS sends none.
const maxInformational = 5

var errInformational = errors.New("too many informational answers")

func (w *wire) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			w.connected.Store(true)
			w.reused.Store(info.Reused)
		},
		WroteHeaders:         func() { w.wrote.Store(true) },
		GotFirstResponseByte: func() { w.answered.Store(true) },
		Got1xxResponse: func(int, textproto.MIMEHeader) error {
			if w.informational.Add(1) > maxInformational {
				return errInformational
			}
			return nil
		},
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err != nil {
				w.tlsFailed.Store(true)
			}
		},
	})
}

// failure says why RoundTrip brought no answer.
func (w *wire) failure(ctx context.Context, err error) *Error {
	if errors.Is(err, errInformational) {
		return invalid("informational answers", err)
	}
	connect := func(reason string) *Error {
		return &Error{Class: audit.ErrorClassUpstreamConnect, Reason: reason, Err: err}
	}
	if w.connected.Load() {
		if failure := interrupted(ctx, err, "answer"); failure != nil {
			return failure
		}
		if w.answered.Load() {
			return invalid("answer head", err)
		}
		return connect("connection lost")
	}
	if ctx.Err() != nil {
		return interrupted(ctx, err, "connect")
	}
	if w.tlsFailed.Load() || isTLS(err) {
		return &Error{Class: audit.ErrorClassUpstreamTLS, Reason: "tls", Err: err}
	}
	if errors.Is(err, errLocalAddress) {
		return connect("local address")
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return connect("dns")
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "proxyconnect" || errors.Is(err, errProxyRefused) {
		return connect("proxy")
	}
	return connect("dial")
}

// isTLS recognises a failed handshake by its error, for a connection that another
// call had begun to dial and whose trace is the other's.
func isTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	_, ok := errors.AsType[tls.AlertError](err)
	return ok
}
