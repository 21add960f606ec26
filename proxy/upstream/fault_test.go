package upstream_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
	"github.com/gatepost-proxy/gatepost/proxy/upstream"
)

// wantError checks that there is no answer, of this class and for this reason.
func wantError(t *testing.T, err error, class audit.ErrorClass, reason string) *upstream.Error {
	t.Helper()
	e, ok := errors.AsType[*upstream.Error](err)
	if !ok {
		t.Fatalf("error %v, want class %s", err, class)
	}
	if e.Class != class || e.Reason != reason || e.Op != "GetConnection" && e.Op != "StartConnection" {
		t.Errorf("class %s, reason %q, op %s: %v; want class %s, reason %q", e.Class, e.Reason, e.Op, e, class, reason)
	}
	return e
}

// One call meets one fault, and the next call is none the worse for it.
func TestAnswersThatCannotBeRelayed(t *testing.T) {
	const limit = 300 * time.Millisecond
	for _, test := range []struct {
		fault  outpoststest.Fault
		class  audit.ErrorClass
		reason string
		status int // of the attempt
	}{
		{outpoststest.Fault{Delay: time.Hour}, audit.ErrorClassUpstreamTimeout, "answer", 0},
		{outpoststest.Fault{Damage: outpoststest.StallBody}, audit.ErrorClassUpstreamTimeout, "body", 200},
		{outpoststest.Fault{Damage: outpoststest.DripBody, Interval: 20 * time.Millisecond}, audit.ErrorClassUpstreamTimeout, "body", 200},
		{outpoststest.Fault{Damage: outpoststest.HugeBody}, audit.ErrorClassUpstreamInvalid, "body too large", 200},
		{outpoststest.Fault{Damage: outpoststest.EndlessChunks}, audit.ErrorClassUpstreamInvalid, "body too large", 200},
		{outpoststest.Fault{Body: make([]byte, upstream.MaxBody+1)}, audit.ErrorClassUpstreamInvalid, "body too large", 200},
		{outpoststest.Fault{Damage: outpoststest.GzipBody}, audit.ErrorClassUpstreamInvalid, "content encoding", 200},
		{outpoststest.Fault{Damage: outpoststest.ShortBody}, audit.ErrorClassUpstreamInvalid, "body cut short", 200},
		{outpoststest.Fault{Damage: outpoststest.ResetAfterHeaders}, audit.ErrorClassUpstreamInvalid, "body cut short", 200},
		{outpoststest.Fault{Damage: outpoststest.CutHeaders}, audit.ErrorClassUpstreamInvalid, "answer head", 0},
		{outpoststest.Fault{Damage: outpoststest.NotHTTP}, audit.ErrorClassUpstreamInvalid, "answer head", 0},
		{outpoststest.Fault{Damage: outpoststest.HugeHeaders}, audit.ErrorClassUpstreamInvalid, "answer head", 0},
		{outpoststest.Fault{Damage: outpoststest.SwitchProtocols}, audit.ErrorClassUpstreamInvalid, "switched protocols", 101},
		{outpoststest.Fault{Informational: 6}, audit.ErrorClassUpstreamInvalid, "informational answers", 0},
		{outpoststest.Fault{Informational: -1}, audit.ErrorClassUpstreamInvalid, "informational answers", 0},
		{outpoststest.Fault{Status: 304}, audit.ErrorClassUpstreamInvalid, "redirect", 304},
		{outpoststest.Fault{Status: 600}, audit.ErrorClassUpstreamInvalid, "status", 600},
	} {
		t.Run(string(test.fault.Damage)+" "+test.reason, func(t *testing.T) {
			sim := start(t, outpoststest.Config{})
			watch := &recorder{}
			client := open(t, sim, func(c *upstream.Config) { c.Timeout, c.Observer = limit, watch })
			sim.Script(test.fault)
			begun := time.Now()
			_, err := client.Do(t.Context(), getConnection())
			if took := time.Since(begun); took > 5*limit {
				t.Errorf("took %v", took)
			}
			e := wantError(t, err, test.class, test.reason)
			if !e.Sent || len(e.Attempts) != 1 || e.Attempts[0].Status != test.status || (e.Attempts[0].RequestID != "") != (test.status > 101) {
				t.Errorf("sent %v, attempts %+v", e.Sent, e.Attempts)
			}
			if code := e.Attempts[0].ErrorCode; test.status == 0 && code != string(test.class) || test.status != 0 && code != "" {
				t.Errorf("error code %q", code)
			}
			if n := len(sim.Calls()); n != 1 {
				t.Errorf("AWS saw %d calls", n)
			}
			if answer, err := client.Do(t.Context(), getConnection()); err != nil || answer.Status != 200 {
				t.Errorf("the next call: %d, %v", answer.Status, err)
			}
			if inFlight, _, _ := watch.seen(); inFlight != 0 {
				t.Errorf("%d in flight at the end", inFlight)
			}
		})
	}
}

// Answers that are odd and complete go to the caller of this package, who knows
// what they should hold.
func TestOddAnswersAreRelayed(t *testing.T) {
	for _, fault := range []outpoststest.Fault{
		{Damage: outpoststest.WrongConnectionID},
		{Damage: outpoststest.PartialDetails},
		{Damage: outpoststest.InvalidJSON},
		{Header: map[string]string{"Content-Type": "text/html"}, Body: []byte("<html>")},
		{Status: 403, Header: map[string]string{"Content-Type": "text/html"}, Body: []byte("<html>")},
		{Body: []byte{}},
		{Body: []byte(strings.Repeat(" ", upstream.MaxBody))},
		{Informational: 5},
		{Header: map[string]string{"Content-Encoding": "identity"}},
	} {
		sim := start(t, outpoststest.Config{})
		sim.Script(fault)
		answer, err := open(t, sim, nil).Do(t.Context(), getConnection())
		if err != nil {
			t.Errorf("%+v: %v", fault, err)
			continue
		}
		if want := fault.Header["Content-Type"]; want != "" && answer.ContentType != want {
			t.Errorf("content type %q", answer.ContentType)
		}
		if fault.Body != nil && string(answer.Body) != string(fault.Body) {
			t.Errorf("body %.100q", answer.Body)
		}
	}
}

func TestEndlessBodiesCostNoMemory(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	sim.Script(outpoststest.Fault{Damage: outpoststest.EndlessChunks, Times: -1})
	client := open(t, sim, nil)
	if _, err := client.Do(t.Context(), getConnection()); err == nil {
		t.Fatal("an answer without end was relayed")
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const calls = 50
	for range calls {
		client.Do(t.Context(), getConnection())
	}
	runtime.ReadMemStats(&after)
	// Both ends of the connection are in this process.
	if each := (after.TotalAlloc - before.TotalAlloc) / calls; each > 1<<20 {
		t.Errorf("%d bytes allocated for each call", each)
	}
}

// No host but the configured one hears of a call.
func TestRedirectsAreNotFollowed(t *testing.T) {
	reached := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	defer elsewhere.Close()
	for _, status := range []int{300, 301, 302, 303, 307, 308} {
		for _, call := range []upstream.Call{getConnection(), startConnection()} {
			sim := start(t, outpoststest.Config{})
			sim.Script(outpoststest.Fault{Status: status, Location: elsewhere.URL + "/connections/a"})
			_, err := open(t, sim, nil).Do(t.Context(), call)
			wantError(t, err, audit.ErrorClassUpstreamInvalid, "redirect")
			if len(sim.Calls()) != 1 {
				t.Errorf("%d: %d calls", status, len(sim.Calls()))
			}
		}
	}
	if reached != 0 {
		t.Errorf("%d requests went to where the redirects led", reached)
	}
}

func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	watch := &recorder{}
	client := openConfig(t, upstream.Config{
		Regions: []string{"us-west-2"}, Endpoint: "http://" + listener.Addr().String(), Credentials: staticCredentials(), Observer: watch,
	}, nil)
	for _, test := range []struct {
		call  upstream.Call
		tries int
	}{{getConnection(), 2}, {startConnection(), 1}} {
		watch.attempts = nil
		_, err := client.Do(t.Context(), test.call)
		e := wantError(t, err, audit.ErrorClassUpstreamConnect, "dial")
		if e.Sent || len(e.Attempts) != 0 {
			t.Errorf("sent %v, attempts %v", e.Sent, e.Attempts)
		}
		if _, _, tries := watch.seen(); len(tries) != test.tries {
			t.Errorf("%d tries, want %d", len(tries), test.tries)
		}
	}
}

func TestConnectionsCutWhileTheyAreMade(t *testing.T) {
	for _, damage := range []outpoststest.Damage{outpoststest.CloseOnAccept, outpoststest.ResetOnAccept} {
		sim := start(t, outpoststest.Config{})
		client := open(t, sim, nil)
		sim.Script(outpoststest.Fault{Damage: damage})
		if answer, err := client.Do(t.Context(), getConnection()); err != nil || answer.Status != 200 {
			t.Errorf("%s: %d, %v", damage, answer.Status, err)
		}
		sim.Script(outpoststest.Fault{Damage: damage, Times: 2})
		if _, err := open(t, sim, nil).Do(t.Context(), getConnection()); err == nil {
			t.Errorf("%s twice: no error", damage)
		} else if e, ok := errors.AsType[*upstream.Error](err); !ok || e.Class != audit.ErrorClassUpstreamConnect {
			t.Errorf("%s twice: %v", damage, err)
		}
	}
}

func TestCallerLeaves(t *testing.T) {
	decided := make(chan struct{}, 1)
	sim := start(t, outpoststest.Config{Observer: func(outpoststest.Call) { decided <- struct{}{} }})
	sim.Script(outpoststest.Fault{Delay: time.Hour})
	client := open(t, sim, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-decided; cancel() }()
	_, err := client.Do(ctx, getConnection())
	e := wantError(t, err, audit.ErrorClassClientGone, "canceled")
	if !e.Sent || len(e.Attempts) != 1 {
		t.Errorf("sent %v, attempts %+v", e.Sent, e.Attempts)
	}
}

// More callers than turns: those who find none are refused, and nobody is lost.
func TestOverload(t *testing.T) {
	const turns, callers = 4, 20
	arrived, release := make(chan struct{}, callers), make(chan struct{})
	raw := listen(t, func(c *rawConn) {
		for c.request() {
			arrived <- struct{}{}
			<-release
			c.send(okAnswer)
		}
	})
	watch := &recorder{}
	client := raw.client(t, func(c *upstream.Config) { c.MaxInFlight, c.Timeout, c.Observer = turns, 2*time.Second, watch })
	var group sync.WaitGroup
	outcomes := make(chan audit.ErrorClass, callers)
	for range callers {
		group.Go(func() {
			answer, err := client.Do(t.Context(), getConnection())
			if e, ok := errors.AsType[*upstream.Error](err); ok {
				if e.Sent || len(e.Attempts) != 0 {
					t.Errorf("refused after it was sent: %+v", e)
				}
				outcomes <- e.Class
				return
			}
			outcomes <- answer.Class
		})
	}
	for range turns {
		<-arrived
	}
	for range callers - turns {
		if class := <-outcomes; class != audit.ErrorClassOverload {
			t.Errorf("class %s, want overload", class)
		}
	}
	close(release)
	group.Wait()
	for range turns {
		if class := <-outcomes; class != audit.ErrorClassNone {
			t.Errorf("class %s of a call that had its turn", class)
		}
	}
	if inFlight, most, _ := watch.seen(); inFlight != 0 || most != turns {
		t.Errorf("%d in flight at the end, %d at most", inFlight, most)
	}
	if len(raw.requests()) != turns {
		t.Errorf("%d requests", len(raw.requests()))
	}
}

// A hundred callers and an AWS that throttles: a request each.
func TestNoRetryStorm(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	sim.Script(outpoststest.Fault{Status: 429, Code: "TooManyRequestsException", Header: map[string]string{"Retry-After": "3"}, Times: -1})
	client := open(t, sim, nil)
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			answer, err := client.Do(t.Context(), getConnection())
			if err != nil || answer.Status != 429 || answer.RetryAfter != "3" || answer.Class != audit.ErrorClassThrottling {
				t.Errorf("%+v, %v", answer, err)
			}
		})
	}
	group.Wait()
	if sim.Arrived() != 100 {
		t.Errorf("%d requests for 100 calls", sim.Arrived())
	}
}
