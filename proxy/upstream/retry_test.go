package upstream_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
	"github.com/gatepost-proxy/gatepost/proxy/upstream"
	"github.com/google/go-cmp/cmp"
)

func TestRetry(t *testing.T) {
	fail := func(status int) outpoststest.Fault {
		return outpoststest.Fault{Status: status, Code: "InternalServerException"}
	}
	lost := audit.Attempt{ErrorCode: "upstream_connect"}
	failed := func(status int) audit.Attempt {
		return audit.Attempt{Status: status, ErrorCode: "InternalServerException"}
	}
	ok := audit.Attempt{Status: 200}
	for _, test := range []struct {
		name   string
		call   upstream.Call
		faults []outpoststest.Fault
		want   []audit.Attempt // request ids are filled in from what AWS saw
	}{
		{"500 once", getConnection(), []outpoststest.Fault{fail(500)}, []audit.Attempt{failed(500), ok}},
		{"502 once", getConnection(), []outpoststest.Fault{fail(502)}, []audit.Attempt{failed(502), ok}},
		{"503 once", getConnection(), []outpoststest.Fault{fail(503)}, []audit.Attempt{failed(503), ok}},
		{"504 once", getConnection(), []outpoststest.Fault{fail(504)}, []audit.Attempt{failed(504), ok}},
		{"503 twice", getConnection(), []outpoststest.Fault{fail(503), fail(503), fail(503)}, []audit.Attempt{failed(503), failed(503)}},
		{"501", getConnection(), []outpoststest.Fault{fail(501)}, []audit.Attempt{failed(501)}},
		{"closed before the answer", getConnection(), []outpoststest.Fault{{Damage: outpoststest.CloseBeforeAnswer}}, []audit.Attempt{lost, ok}},
		{"reset before the answer", getConnection(), []outpoststest.Fault{{Damage: outpoststest.ResetBeforeAnswer}}, []audit.Attempt{lost, ok}},
		{"closed, then 503", getConnection(), []outpoststest.Fault{{Damage: outpoststest.CloseBeforeAnswer}, fail(503)}, []audit.Attempt{lost, failed(503)}},
		{"throttled", getConnection(), []outpoststest.Fault{outpoststest.Throttled()}, []audit.Attempt{{Status: 400, ErrorCode: "ThrottlingException"}}},
		{"429", getConnection(), []outpoststest.Fault{{Status: 429}}, []audit.Attempt{{Status: 429}}},
		{"503 that throttles", getConnection(), []outpoststest.Fault{{Status: 503, Code: "SlowDown"}}, []audit.Attempt{{Status: 503, ErrorCode: "SlowDown"}}},
		{"503 that names a time", getConnection(), []outpoststest.Fault{{Status: 503, Header: map[string]string{"Retry-After": "3"}}}, []audit.Attempt{{Status: 503}}},
		{"403", getConnection(), []outpoststest.Fault{{Status: 403, Code: "AccessDeniedException"}}, []audit.Attempt{{Status: 403, ErrorCode: "AccessDeniedException"}}},
		{"POST and 500", startConnection(), []outpoststest.Fault{fail(500)}, []audit.Attempt{failed(500)}},
		{"POST and 503", startConnection(), []outpoststest.Fault{fail(503)}, []audit.Attempt{failed(503)}},
		{"POST and closed", startConnection(), []outpoststest.Fault{{Damage: outpoststest.CloseBeforeAnswer}}, []audit.Attempt{lost}},
		{"POST and reset", startConnection(), []outpoststest.Fault{{Damage: outpoststest.ResetBeforeAnswer}}, []audit.Attempt{lost}},
	} {
		t.Run(test.name, func(t *testing.T) {
			sim := start(t, outpoststest.Config{})
			sim.Script(test.faults...)
			watch := &recorder{}
			client := open(t, sim, func(c *upstream.Config) { c.Observer = watch })
			answer, err := client.Do(t.Context(), test.call)
			got := answer.Attempts
			if err != nil {
				e, ok := errors.AsType[*upstream.Error](err)
				if !ok || !e.Sent || e.Class != audit.ErrorClassUpstreamConnect || e.Identity.AccessKeyID != outpoststest.DefaultAccessKeyID {
					t.Fatalf("error %#v", err)
				}
				got = e.Attempts
			}
			calls := sim.Calls()
			if len(calls) != len(test.want) {
				t.Fatalf("AWS saw %d calls, want %d", len(calls), len(test.want))
			}
			for i := range test.want {
				if test.want[i].Status != 0 {
					test.want[i].RequestID = calls[i].RequestID
				}
			}
			if diff := cmp.Diff(test.want, untimed(got)); diff != "" {
				t.Errorf("attempts (-want +got)\n%s", diff)
			}
			if _, _, attempts := watch.seen(); len(attempts) != len(test.want) {
				t.Errorf("observed %v", attempts)
			}
		})
	}
}

// net/http repeats a GET by itself when a connection that was used before breaks.
// Every request that arrives must be an attempt.
func TestNoSilentReplayOnReusedConnections(t *testing.T) {
	for _, breakage := range []struct {
		name string
		do   func(*rawConn)
	}{
		{"close", func(*rawConn) {}},
		{"reset", func(c *rawConn) { c.reset() }},
	} {
		for _, call := range []upstream.Call{getConnection(), startConnection(), {
			Operation: "UntagResource", Method: http.MethodDelete, Path: "/tags/a", Query: "tagKeys=a", Region: "us-west-2", EventID: eventID,
		}} {
			t.Run(breakage.name+" "+call.Method, func(t *testing.T) {
				// The first answer is fine; the second request on the same connection, and
				// the first of every other, are taken and not answered.
				raw := listen(t, func(c *rawConn) {
					if c.number == 0 {
						c.request()
						c.send(okAnswer)
					}
					c.request()
					breakage.do(c)
				})
				client := raw.client(t, nil)
				if _, err := client.Do(t.Context(), getConnection()); err != nil {
					t.Fatal(err)
				}
				_, err := client.Do(t.Context(), call)
				e, ok := errors.AsType[*upstream.Error](err)
				if !ok || e.Class != audit.ErrorClassUpstreamConnect || !e.Sent {
					t.Fatalf("error %v", err)
				}
				want := 1
				if call.ReadOnly {
					want = 2
				}
				if arrived := len(raw.requests()) - 1; arrived != want || len(e.Attempts) != want {
					t.Errorf("%d requests arrived, %d attempts, want %d", arrived, len(e.Attempts), want)
				}
			})
		}
	}
}

// A connection that AWS closed while it was idle costs nobody an answer.
func TestIdleConnectionsThatWereClosed(t *testing.T) {
	closed := make(chan struct{})
	raw := listen(t, func(c *rawConn) {
		if c.request() {
			c.send(okAnswer)
			c.Close()
			closed <- struct{}{}
		}
	})
	client := raw.client(t, nil)
	for i := range 20 {
		if _, err := client.Do(t.Context(), getConnection()); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
		<-closed
	}
	if n := raw.connections(); n < 20 {
		t.Errorf("%d connections for 20 calls", n)
	}
}

// When one connection of the pool turns out to be dead, the retry does not try the
// next one that is likely to be.
func TestRetryTakesANewConnection(t *testing.T) {
	const pool = 3
	var group sync.WaitGroup
	arrived, release := make(chan struct{}, pool), make(chan struct{})
	raw := listen(t, func(c *rawConn) {
		if !c.request() {
			return
		}
		if c.number < pool {
			arrived <- struct{}{}
			<-release
			c.send(okAnswer)
			c.request() // and no answer: an AWS that forgot the connection
			return
		}
		c.send(okAnswer)
	})
	client := raw.client(t, nil)
	for range pool {
		group.Go(func() {
			if _, err := client.Do(t.Context(), getConnection()); err != nil {
				t.Error(err)
			}
		})
	}
	for range pool {
		<-arrived
	}
	close(release)
	group.Wait()
	answer, err := client.Do(t.Context(), getConnection())
	if err != nil || len(answer.Attempts) != 2 {
		t.Errorf("%d attempts, %v", len(answer.Attempts), err)
	}
}

func TestConnectionsAreReused(t *testing.T) {
	raw := listen(t, func(c *rawConn) {
		for c.request() {
			c.send(okAnswer)
		}
	})
	client := raw.client(t, nil)
	for range 10 {
		if _, err := client.Do(t.Context(), getConnection()); err != nil {
			t.Fatal(err)
		}
	}
	if n := raw.connections(); n != 1 {
		t.Errorf("%d connections for 10 calls in a row", n)
	}
}
