package upstream

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

// result is how one try ended: with an answer, or with a failure.
type result struct {
	answer  Answer
	failure *Error // nil: there is an answer

	// What is known of the answer even when the rest of it is not fit to relay.
	status    int
	requestID string

	sent            bool // a request went out, or may have
	staleConnection bool // it was lost on a connection that had served before
	took            time.Duration
}

func (r *result) class() audit.ErrorClass {
	if r.failure != nil {
		return r.failure.Class
	}
	return r.answer.Class
}

// attempt is the try's entry in the event. The code is AWS's own; without an
// answer it is the class of the failure, which no code of AWS looks like.
func (r *result) attempt() audit.Attempt {
	a := audit.Attempt{RequestID: r.requestID, Status: r.status, ErrorCode: r.answer.ErrorType, DurationUS: r.took.Microseconds()}
	if r.status == 0 {
		a.ErrorCode = string(r.class())
	}
	return a
}

// retryable says whether another try may end better, and does no harm to an AWS
// that asked to be left alone.
func (r *result) retryable() bool {
	if r.failure != nil {
		return r.failure.Class == audit.ErrorClassUpstreamConnect
	}
	switch r.status {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return r.answer.Class != audit.ErrorClassThrottling && r.answer.RetryAfter == ""
	}
	return false
}

// The pause before the retry is short, since a caller waits, and jittered, since
// what failed may have failed for many at once.
const (
	shortestPause = 25 * time.Millisecond
	longestPause  = 100 * time.Millisecond
)

// pause waits before the retry and reports whether there is time left for it.
func pause(ctx context.Context) bool {
	wait := shortestPause + rand.N(longestPause-shortestPause)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// try sends the call once, signed anew.
func (c *Client) try(ctx context.Context, where endpoint, call *Call, s *snapshot) *result {
	start := time.Now()
	r := &result{}
	defer func() {
		r.took = time.Since(start)
		if r.failure != nil {
			r.failure.Identity = s.identity
		}
	}()
	var seen wire
	// RoundTrip may return before the transport has let go of the trace, so that
	// everything in it is atomic.
	req, err := newRequest(seen.trace(ctx), where, call, c.config.Version, s, start)
	if err != nil {
		r.failure = &Error{Class: audit.ErrorClassOther, Reason: "request", Err: err}
		return r
	}
	resp, err := c.transport.RoundTrip(req)
	r.sent = seen.wrote.Load()
	if err != nil {
		r.failure = seen.failure(ctx, err)
		r.staleConnection = seen.reused.Load() && r.failure.Class == audit.ErrorClassUpstreamConnect
		return r
	}
	defer resp.Body.Close()
	r.sent = true
	r.status, r.requestID = resp.StatusCode, requestID(resp.Header)
	c.clock.check(ctx, resp.Header.Get("Date"), start, time.Now())
	body, failure := readBody(ctx, resp)
	if failure != nil {
		r.failure = failure
		return r
	}
	r.answer = newAnswer(resp, body)
	r.answer.Identity = s.identity
	return r
}
