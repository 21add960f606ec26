package outpoststest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// exchange sends a signed request on a connection of its own and gives back the
// raw answer, as far as it came.
func exchange(t *testing.T, sim *outpoststest.Server, limit int64) (string, error) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(sim.URL, "http://"))
	if err != nil {
		return "", err // a reset can be quicker than the kernel's word that it is connected
	}
	defer conn.Close()
	req := signed(t, sim, "outposts", "us-west-2", time.Now())
	req.Header.Set("Connection", "close")
	if err := req.Write(conn); err != nil {
		return "", err
	}
	raw, err := io.ReadAll(io.LimitReader(conn, limit))
	return string(raw), err
}

// transport does not keep connections, so that no goroutine outlives its test.
func transport() *http.Transport {
	return &http.Transport{DisableKeepAlives: true, DisableCompression: true}
}

func TestDamageOnTheWire(t *testing.T) {
	has := func(parts ...string) func(*testing.T, string, error) {
		return func(t *testing.T, raw string, _ error) {
			for _, part := range parts {
				if !strings.Contains(raw, part) {
					t.Errorf("no %q in %.600q", part, raw)
				}
			}
		}
	}
	nothing := func(t *testing.T, raw string, err error) {
		if raw != "" || err != nil {
			t.Errorf("got %q, %v; want a clean close", raw, err)
		}
	}
	wasReset := func(t *testing.T, _ string, err error) {
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v, want a reset", err)
		}
	}
	body := func(check func(t *testing.T, declared int64, body []byte, err error)) func(*testing.T, string, error) {
		return func(t *testing.T, raw string, _ error) {
			resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(raw)), nil)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(resp.Body)
			check(t, resp.ContentLength, b, err)
		}
	}
	details := func(t *testing.T, b []byte) (id string, filled map[string]any) {
		var answer struct {
			ConnectionID      string `json:"ConnectionId"`
			ConnectionDetails map[string]any
		}
		if err := json.Unmarshal(b, &answer); err != nil {
			t.Fatal(err)
		}
		return answer.ConnectionID, answer.ConnectionDetails
	}
	for _, test := range []struct {
		fault outpoststest.Fault
		sent  bool
		check func(*testing.T, string, error)
	}{
		{outpoststest.Fault{Damage: outpoststest.CloseBeforeAnswer}, false, nothing},
		{outpoststest.Fault{Damage: outpoststest.ResetBeforeAnswer}, false, wasReset},
		{outpoststest.Fault{Damage: outpoststest.ResetAfterHeaders}, false, wasReset},
		{outpoststest.Fault{Damage: outpoststest.CutHeaders}, false, func(t *testing.T, raw string, _ error) {
			if !strings.HasPrefix(raw, "HTTP/1.1 200 OK\r\n") || strings.Contains(raw, "\r\n\r\n") {
				t.Errorf("got %q", raw)
			}
		}},
		{outpoststest.Fault{Damage: outpoststest.ShortBody}, false, body(func(t *testing.T, declared int64, b []byte, err error) {
			if !errors.Is(err, io.ErrUnexpectedEOF) || len(b) == 0 || int64(len(b)) >= declared {
				t.Errorf("%d of %d bytes, %v", len(b), declared, err)
			}
		})},
		{outpoststest.Fault{Damage: outpoststest.DripBody, Interval: time.Microsecond}, true, body(func(t *testing.T, declared int64, b []byte, err error) {
			if err != nil || int64(len(b)) != declared {
				t.Errorf("%d of %d bytes, %v", len(b), declared, err)
			}
		})},
		{outpoststest.Fault{Damage: outpoststest.HugeBody}, false, has("Content-Length: 1073741824")},
		{outpoststest.Fault{Damage: outpoststest.EndlessChunks}, false, has("Transfer-Encoding: chunked")},
		{outpoststest.Fault{Damage: outpoststest.HugeHeaders}, false, has("X-Filler: ")},
		{outpoststest.Fault{Damage: outpoststest.GzipBody}, true, has("Content-Encoding: gzip", "\x1f\x8b")},
		{outpoststest.Fault{Damage: outpoststest.InvalidJSON}, true, body(func(t *testing.T, _ int64, b []byte, _ error) {
			if json.Valid(b) {
				t.Errorf("valid JSON %s", b)
			}
		})},
		{outpoststest.Fault{Damage: outpoststest.WrongConnectionID}, true, body(func(t *testing.T, _ int64, b []byte, _ error) {
			if id, filled := details(t, b); id == "aB+/c9==" || id == "" || len(filled) != 6 {
				t.Errorf("answer %s", b)
			}
		})},
		{outpoststest.Fault{Damage: outpoststest.PartialDetails}, true, body(func(t *testing.T, _ int64, b []byte, _ error) {
			if id, filled := details(t, b); id != "aB+/c9==" || len(filled) != 4 {
				t.Errorf("answer %s", b)
			}
		})},
		{outpoststest.Fault{Damage: outpoststest.NoDetails}, true, body(func(t *testing.T, _ int64, b []byte, _ error) {
			if id, filled := details(t, b); id != "aB+/c9==" || filled != nil {
				t.Errorf("answer %s", b)
			}
		})},
		{outpoststest.Fault{Damage: outpoststest.SwitchProtocols}, false, has("HTTP/1.1 101 Switching Protocols\r\n")},
		{outpoststest.Fault{Damage: outpoststest.NotHTTP}, false, has("SSH-2.0")},
		{outpoststest.Fault{Informational: 3}, true, has(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n", 3) + "HTTP/1.1 200 OK")},
		{outpoststest.Fault{Informational: -1}, false, has(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n", 100))},
		{outpoststest.Fault{Header: map[string]string{"Content-Type": "text/html", "DATE": "Mon, 02 Jan 2006 15:04:05 GMT"}}, true, has("Content-Type: text/html", "2006 15:04:05 GMT")},
		{outpoststest.Fault{Header: map[string]string{"x-amzn-requestid": ""}}, true, func(t *testing.T, raw string, _ error) {
			if strings.Contains(strings.ToLower(raw), "requestid") {
				t.Errorf("got %q", raw)
			}
		}},
		{outpoststest.Fault{Body: []byte("<html>")}, true, has("\r\n\r\n<html>")},
	} {
		t.Run(string(test.fault.Damage), func(t *testing.T) {
			sim := start(t, outpoststest.Config{})
			sim.Script(test.fault)
			raw, err := exchange(t, sim, 200<<10)
			test.check(t, raw, err)
			calls := sim.Calls()
			if len(calls) != 1 || calls[0].Status != 200 || calls[0].Sent != test.sent {
				t.Errorf("recorded %+v", calls)
			}
			if raw, err := exchange(t, sim, 200<<10); err != nil || !strings.HasPrefix(raw, "HTTP/1.1 200 OK\r\n") {
				t.Errorf("the next call got %.100q, %v", raw, err)
			}
		})
	}
}

func TestErrorFaults(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	for _, test := range []struct {
		fault  outpoststest.Fault
		status int
		code   string
		header string
		value  string
	}{
		{outpoststest.Throttled(), 400, "ThrottlingException", "Retry-After", ""},
		{outpoststest.Fault{Status: 429, Code: "TooManyRequestsException", Header: map[string]string{"Retry-After": "3"}}, 429, "TooManyRequestsException", "Retry-After", "3"},
		{outpoststest.Fault{Status: 503}, 503, "", "Retry-After", ""},
		{outpoststest.Fault{Status: 301, Location: "http://127.0.0.1:1/x"}, 301, "", "Location", "http://127.0.0.1:1/x"},
		{outpoststest.Fault{Location: "http://127.0.0.1:1/x"}, 307, "", "Location", "http://127.0.0.1:1/x"},
	} {
		sim.Forget()
		sim.Script(test.fault)
		resp, err := transport().RoundTrip(signed(t, sim, "outposts", "us-west-2", time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != test.status || resp.Header.Get("x-amzn-ErrorType") != test.code || resp.Header.Get(test.header) != test.value {
			t.Errorf("%+v: %d %v", test.fault, resp.StatusCode, resp.Header)
		}
		if call := sim.Calls()[0]; call.Status != test.status || call.ErrorCode != test.code || call.Response != nil {
			t.Errorf("recorded %+v", call)
		}
	}
}

func TestFaultsAreTakenByTheCallsTheyAreFor(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	get := func() int {
		status, _, _ := do(t, signed(t, sim, "outposts", "us-west-2", time.Now()))
		return status
	}
	sim.Script(
		outpoststest.Fault{When: outpoststest.ForConnection("another"), Status: 500},
		outpoststest.Fault{When: outpoststest.ForOperation("GetConnection"), Status: 502, Times: 2},
		outpoststest.Fault{Status: 503, Times: -1},
	)
	for i, want := range []int{502, 502, 503, 503, 503} {
		if got := get(); got != want {
			t.Errorf("call %d: %d, want %d", i, got, want)
		}
	}
	// A call that is refused at the door takes no fault.
	bad := signed(t, sim, "outposts", "us-west-2", time.Now())
	bad.Header.Set("X-Amz-Date", "20060102T150405Z")
	if status, _, _ := do(t, bad); status != 403 {
		t.Errorf("refused call: %d", status)
	}
	sim.Heal()
	if got := get(); got != 200 {
		t.Errorf("healed: %d", got)
	}
}

func TestDamageOnAccept(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	sim.Script(outpoststest.Fault{Damage: outpoststest.CloseOnAccept}, outpoststest.Fault{Damage: outpoststest.ResetOnAccept})
	for range 2 {
		if raw, _ := exchange(t, sim, 1<<10); raw != "" {
			t.Errorf("got %q", raw)
		}
	}
	if len(sim.Calls()) != 0 || sim.Arrived() != 2 {
		t.Errorf("%d calls, %d arrived", len(sim.Calls()), sim.Arrived())
	}
	if raw, err := exchange(t, sim, 1<<10); err != nil || !strings.HasPrefix(raw, "HTTP/1.1 200 OK") {
		t.Errorf("then got %q, %v", raw, err)
	}
}

// A call whose client leaves was done all the same, and its record says that the
// answer did not arrive.
func TestDelayAndStallEndWithTheClient(t *testing.T) {
	for _, fault := range []outpoststest.Fault{{Delay: time.Hour}, {Damage: outpoststest.StallBody}, {Damage: outpoststest.DripBody, Interval: time.Hour}} {
		decided, ended := make(chan struct{}), make(chan struct{})
		simulator := outpoststest.New(outpoststest.Config{Observer: func(outpoststest.Call) { close(decided) }})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			simulator.ServeHTTP(w, r)
		}))
		defer server.Close()
		sim := &outpoststest.Server{Simulator: simulator, URL: server.URL}
		sim.Script(fault)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-decided; cancel() }()
		resp, err := transport().RoundTrip(signed(t, sim, "outposts", "us-west-2", time.Now()).WithContext(ctx))
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%+v: %v", fault, err)
		}
		<-ended
		if calls := sim.Calls(); len(calls) != 1 || calls[0].Status != 200 || calls[0].Sent {
			t.Errorf("%+v: recorded %+v", fault, sim.Calls())
		}
	}
}

func TestClockOffset(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	sim.Script(outpoststest.Fault{ClockOffset: 10 * time.Minute})
	resp, err := transport().RoundTrip(signed(t, sim, "outposts", "us-west-2", time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if offset := time.Until(date); err != nil || offset < 9*time.Minute || offset > 11*time.Minute {
		t.Errorf("date %v is %v off, %v", date, offset, err)
	}
}
