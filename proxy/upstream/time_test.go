package upstream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/gatepost-proxy/gatepost/audit"
)

// roundTrip is an AWS in memory, so that time in its tests is the bubble's.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func respond(status int, header http.Header, body string) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

var testKeys = aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "secret"}

// inMemory is a client whose calls go to f and whose base credentials never
// change.
func inMemory(t *testing.T, edit func(*Config), f roundTrip) *Client {
	t.Helper()
	c := Config{
		Regions: []string{"us-west-2"}, Endpoint: "http://127.0.0.1:1", Credentials: fixed(testKeys),
		Timeout: DefaultTimeout, MaxInFlight: 2, Logger: slog.New(slog.DiscardHandler), Observer: nobody{},
	}
	if edit != nil {
		edit(&c)
	}
	endpoints, err := resolveEndpoints(t.Context(), &c)
	if err != nil {
		t.Fatal(err)
	}
	work := newBackground(c.Timeout)
	base := &session{name: "base", work: work, log: c.Logger, retrieve: func(context.Context) (*snapshot, error) {
		return newSnapshot(testKeys, Identity{Partition: "aws"})
	}}
	s := newSessions(base, work, nil)
	s.shared = base
	client := newClient(c, endpoints, f, s)
	t.Cleanup(client.Close)
	return client
}

var get = Call{Operation: "GetConnection", ReadOnly: true, Method: "GET", Path: "/connections/a", Region: "us-west-2"}

// A retry is signed when it is made: AWS would not take an old signature, and two
// equal ones look like a replay.
func TestEachTryIsSignedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dates, signatures []string
		client := inMemory(t, nil, func(r *http.Request) (*http.Response, error) {
			dates = append(dates, r.Header.Get("X-Amz-Date"))
			signatures = append(signatures, r.Header.Get("Authorization"))
			if len(dates) == 1 {
				time.Sleep(3 * time.Second)
				return respond(503, nil, ""), nil
			}
			return respond(200, nil, "{}"), nil
		})
		if _, err := client.Do(t.Context(), get); err != nil {
			t.Fatal(err)
		}
		if len(dates) != 2 || dates[0] == dates[1] || signatures[0] == signatures[1] {
			t.Errorf("dates %v, signatures %v", dates, signatures)
		}
	})
}

// One deadline holds for everything.
func TestRetryStaysWithinTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		client := inMemory(t, nil, func(r *http.Request) (*http.Response, error) {
			if tries++; tries == 1 {
				time.Sleep(6 * time.Second)
				return respond(503, nil, ""), nil
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		begun := time.Now()
		_, err := client.Do(t.Context(), get)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Class != audit.ErrorClassUpstreamTimeout || tries != 2 {
			t.Errorf("%d tries: %v", tries, err)
		}
		if took := time.Since(begun); took != DefaultTimeout {
			t.Errorf("took %v", took)
		}
	})
}

// When the first answer comes with no time left for another, it is the answer.
func TestNoRetryWithoutTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		client := inMemory(t, nil, func(*http.Request) (*http.Response, error) {
			tries++
			time.Sleep(DefaultTimeout - shortestPause)
			return respond(503, nil, ""), nil
		})
		begun := time.Now()
		answer, err := client.Do(t.Context(), get)
		if err != nil || answer.Status != 503 || tries != 1 {
			t.Errorf("%d tries: %d, %v", tries, answer.Status, err)
		}
		if took := time.Since(begun); took != DefaultTimeout-shortestPause {
			t.Errorf("took %v: the answer was held back", took)
		}
	})
}

func TestTheCallersDeadlineHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := inMemory(t, nil, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		_, err := client.Do(ctx, get)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Class != audit.ErrorClassUpstreamTimeout || time.Since(begun) != time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

// The pause before a retry is short and not always the same.
func TestPauseIsShortAndJittered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pauses := map[time.Duration]bool{}
		for range 50 {
			begun := time.Now()
			if !pause(t.Context()) {
				t.Fatal("no pause without a deadline")
			}
			took := time.Since(begun)
			if took < shortestPause || took > longestPause {
				t.Fatalf("paused %v", took)
			}
			pauses[took] = true
		}
		if len(pauses) < 2 {
			t.Error("every pause is the same")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if pause(ctx) {
			t.Error("a pause though the caller left")
		}
	})
}

func TestTheWaitForATurnIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := inMemory(t, func(c *Config) { c.MaxInFlight = 1 }, func(r *http.Request) (*http.Response, error) {
			time.Sleep(5 * time.Second)
			return respond(200, nil, "{}"), nil
		})
		go client.Do(t.Context(), get)
		synctest.Wait()
		begun := time.Now()
		_, err := client.Do(t.Context(), get)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Class != audit.ErrorClassOverload || time.Since(begun) != queueWait {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		time.Sleep(4 * time.Second) // the turn comes free before the wait ends
		if _, err := client.Do(t.Context(), get); err != nil {
			t.Errorf("a turn that came free: %v", err)
		}
	})
}

// A clock that is wrong is complained about once in a while, not on every call.
func TestWrongClockIsReportedOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		offset := 10 * time.Minute
		client := inMemory(t, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) },
			func(*http.Request) (*http.Response, error) {
				return respond(200, http.Header{"Date": {time.Now().Add(offset).UTC().Format(http.TimeFormat)}}, "{}"), nil
			})
		call := func() (complaints int) {
			if _, err := client.Do(t.Context(), get); err != nil {
				t.Fatal(err)
			}
			return strings.Count(log.String(), "clock differs")
		}
		for range 3 {
			if n := call(); n != 1 {
				t.Errorf("%d complaints", n)
			}
		}
		time.Sleep(clockLogPeriod)
		if n := call(); n != 2 {
			t.Errorf("%d complaints after a while", n)
		}
		offset = -clockTolerance + 2*time.Second
		time.Sleep(clockLogPeriod)
		if n := call(); n != 2 {
			t.Errorf("%d complaints about a clock that is right enough", n)
		}
		offset = -clockTolerance - 2*time.Second
		if n := call(); n != 3 {
			t.Errorf("%d complaints about a clock that is ahead", n)
		}
		if got := client.ClockOffset(); got > -clockTolerance || got < -clockTolerance-3*time.Second {
			t.Errorf("offset %v", got)
		}
	})
}
