package upstream_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/proxy/outposts"
	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
	"github.com/gatepost-proxy/gatepost/proxy/upstream"
	"github.com/google/go-cmp/cmp"
)

func TestGetConnection(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	client := open(t, sim, nil)
	for _, id := range outpoststest.ConnectionIDs() {
		sim.Forget()
		call := getConnection()
		call.Path = string(outposts.EscapeLabel([]byte("/connections/"), id))
		answer, err := client.Do(t.Context(), call)
		if err != nil {
			t.Fatalf("%q: %v", id, err)
		}
		var body struct {
			ConnectionID string `json:"ConnectionId"`
		}
		if err := json.Unmarshal(answer.Body, &body); err != nil || body.ConnectionID != id {
			t.Errorf("%q: body %s, %v", id, answer.Body, err)
		}
		calls := sim.Calls()
		if len(calls) != 1 {
			t.Fatalf("%q: %d calls", id, len(calls))
		}
		if calls[0].Target != call.Path || calls[0].ConnectionID != id {
			t.Errorf("%q: AWS saw %q", id, calls[0].Target)
		}
		if answer.Status != 200 || answer.Class != audit.ErrorClassNone || answer.ErrorType != "" || answer.ContentType != "application/json" || answer.RequestID != calls[0].RequestID {
			t.Errorf("%q: answer %+v", id, answer)
		}
		want := []audit.Attempt{{RequestID: calls[0].RequestID, Status: 200}}
		if diff := cmp.Diff(want, untimed(answer.Attempts)); diff != "" {
			t.Errorf("%q: attempts (-want +got)\n%s", id, diff)
		}
	}
}

// untimed drops the durations, which must be there.
func untimed(attempts []audit.Attempt) []audit.Attempt {
	var without []audit.Attempt
	for _, a := range attempts {
		if a.DurationUS <= 0 {
			a.ErrorCode = "no duration"
		}
		a.DurationUS = 0
		without = append(without, a)
	}
	return without
}

// Every operation of the table arrives at AWS with the signature right, as the
// operation that it is.
func TestEveryOperation(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	client := open(t, sim, nil)
	bodies := map[string]string{
		"StartConnection":   string(startConnection().Body),
		"UpdateSiteAddress": `{"AddressType":"SHIPPING_ADDRESS"}`,
	}
	labels := strings.NewReplacer(
		"{ConnectionId}", "a%2Fb%2B%3D",
		"{ResourceArn}", "arn%3Aaws%3Aoutposts%3Aus-west-2%3A123456789012%3Aoutpost%2Fop-1",
		"{OutpostId}", "op-1", "{OutpostIdentifier}", "op-1", "{SiteId}", "os-1", "{OrderId}", "oo-1",
		"{CatalogItemId}", "OR-1", "{CapacityTaskId}", "cap-1",
	)
	for _, op := range outposts.Operations() {
		t.Run(op.Name, func(t *testing.T) {
			sim.Forget()
			call := upstream.Call{
				Operation: op.Name, ReadOnly: op.ReadOnly, Method: op.Method, Path: labels.Replace(op.Template),
				Region: "us-west-2", EventID: eventID, Principal: "p1",
			}
			switch {
			case op.Name == "GetSiteAddress":
				call.Query = "AddressType=SHIPPING_ADDRESS"
			case op.ReadOnly && op.Name != "GetConnection":
				call.Query = "MaxResults=2&StatusFilter=ACTIVE&StatusFilter=a%20b%2Bc"
			case op.Method != http.MethodDelete:
				if call.Body = []byte(bodies[op.Name]); len(call.Body) == 0 {
					call.Body = []byte(`{}`)
				}
			}
			answer, err := client.Do(t.Context(), call)
			if err != nil {
				t.Fatal(err)
			}
			calls := sim.Calls()
			if answer.Status != 200 || len(calls) != 1 || calls[0].Operation != op.Name {
				t.Fatalf("answer %d %s, calls %+v", answer.Status, answer.Body, calls)
			}
			want := call.Path
			if call.Query != "" {
				want += "?" + call.Query
			}
			if calls[0].Target != want {
				t.Errorf("AWS saw %q, want %q", calls[0].Target, want)
			}
		})
	}
}

// What goes out is what the package says and nothing else.
func TestOnlyWhatIsSaidGoesOut(t *testing.T) {
	for _, test := range []struct {
		name string
		call upstream.Call
		want []string
	}{
		{"GET", getConnection(), []string{"Accept-Encoding", "Authorization", "User-Agent", "X-Amz-Date"}},
		{"POST", startConnection(), []string{"Accept-Encoding", "Authorization", "Content-Length", "Content-Type", "User-Agent", "X-Amz-Date"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			raw := listen(t, func(c *rawConn) { c.request(); c.send(okAnswer) })
			if _, err := raw.client(t, nil).Do(t.Context(), test.call); err != nil {
				t.Fatal(err)
			}
			request := raw.requests()[0]
			lines := strings.Split(strings.TrimSuffix(request.head, "\r\n\r\n"), "\r\n")
			if want := test.call.Method + " " + test.call.Path + " HTTP/1.1"; lines[0] != want {
				t.Errorf("request line %q, want %q", lines[0], want)
			}
			values := map[string]string{}
			for _, line := range lines[1:] {
				name, value, _ := strings.Cut(line, ": ")
				if _, twice := values[name]; twice {
					t.Errorf("%s twice", name)
				}
				values[name] = value
			}
			for _, name := range append(test.want, "Host") {
				if values[name] == "" {
					t.Errorf("no %s", name)
				}
				if name == "Host" && values[name] != raw.addr {
					t.Errorf("host %q", values[name])
				}
				delete(values, name)
			}
			if len(values) != 0 {
				t.Errorf("sent besides: %v", values)
			}
			if !bytes.Equal(request.body, test.call.Body) {
				t.Errorf("body %q", request.body)
			}
		})
	}
}

func TestUserAgent(t *testing.T) {
	const own = "gatepost/1.2.3 evt/" + eventID
	for _, test := range []struct{ name, caller, want string }{
		{"the caller's first", "aws-cli/2.9.19 Python/3.11.2", "aws-cli/2.9.19 Python/3.11.2 " + own},
		{"none", "", own},
		{"only blanks", "  \t ", "_ " + own},
		{"control characters and UTF-8", "a\x1b[31m\r\nX: y\x00é", "a_[31m__X: y___ " + own},
		{"a token of an event", "x evt/01933e4f-0000-7000-8000-000000000000", "x evt/01933e4f-0000-7000-8000-000000000000 " + own},
		{"very long", strings.Repeat("a", 1<<20), strings.Repeat("a", 1000-1-len(own)) + " " + own},
	} {
		t.Run(test.name, func(t *testing.T) {
			sim := start(t, outpoststest.Config{})
			call := getConnection()
			call.UserAgent = test.caller
			if _, err := open(t, sim, nil).Do(t.Context(), call); err != nil {
				t.Fatal(err)
			}
			if got := sim.Calls()[0].UserAgent; got != test.want {
				t.Errorf("got %.200q, want %.200q", got, test.want)
			}
		})
	}
}

// A call that would go out other than it was signed does not go out.
func TestRefusesWhatIsNotCanonical(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	client := open(t, sim, nil)
	for _, path := range []string{"", "connections/a", "/connections/a b", "/connections/%zz", "/connections/a\r\nX: y", "/connections/é", "http://evil.example/x"} {
		call := getConnection()
		call.Path = path
		_, err := client.Do(t.Context(), call)
		e, ok := errors.AsType[*upstream.Error](err)
		if !ok || e.Sent || e.Class != audit.ErrorClassOther {
			t.Errorf("%q: %v", path, err)
		}
	}
	call := getConnection()
	call.Region = "us-east-2"
	if _, err := client.Do(t.Context(), call); err == nil {
		t.Error("a region that is not served was called")
	}
	if sim.Arrived() != 0 {
		t.Errorf("%d requests arrived", sim.Arrived())
	}
}

// AWS's own errors are answers, sorted by what AWS says.
func TestErrorsOfAWSAreAnswers(t *testing.T) {
	for _, test := range []struct {
		fault outpoststest.Fault
		class audit.ErrorClass
		code  string
	}{
		{outpoststest.Fault{Status: 403, Code: "AccessDeniedException"}, audit.ErrorClassAccessDenied, "AccessDeniedException"},
		{outpoststest.Fault{Status: 404, Code: "NotFoundException"}, audit.ErrorClassNotFound, "NotFoundException"},
		{outpoststest.Fault{Status: 400, Code: "ValidationException"}, audit.ErrorClassValidation, "ValidationException"},
		{outpoststest.Fault{Status: 409, Code: "ConflictException"}, audit.ErrorClassConflict, "ConflictException"},
		{outpoststest.Fault{Status: 402, Code: "ServiceQuotaExceededException"}, audit.ErrorClassServiceQuota, "ServiceQuotaExceededException"},
		{outpoststest.Throttled(), audit.ErrorClassThrottling, "ThrottlingException"},
		{outpoststest.Fault{Status: 403, Code: "ExpiredTokenException"}, audit.ErrorClassAWSAuth, "ExpiredTokenException"},
		{outpoststest.Fault{Status: 403, Code: "com.amazonaws.outposts#InvalidSignatureException:http://internal/"}, audit.ErrorClassAWSAuth, "InvalidSignatureException"},
		{outpoststest.Fault{Status: 400, Code: "not a code"}, audit.ErrorClassOther, ""},
		{outpoststest.Fault{Status: 418, Code: "Teapot"}, audit.ErrorClassOther, "Teapot"},
	} {
		test.fault.Message = "what AWS says"
		t.Run(test.fault.Code, func(t *testing.T) {
			sim := start(t, outpoststest.Config{})
			sim.Script(test.fault)
			watch := &recorder{}
			answer, err := open(t, sim, func(c *upstream.Config) { c.Observer = watch }).Do(t.Context(), getConnection())
			if err != nil {
				t.Fatal(err)
			}
			calls := sim.Calls()
			if answer.Status != test.fault.Status || answer.Class != test.class || answer.ErrorType != test.code || answer.Message != "what AWS says" {
				t.Errorf("answer %+v", answer)
			}
			want := []audit.Attempt{{RequestID: calls[0].RequestID, Status: test.fault.Status, ErrorCode: test.code}}
			if diff := cmp.Diff(want, untimed(answer.Attempts)); diff != "" {
				t.Errorf("attempts (-want +got)\n%s", diff)
			}
			if inFlight, most, attempts := watch.seen(); inFlight != 0 || most != 1 || !cmp.Equal(attempts, []string{string(test.class)}) {
				t.Errorf("observed %d, %d, %v", inFlight, most, attempts)
			}
		})
	}
}

func TestRequestIDUnderAnyName(t *testing.T) {
	for _, test := range []struct{ header, want string }{
		{"x-amzn-requestid: id-1", "id-1"},
		{"x-amz-request-id: id-2", "id-2"},
		{"X-AMZ-REQUESTID: id-3", "id-3"},
		{"x-amz-request-id: second\r\nx-amzn-RequestId: first", "first"},
		{"x-other: id", ""},
		{"x-amzn-requestid: " + strings.Repeat("a", 200), ""},
		{"x-amzn-requestid: caf\xc3\xa9", ""},
	} {
		raw := listen(t, func(c *rawConn) {
			c.request()
			c.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n" + test.header + "\r\n\r\n{}")
		})
		answer, err := raw.client(t, nil).Do(t.Context(), getConnection())
		if err != nil || answer.RequestID != test.want {
			t.Errorf("%q: %q, %v", test.header, answer.RequestID, err)
		}
	}
}

func TestClockOffset(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	client := open(t, sim, nil)
	if offset := client.ClockOffset(); offset != 0 {
		t.Errorf("before: %v", offset)
	}
	sim.Script(outpoststest.Fault{ClockOffset: 10 * time.Minute}, outpoststest.Fault{Header: map[string]string{"Date": "garbage"}})
	for range 2 {
		answer, err := client.Do(t.Context(), getConnection())
		if err != nil || answer.Status != 200 {
			t.Fatalf("%d, %v", answer.Status, err)
		}
		if off := (client.ClockOffset() - 10*time.Minute).Abs(); off > 2*time.Second {
			t.Errorf("offset %v", client.ClockOffset())
		}
	}
	if status := client.Ready(t.Context()); status.ClockOffset != client.ClockOffset() || !status.OK {
		t.Errorf("status %+v", status)
	}
	if _, err := client.Do(t.Context(), getConnection()); err != nil {
		t.Fatal(err)
	}
	if off := client.ClockOffset().Abs(); off > 2*time.Second {
		t.Errorf("offset %v after a right Date", off)
	}
}

func TestConfigFaults(t *testing.T) {
	for _, test := range []struct {
		name string
		edit func(*upstream.Config)
	}{
		{"no region", func(c *upstream.Config) { c.Regions = nil }},
		{"region that is no host label", func(c *upstream.Config) { c.Regions = []string{"us west 2"} }},
		{"endpoint without scheme", func(c *upstream.Config) { c.Endpoint = "example.com" }},
		{"endpoint with a path", func(c *upstream.Config) { c.Endpoint = "https://example.com/x" }},
		{"endpoint with a query", func(c *upstream.Config) { c.Endpoint = "https://example.com?x" }},
		{"endpoint with a user", func(c *upstream.Config) { c.Endpoint = "https://u:p@example.com" }},
		{"ftp", func(c *upstream.Config) { c.Endpoint = "ftp://example.com" }},
		{"role for each principal, no role", func(c *upstream.Config) { c.AssumeRole.PerPrincipal = true }},
		{"negative timeout", func(c *upstream.Config) { c.Timeout = -1 }},
		{"unknown profile", func(c *upstream.Config) { c.Profile = "nobody" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := upstream.Config{Regions: []string{"us-west-2"}}
			test.edit(&c)
			if client, err := upstream.New(t.Context(), c); err == nil {
				client.Close()
				t.Error("accepted")
			}
		})
	}
}
