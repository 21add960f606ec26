package lookup_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/smithy-go"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/cloudtrailtest"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/lookup"
)

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What keeps a source from reading is told apart, with what to do about it; what
// passes is tried again, what does not is not; and it recovers by itself.
func TestFailures(t *testing.T) {
	status := func(status int, code string) cloudtrailtest.Fault {
		return cloudtrailtest.Fault{Status: status, Code: code, Message: "no"}
	}
	credentials := func(provide func() (aws.Credentials, error)) func(*world) {
		return func(w *world) {
			w.config.Client = sdk.New(sdk.Options{
				BaseEndpoint: new("http://cloudtrail.us-west-2.amazonaws.com"), Region: w.sim.Region(),
				HTTPClient:  &http.Client{Transport: w.sim.Transport()},
				Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return provide() }),
			})
		}
	}
	transport := func(err error) func(*world) {
		return func(w *world) {
			w.config.Client = w.client(transportFunc(func(*http.Request) (*http.Response, error) { return nil, err }))
		}
	}
	const retried, once = 8, 1
	for _, test := range []struct {
		name     string
		fault    cloudtrailtest.Fault
		setup    func(*world)
		result   string
		attempts int
		reason   string // a part of it
	}{
		{name: "throttled", fault: status(400, "ThrottlingException"), result: lookup.ResultThrottled, attempts: retried, reason: "behind"},
		{name: "throttled, old name", fault: status(400, "Throttling"), result: lookup.ResultThrottled, attempts: retried},
		{name: "request limit", fault: status(503, "RequestLimitExceeded"), result: lookup.ResultThrottled, attempts: retried},
		{name: "too many requests", fault: status(429, "TooManyRequestsException"), result: lookup.ResultThrottled, attempts: retried},
		{name: "too many requests, other name", fault: status(400, "TooManyRequests"), result: lookup.ResultThrottled, attempts: retried},
		{name: "429 alone", fault: status(429, "Whatever"), result: lookup.ResultThrottled, attempts: retried},
		{name: "denied", fault: status(400, "AccessDeniedException"), result: lookup.ResultAccessDenied, attempts: once, reason: "IAM action cloudtrail:LookupEvents in us-west-2"},
		{name: "denied with 403", fault: status(403, "AccessDenied"), result: lookup.ResultAccessDenied, attempts: once},
		{name: "expired credentials", fault: status(400, "ExpiredTokenException"), result: lookup.ResultCredentials, attempts: once, reason: "credentials"},
		{name: "server error", fault: status(500, "InternalFailure"), result: lookup.ResultServerError, attempts: retried},
		{name: "unavailable", fault: status(503, "Whatever"), result: lookup.ResultServerError, attempts: retried},
		{name: "other refusal", fault: status(400, "InvalidTimeRangeException"), result: lookup.ResultError, attempts: once, reason: "InvalidTimeRangeException"},
		{name: "not JSON", fault: cloudtrailtest.Fault{Body: []byte("<html>")}, result: lookup.ResultError, attempts: once},
		{name: "no answer", fault: cloudtrailtest.Fault{Hang: true}, result: lookup.ResultTimeout, attempts: retried, reason: "within 15s"},
		{name: "connection cut", fault: cloudtrailtest.Fault{Cut: true}, result: lookup.ResultConnect, attempts: retried, reason: "reachable"},
		{
			name: "no such host", result: lookup.ResultConnect, attempts: retried, reason: "DNS",
			setup: transport(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "cloudtrail.us-west-2.amazonaws.com", IsNotFound: true}}),
		},
		{
			name: "no credentials", result: lookup.ResultCredentials, attempts: once, reason: "no EC2 IMDS role found",
			setup: credentials(func() (aws.Credentials, error) { return aws.Credentials{}, errors.New("no EC2 IMDS role found") }),
		},
		{
			name: "unknown key", result: lookup.ResultCredentials, attempts: once, reason: "UnrecognizedClientException",
			setup: credentials(func() (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKIAUNKNOWN", SecretAccessKey: "hush"}, nil
			}),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told results
				w := build(t, cloudtrailtest.Config{}, func(c *lookup.Config) { c.Observer = &told })
				w.run(3*time.Minute, 1)
				before := w.source.Status()
				sound := w.config.Client
				if test.setup != nil {
					test.setup(w)
					w.restart()
				} else {
					test.fault.Times = -1
					w.sim.Script(test.fault)
				}
				told.count = nil
				w.sim.Forget()
				began := time.Now()
				err := w.source.Poll(t.Context(), w.since, w.sink)
				failure, ok := errors.AsType[*lookup.Error](err)
				if !ok || failure.Result != test.result {
					t.Fatalf("%v, want %s", err, test.result)
				}
				if got := told.count[test.result]; got != test.attempts || len(told.count) != 1 {
					t.Errorf("told %v, want %d", told.count, test.attempts)
				}
				if got := len(w.sim.Requests()); test.setup == nil && got != test.attempts {
					t.Errorf("%d requests: the SDK retries too", got)
				}
				st := w.source.Status()
				if st.OK || st.Since.IsZero() || st.Throttled != (test.result == lookup.ResultThrottled) || !strings.Contains(st.Reason, test.reason) {
					t.Errorf("status %+v", st)
				}
				if strings.Contains(st.Reason, "hush") {
					t.Error("a secret in the reason")
				}
				if test.setup == nil && (st.Since.Before(began) || !st.LastSuccess.Equal(before.LastSuccess)) {
					t.Errorf("status %+v, before %+v", st, before)
				}
				if took := time.Since(began); took > 8*15*time.Second+2*time.Minute {
					t.Errorf("took %v", took)
				}

				w.sim.Heal()
				w.config.Client = sound
				if test.setup != nil {
					w.restart()
				}
				w.poll()
				if st := w.source.Status(); !st.OK || st.Reason != "" || st.Throttled || !st.Since.IsZero() {
					t.Errorf("status then %+v", st)
				}
			})
		})
	}
}

func TestResultsAreClosed(t *testing.T) {
	results := lookup.Results()
	if len(slices.Compact(slices.Sorted(slices.Values(results)))) != len(results) || !slices.Contains(results, "ok") {
		t.Errorf("%q", results)
	}
}

// One fault that passes is not even told.
func TestOneFaultPasses(t *testing.T) {
	for name, fault := range map[string]cloudtrailtest.Fault{
		"server error": cloudtrailtest.ServerError(), "throttled": cloudtrailtest.Throttled(), "cut": {Cut: true}, "hang": {Hang: true},
		"expired token": cloudtrailtest.ExpiredToken(), "empty page": {EmptyPage: true}, "repeated token": {RepeatToken: true}, "slow": {Delay: 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := build(t, cloudtrailtest.Config{})
				w.idle(3*time.Hour, 10)
				w.sim.Script(fault)
				w.poll()
				w.handedAll(time.Minute)
				if st := w.source.Status(); !st.OK {
					t.Errorf("status %+v", st)
				}
				for _, c := range w.sink.coverage {
					if c.Completeness == cloudtrail.Incomplete {
						t.Errorf("%+v", c)
					}
				}
				if first := w.sink.coverage[0]; name != "repeated token" && first.End.Sub(first.Start) != 15*time.Minute {
					t.Errorf("the window was cut: %+v", first)
				}
			})
		})
	}
}

// Pages that never end are noticed, and given up where cutting the window does not
// help; the next poll goes on after them, and the sweep comes back.
func TestPagesWithoutEnd(t *testing.T) {
	for _, test := range []struct {
		name     string
		fault    cloudtrailtest.Fault
		requests int // at most
	}{
		{"tokens go round", cloudtrailtest.Fault{RepeatToken: true}, 30},
		{"pages are empty", cloudtrailtest.Fault{EmptyPage: true}, 150},
		{"tokens always expire", cloudtrailtest.ExpiredToken(), 150},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := build(t, cloudtrailtest.Config{})
				w.idle(5*time.Minute, 60)
				test.fault.Times = -1
				w.sim.Script(test.fault)
				if err := w.source.Poll(t.Context(), w.since, w.sink); err == nil || !strings.Contains(err.Error(), "gave up") {
					t.Fatal(err)
				}
				if n := len(w.sim.Requests()); n > test.requests {
					t.Errorf("%d requests", n)
				}
				if st := w.source.Status(); st.OK || st.Reason == "" {
					t.Errorf("status %+v", st)
				}
				last := w.sink.coverage[len(w.sink.coverage)-1]
				if last.Completeness != cloudtrail.Incomplete || !strings.Contains(last.Reason, "given up") || last.End.Sub(last.Start) > time.Minute {
					t.Errorf("coverage %+v", last)
				}
				w.sim.Heal()
				w.every = 5 * time.Minute
				w.run(30*time.Minute, 0)
				w.handedAll(time.Minute)
				if st := w.source.Status(); !st.OK {
					t.Errorf("status then %+v", st)
				}
			})
		})
	}
}

// A record that is none spoils its window, and nothing else.
func TestMalformedRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := build(t, cloudtrailtest.Config{})
		w.idle(3*time.Hour, 1)
		w.sim.Script(cloudtrailtest.Fault{Body: []byte(`{"Events": [
			{"EventId": "e1", "CloudTrailEvent": "{"},
			{"EventId": "e2", "CloudTrailEvent": "{\"eventVersion\":\"1.11\",\"eventTime\":\"2000-01-01T00:00:01Z\",\"eventSource\":\"outposts.amazonaws.com\",\"eventName\":\"GetConnection\",\"awsRegion\":\"us-west-2\",\"eventID\":\"e2\"}"},
			{"EventId": "e3"},
			{"EventId": "e4", "CloudTrailEvent": "{\"eventVersion\":\"1.11\",\"eventTime\":\"2000-01-01T00:00:01Z\",\"eventSource\":\"glue.amazonaws.com\",\"eventName\":\"GetConnection\",\"awsRegion\":\"us-west-2\",\"eventID\":\"e4\"}"}]}`)})
		w.poll()
		first := w.sink.coverage[0]
		if first.Completeness != cloudtrail.Incomplete || !strings.Contains(first.Reason, "e1") {
			t.Errorf("coverage %+v", first)
		}
		if w.sink.times["e2"] != 1 {
			t.Error("the sound record was not handed over")
		}
		for _, c := range w.sink.coverage[1:] {
			if c.Completeness == cloudtrail.Incomplete {
				t.Errorf("coverage %+v", c)
			}
		}
	})
}

// Records that come while a window is read do not move its pages: the sink checks
// it of each window.
func TestRecordsWhileReading(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds, and minutes under the race detector")
	}
	synctest.Test(t, func(t *testing.T) {
		w := build(t, cloudtrailtest.Config{Faults: cloudtrailtest.Faults{Delay: cloudtrailtest.Uniform(0, 20*time.Minute)}})
		w.idle(3*time.Hour, 20)
		n := 0
		w.sink.onRecords = func() error { w.call(5); n++; return nil }
		w.poll()
		w.sink.onRecords = nil
		if n < 20 {
			t.Errorf("%d pages", n)
		}
		w.run(40*time.Minute, 0)
		w.handedAll(10 * time.Minute)
	})
}

func TestConfig(t *testing.T) {
	sound := lookup.Config{Client: sdk.New(sdk.Options{}), Region: "us-west-2", Places: places{}}
	if _, err := lookup.New(sound); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*lookup.Config){
		"no client": func(c *lookup.Config) { c.Client = nil },
		"no region": func(c *lookup.Config) { c.Region = "" },
		"no places": func(c *lookup.Config) { c.Places = nil },
		"negative":  func(c *lookup.Config) { c.SettleAfter = -1 },
	} {
		c := sound
		change(&c)
		if _, err := lookup.New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Before anything was read, the status says so; a place that cannot be read is no
// place.
func TestBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := build(t, cloudtrailtest.Config{})
		if st := w.source.Status(); st.OK || st.Reason == "" || st.Since.IsZero() {
			t.Errorf("status %+v", st)
		}
		w.places["lookup-events/us-west-2"] = []byte(`{"settled": 1}`)
		w.idle(3*time.Hour, 1)
		w.poll()
		w.handedAll(time.Minute)
	})
}

// broken loses a connection amid its first answers.
type broken struct {
	lookup.Client
	errs []error
}

func (b *broken) LookupEvents(ctx context.Context, in *sdk.LookupEventsInput, o ...func(*sdk.Options)) (*sdk.LookupEventsOutput, error) {
	if len(b.errs) > 0 {
		err := b.errs[0]
		b.errs = b.errs[1:]
		return nil, &smithy.OperationError{Err: &smithy.DeserializationError{Err: fmt.Errorf("failed to decode response body, %w", err)}}
	}
	return b.Client.LookupEvents(ctx, in, o...)
}

func TestBrokenAmidTheAnswer(t *testing.T) {
	sim, err := cloudtrailtest.Start(cloudtrailtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	at := time.Now().Add(-time.Minute)
	sim.Add(cloudtrailtest.Event{Operation: "GetConnection", ReadOnly: true, RequestID: "r", Completed: at})
	client := &broken{
		Client: sdk.New(sdk.Options{BaseEndpoint: &sim.URL, Region: sim.Region(), Credentials: sim.Credentials()}),
		errs:   []error{&net.OpError{Op: "read", Net: "tcp", Err: net.ErrClosed}, io.ErrUnexpectedEOF},
	}
	w := &world{t: t, sim: sim.Simulator, since: at.Truncate(time.Second)}
	w.sink = &sink{world: w, handed: map[string]time.Time{}, times: map[string]int{}}
	source, err := lookup.New(lookup.Config{Client: client, Region: sim.Region(), Account: sim.Account, Places: places{}, PerSecond: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Poll(t.Context(), w.since, w.sink); err != nil || len(w.sink.times) != 1 {
		t.Errorf("%d records, %v", len(w.sink.times), err)
	}
}

// Over sockets, against the API as it is served.
func TestServer(t *testing.T) {
	sim, err := cloudtrailtest.Start(cloudtrailtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	begin := time.Now().Add(-time.Hour)
	for i := range 120 {
		sim.Add(cloudtrailtest.Event{Operation: "GetConnection", ReadOnly: true, RequestID: "r", Completed: begin.Add(time.Duration(i) * time.Second)})
	}
	sim.Script(cloudtrailtest.Fault{Cut: true})
	client := sdk.New(sdk.Options{
		BaseEndpoint: &sim.URL, Region: sim.Region(), Credentials: sim.Credentials(),
		HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	})
	w := &world{t: t, sim: sim.Simulator, since: begin.Truncate(time.Second)}
	w.sink = &sink{world: w, handed: map[string]time.Time{}, times: map[string]int{}}
	source, err := lookup.New(lookup.Config{
		Client: client, Region: sim.Region(), Account: sim.Account, Places: places{}, PerSecond: 1000, SettleAfter: time.Minute, LateAfter: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Poll(t.Context(), w.since, w.sink); err != nil {
		t.Fatal(err)
	}
	if len(w.sink.times) != 120 || !source.Status().OK || sim.Counts()[""] == 0 {
		t.Errorf("%d records, %+v", len(w.sink.times), source.Status())
	}
}
