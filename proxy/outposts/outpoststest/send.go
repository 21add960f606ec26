package outpoststest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// loses reports whether a fault keeps the whole answer from arriving.
func loses(f Fault) bool {
	switch f.Damage {
	case CloseBeforeAnswer, ResetBeforeAnswer, CutHeaders, ResetAfterHeaders, ShortBody, StallBody,
		HugeBody, EndlessChunks, SwitchProtocols, NotHTTP, HugeHeaders:
		return true
	}
	return f.Informational < 0
}

// faultAnswer is the error or the redirect that a fault makes of a call.
func faultAnswer(f Fault) answer {
	a := restError(&refusal{f.Status, f.Code, f.Message})
	a.location = f.Location
	return a
}

// spoil makes the answers of GetConnection that are well-formed and wrong.
func spoil(output object, f Fault) object {
	switch f.Damage {
	case WrongConnectionID:
		output["ConnectionId"] = MakeConnection("another").ConnectionID
	case PartialDetails:
		if details, ok := output["ConnectionDetails"].(object); ok {
			details = maps.Clone(details)
			delete(details, "ServerPublicKey")
			delete(details, "ServerEndpoint")
			output["ConnectionDetails"] = details
		}
	case NoDetails:
		delete(output, "ConnectionDetails")
	}
	return output
}

// send writes the answer as the fault wants it. An error means that not all of it
// left.
func (s *Simulator) send(w http.ResponseWriter, r *http.Request, call *Call, a answer, f Fault) error {
	if f.Body != nil {
		a.body = f.Body
	}
	switch f.Damage {
	case InvalidJSON:
		a.body = append([]byte(`{"ConnectionId":`), a.body[:len(a.body)/2]...)
	case GzipBody:
		a.body = compress(a.body)
	}
	if err := pause(r.Context(), f.Delay); err != nil {
		return err
	}
	header := s.header(call, a, f)
	if raw := rawAnswer(a, header, f); raw != nil {
		return hijack(w, raw)
	}
	return write(w, r, a, header, f)
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// header keys are as AWS writes them; the Go SDK looks them up in any case. A nil
// value keeps net/http from adding the header itself.
func (s *Simulator) header(call *Call, a answer, f Fault) http.Header {
	h := http.Header{
		"x-amzn-RequestId": {call.RequestID},
		"Date":             {s.now().Add(f.ClockOffset).UTC().Format(http.TimeFormat)},
		"Content-Type":     {a.contentType},
		"Content-Length":   {strconv.Itoa(len(a.body))},
	}
	if a.code != "" && call.Service == ServiceOutposts {
		h["x-amzn-ErrorType"] = []string{a.code}
	}
	if a.location != "" {
		h["Location"] = []string{a.location}
	}
	switch f.Damage {
	case HugeBody:
		h["Content-Length"] = []string{strconv.Itoa(hugeBody)}
	case EndlessChunks:
		delete(h, "Content-Length")
	case GzipBody:
		h["Content-Encoding"] = []string{"gzip"}
	}
	for name, value := range f.Header {
		for have := range h {
			if strings.EqualFold(have, name) {
				delete(h, have)
			}
		}
		if h[name] = nil; value != "" {
			h[name] = []string{value}
		}
	}
	return h
}

const hugeBody = 1 << 30

// write sends the answers that net/http can send.
func write(w http.ResponseWriter, r *http.Request, a answer, header http.Header, f Fault) error {
	for range f.Informational {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
	}
	maps.Copy(w.Header(), header)
	w.WriteHeader(a.status)
	flush := http.NewResponseController(w).Flush
	switch f.Damage {
	case StallBody:
		if _, err := w.Write(a.body[:len(a.body)/2]); err != nil {
			return err
		}
		if err := flush(); err != nil {
			return err
		}
		<-r.Context().Done()
		return r.Context().Err()
	case DripBody:
		for i := range a.body {
			if err := pause(r.Context(), f.Interval); err != nil {
				return err
			}
			if _, err := w.Write(a.body[i : i+1]); err != nil {
				return err
			}
			if err := flush(); err != nil {
				return err
			}
		}
		return nil
	case HugeBody, EndlessChunks:
		chunk := bytes.Repeat([]byte(" "), 32<<10)
		for sent := 0; sent < hugeBody || f.Damage == EndlessChunks; sent += len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return err
			}
		}
		return nil
	}
	if _, err := w.Write(a.body); err != nil {
		return err
	}
	return flush()
}

// rawAnswer is the script of an answer that net/http would not send; nil means
// that it can.
func rawAnswer(a answer, header http.Header, f Fault) func(net.Conn) error {
	var head bytes.Buffer
	fmt.Fprintf(&head, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
	header.Write(&head)
	head.WriteString("\r\n")
	send := func(b []byte) func(net.Conn) error {
		return func(c net.Conn) error { _, err := c.Write(b); return err }
	}
	if f.Informational < 0 {
		hint := []byte("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")
		return func(c net.Conn) error {
			for {
				if _, err := c.Write(hint); err != nil {
					return err
				}
			}
		}
	}
	switch f.Damage {
	case CloseBeforeAnswer:
		return send(nil)
	case ResetBeforeAnswer:
		return reset
	case CutHeaders:
		return send(head.Bytes()[:head.Len()/2])
	case ResetAfterHeaders:
		return func(c net.Conn) error { return errors.Join(send(head.Bytes())(c), reset(c)) }
	case ShortBody:
		return send(append(head.Bytes(), a.body[:len(a.body)*2/5]...))
	case SwitchProtocols:
		return send([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"))
	case NotHTTP:
		return send([]byte("SSH-2.0-OpenSSH_9.9\r\n"))
	case HugeHeaders:
		line := "X-Filler: " + strings.Repeat("a", 1000) + "\r\n"
		return send([]byte("HTTP/1.1 200 OK\r\n" + strings.Repeat(line, 1<<10) + "\r\n"))
	}
	return nil
}

// hijack runs a script on the bare connection and closes it.
func hijack(w http.ResponseWriter, script func(net.Conn) error) error {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	defer conn.Close()
	return script(conn)
}

// reset makes closing the connection send RST.
func reset(c net.Conn) error {
	if inner, ok := c.(interface{ NetConn() net.Conn }); ok { // a *tls.Conn
		c = inner.NetConn()
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		return tcp.SetLinger(0)
	}
	return nil
}

func compress(b []byte) []byte {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(b)
	z.Close()
	return packed.Bytes()
}
