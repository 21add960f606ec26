package cloudtrailtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Server is a [Simulator] that listens on loopback.
type Server struct {
	*Simulator

	URL string // where the API answers

	server *http.Server
}

// headerTimeout frees what a client that says nothing holds.
const headerTimeout = 10 * time.Second

// Start makes a simulator and serves its API on a free port of 127.0.0.1.
func Start(c Config) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for simulated CloudTrail: %w", err)
	}
	sim := New(c)
	s := &Server{
		Simulator: sim,
		URL:       "http://" + listener.Addr().String(),
		server:    &http.Server{Handler: sim, ReadHeaderTimeout: headerTimeout, ErrorLog: log.New(io.Discard, "", 0)},
	}
	go s.server.Serve(listener)
	return s, nil
}

// Close stops listening and cuts every connection.
func (s *Server) Close() { s.server.Close() }

// maxRequestBody is far above every request of the API.
const maxRequestBody = 1 << 20

// ServeHTTP answers one request in the AWS JSON 1.1 protocol.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequestBody))
	if err != nil {
		return // there is nobody to answer
	}
	// Clients do not agree on what stands before the last dot.
	target := r.Header.Get("X-Amz-Target")
	q := Request{At: s.now(), Operation: target[strings.LastIndexByte(target, '.')+1:]}
	var fault Fault
	output, refused := func() (any, *refusal) {
		if refused := s.authenticate(&q, r, body); refused != nil {
			return nil, refused
		}
		return s.decide(&q, body, &fault)
	}()
	if fault.Hang {
		<-r.Context().Done()
	}
	if fault.Hang || fault.Cut || wait(r.Context(), fault.Delay) != nil {
		s.noted(q)
		panic(http.ErrAbortHandler)
	}
	q.Status = http.StatusOK
	if refused != nil {
		q.Status, q.Code, q.Events = refused.status, refused.code, 0
		output = map[string]string{"__type": "com.amazonaws.cloudtrail.v20131101#" + refused.code, "message": refused.message}
	}
	answer, err := json.Marshal(output)
	if err != nil {
		panic(err) // made here, of strings and numbers
	}
	if fault.Body != nil {
		answer = fault.Body
	}
	s.noted(q)
	header := w.Header()
	header.Set("Content-Type", "application/x-amz-json-1.1")
	header.Set("Content-Length", strconv.Itoa(len(answer)))
	header.Set("Date", s.now().UTC().Format(http.TimeFormat))
	header.Set("x-amzn-RequestId", uuid.NewString())
	w.WriteHeader(q.Status)
	w.Write(answer)
}

// decide does a request that is authenticated.
func (s *Simulator) decide(q *Request, body []byte, fault *Fault) (any, *refusal) {
	switch q.Operation {
	case "LookupEvents":
		var in lookupInput
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, refuse("SerializationException", "The request is not JSON.")
		}
		q.describe(&in)
		if *fault = s.take(*q); fault.Status != 0 {
			return nil, &refusal{fault.Status, fault.Code, fault.Message}
		}
		if s.limiter != nil && !s.limiter.AllowN(s.now(), 1) {
			return nil, refuse("ThrottlingException", "Rate exceeded")
		}
		out, refused := s.lookup(&in, q.Region, *fault)
		if refused != nil {
			return nil, refused
		}
		q.Events = len(out.Events)
		return out, nil
	case "ListPublicKeys":
		if *fault = s.take(*q); fault.Status != 0 {
			return nil, &refusal{fault.Status, fault.Code, fault.Message}
		}
		return s.publicKeys(body)
	}
	return nil, refuse("UnknownOperationException", "The operation does not exist.")
}

func (q *Request) describe(in *lookupInput) {
	at := func(seconds *float64) time.Time {
		if seconds == nil {
			return time.Time{}
		}
		return time.UnixMicro(int64(*seconds * 1e6)).UTC()
	}
	q.StartTime, q.EndTime, q.NextToken = at(in.StartTime), at(in.EndTime), in.NextToken
	if len(in.LookupAttributes) > 0 {
		q.Attribute, q.Value = in.LookupAttributes[0].AttributeKey, in.LookupAttributes[0].AttributeValue
	}
}

func wait(ctx context.Context, d time.Duration) error {
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

// Transport carries requests to the simulator without a network, for tests under
// testing/synctest: there, waiting on a socket would keep time from passing.
func (s *Simulator) Transport() http.RoundTripper { return transport{s} }

type transport struct{ sim *Simulator }

// RoundTrip serves the request in the goroutine of the caller.
func (t transport) RoundTrip(r *http.Request) (_ *http.Response, err error) {
	served := r.Clone(r.Context())
	served.RequestURI = r.URL.RequestURI()
	if served.Host == "" {
		served.Host = r.URL.Host
	}
	if served.Body == nil {
		served.Body = http.NoBody
	}
	defer served.Body.Close()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	answer := &answer{header: http.Header{}}
	defer func() {
		if p := recover(); p == http.ErrAbortHandler {
			if err = r.Context().Err(); err == nil {
				err = io.ErrUnexpectedEOF
			}
		} else if p != nil {
			panic(p)
		}
	}()
	t.sim.ServeHTTP(answer, served)
	return &http.Response{
		Status: http.StatusText(answer.status), StatusCode: answer.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: answer.header, Body: io.NopCloser(&answer.body), ContentLength: int64(answer.body.Len()), Request: r,
	}, nil
}

// answer is a response that is kept.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }
