package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
)

// Keys of callers who differ in what they may do.
const manyKeys = callerKeys + `  - id: GPKNARROW00000000001
    secret: ` + narrowSecret + `
    principal: narrow
    allow: [{operations: [GetConnection], connections: ["onlythisone"]}]
  - id: GPKREADER00000000001
    secret: ` + readerSecret + `
    principal: reader
    allow: [{operations: [read-only]}]
  - id: GPKDISABLED000000001
    secret: ` + disabledSecret + `
    principal: disabled
    disabled: true
    allow: [{operations: ["*"]}]
  - id: GPKEXPIRED0000000001
    secret: ` + expiredSecret + `
    principal: expired
    expires: 2020-01-01T00:00:00Z
    allow: [{operations: ["*"]}]
`

const (
	narrowSecret   = "narrow-secret-0123456789abcdef0123456789abcdef"
	readerSecret   = "reader-secret-0123456789abcdef0123456789abcdef"
	disabledSecret = "disabled-secret-0123456789abcdef0123456789abcd"
	expiredSecret  = "expired-secret-0123456789abcdef0123456789abcde"
)

// Whoever is refused gets the right answer, AWS hears nothing of it, and the log and the answer name each other.
func TestRefusals(t *testing.T) {
	g := startGate(t, gateOptions{keys: manyKeys})
	fill := g.Call(t, "GET", "/connections/"+plainConnection, "")
	if fill.status != 200 {
		t.Fatalf("the cache could not be filled: %s", fill)
	}
	as := func(id, secret string) func(method, path string) http.Header {
		return func(method, path string) http.Header { return g.SignAs(t, id, secret, method, path, "") }
	}
	caller := as(callerKey, callerSecret)
	with := func(sign func(method, path string) http.Header, change func(http.Header)) func(method, path string) http.Header {
		return func(method, path string) http.Header {
			h := sign(method, path)
			change(h)
			return h
		}
	}
	set := func(name, value string) func(http.Header) { return func(h http.Header) { h.Set(name, value) } }
	replace := func(old, new string) func(http.Header) {
		return func(h http.Header) { h.Set("Authorization", strings.Replace(h.Get("Authorization"), old, new, 1)) }
	}
	const plain = "/connections/" + plainConnection
	tests := map[string]struct {
		method, path string
		header       func(method, path string) http.Header
		status       int
		code         string
		class        string
	}{
		"unknown key":                   {"GET", plain, as("GPKNOBODY00000000001", callerSecret), 403, "InvalidSignatureException", "signature"},
		"wrong secret":                  {"GET", plain, as(callerKey, narrowSecret), 403, "InvalidSignatureException", "signature"},
		"not signed":                    {"GET", plain, with(caller, func(h http.Header) { h.Del("Authorization") }), 403, "InvalidSignatureException", "signature"},
		"signed for another path":       {"GET", plain, func(m, _ string) http.Header { return caller(m, "/connections/other") }, 403, "InvalidSignatureException", "signature"},
		"signed for another method":     {"GET", plain, func(_, p string) http.Header { return caller("POST", p) }, 403, "InvalidSignatureException", "signature"},
		"another region":                {"GET", plain, with(caller, replace("us-west-2", "us-east-2")), 403, "InvalidSignatureException", "signature"},
		"another service":               {"GET", plain, with(caller, replace("/outposts/", "/s3/")), 403, "InvalidSignatureException", "signature"},
		"another terminator":            {"GET", plain, with(caller, replace("aws4_request", "aws4_Request")), 403, "InvalidSignatureException", "signature"},
		"SigV4a":                        {"GET", plain, with(caller, replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")), 403, "InvalidSignatureException", "signature"},
		"SHA-512":                       {"GET", plain, with(caller, replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512")), 403, "InvalidSignatureException", "signature"},
		"another host":                  {"GET", plain, with(caller, set("Host", "evil.example")), 403, "InvalidSignatureException", "signature"},
		"unsigned x-amz-target":         {"GET", plain, with(caller, set("X-Amz-Target", "a")), 403, "InvalidSignatureException", "signature"},
		"unsigned session token":        {"GET", plain, with(caller, set("X-Amz-Security-Token", "a")), 403, "InvalidSignatureException", "signature"},
		"unsigned payload":              {"GET", plain, with(caller, set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")), 403, "InvalidSignatureException", "signature"},
		"date of another form":          {"GET", plain, with(caller, set("X-Amz-Date", "2026-11-22T22:59:59Z")), 403, "InvalidSignatureException", "signature"},
		"signature in the query":        {"GET", "/outposts?X-Amz-Signature=00", caller, 400, "ValidationException", "validation"},
		"disabled key":                  {"GET", plain, as("GPKDISABLED000000001", disabledSecret), 403, "AccessDeniedException", "policy"},
		"expired key":                   {"GET", plain, as("GPKEXPIRED0000000001", expiredSecret), 403, "AccessDeniedException", "policy"},
		"connection not allowed":        {"GET", plain, as("GPKNARROW00000000001", narrowSecret), 403, "AccessDeniedException", "policy"},
		"write not allowed":             {"POST", "/connections", as("GPKREADER00000000001", readerSecret), 403, "AccessDeniedException", "policy"},
		"raw slash in the id":           {"GET", "/connections/a/b", caller, 404, "UnknownOperationException", "unknown_operation"},
		"no operation at all":           {"GET", "/nothing/of/the/kind", caller, 404, "UnknownOperationException", "unknown_operation"},
		"method of no such path":        {"DELETE", plain, caller, 404, "UnknownOperationException", "unknown_operation"},
		"escaped percent":               {"GET", "/connections/a%252Fb", caller, 400, "ValidationException", "validation"},
		"dot":                           {"GET", "/connections/.", caller, 400, "ValidationException", "validation"},
		"dot dot":                       {"GET", "/connections/..", caller, 400, "ValidationException", "validation"},
		"escaped dot dot":               {"GET", "/connections/%2e%2e", caller, 400, "ValidationException", "validation"},
		"dot dot inside":                {"GET", "/connections/a%2F..%2Fb", caller, 400, "ValidationException", "validation"},
		"dot segment before":            {"GET", "/connections/./a", caller, 400, "ValidationException", "validation"},
		"escaped NUL":                   {"GET", "/connections/a%00b", caller, 400, "ValidationException", "validation"},
		"escaped CRLF":                  {"GET", "/connections/a%0d%0ab", caller, 400, "ValidationException", "validation"},
		"line separator":                {"GET", "/connections/%E2%80%A8", caller, 400, "ValidationException", "validation"},
		"semicolon":                     {"GET", "/connections/a;x=1", caller, 400, "ValidationException", "validation"},
		"id of 1025":                    {"GET", "/connections/" + strings.Repeat("a", 1025), caller, 400, "ValidationException", "validation"},
		"empty id":                      {"GET", "/connections/", caller, 400, "ValidationException", "validation"},
		"query on GetConnection":        {"GET", plain + "?x=1;y=2", caller, 400, "ValidationException", "validation"},
		"signature beside the query's":  {"GET", plain + "?X-Amz-Signature=00", caller, 400, "ValidationException", "validation"},
		"only a signature in the query": {"GET", plain + "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00", func(string, string) http.Header { return http.Header{"Host": {g.Host}} }, 400, "ValidationException", "validation"},
	}
	texts := map[string]bool{}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := g.Send(t, tt.method, tt.path, "", tt.header(tt.method, tt.path))
			if a.status != tt.status || a.header.Get("X-Amzn-Errortype") != tt.code {
				t.Errorf("%s, want %d %s", a, tt.status, tt.code)
			}
			if !strings.HasPrefix(a.body, `{"message":"`) || a.header.Get("Content-Type") != "application/json" {
				t.Errorf("not an error document: %s", a)
			}
			if a.header.Get("Age") != "" || strings.Contains(a.header.Get("Cache-Status"), "hit") {
				t.Errorf("the answer tells of the cache: %s", a)
			}
			if when, err := http.ParseTime(a.header.Get("Date")); err != nil || time.Since(when).Abs() > time.Minute {
				t.Errorf("Date %q: %v", a.header.Get("Date"), err)
			}
			if tt.class == "signature" && name != "not signed" {
				texts[a.body] = true
			}
			e := g.Event(t, a)
			if e.Status != tt.status || string(e.ErrorClass) != tt.class || e.Decision != "deny" || e.Kind != "outcome" {
				t.Errorf("recorded as %+v", e)
			}
		})
	}
	if n := len(g.AWS.Calls()) - len(g.AWS.CallsOf("GetCallerIdentity")); n != 1 {
		t.Errorf("%d calls to AWS, one filled the cache", n)
	}
	if len(texts) != 1 {
		t.Errorf("refused signatures are told apart by %d texts: %v", len(texts), texts)
	}
}

// A clock outside the window is told from a wrong signature, at the edges of the window too.
func TestClockWindow(t *testing.T) {
	g := startGate(t, gateOptions{})
	for _, tt := range []struct {
		off    time.Duration
		status int
	}{
		{-4*time.Minute - 50*time.Second, 200}, {4*time.Minute + 50*time.Second, 200},
		{-5*time.Minute - 10*time.Second, 403}, {5*time.Minute + 10*time.Second, 403},
	} {
		a := g.Send(t, "GET", "/connections/"+plainConnection, "", g.signAt(t, time.Now().Add(tt.off), callerKey, callerSecret, "GET", "/connections/"+plainConnection, ""))
		if a.status != tt.status {
			t.Errorf("%s off: %s, want %d", tt.off, a, tt.status)
		}
		if tt.status == 403 && (!strings.Contains(a.body, "expired") || a.header.Get("X-Amzn-Errortype") != "InvalidSignatureException") {
			t.Errorf("%s off: %s", tt.off, a)
		}
	}
}

// What HTTP itself refuses is answered in the API's form, recorded and counted.
func TestRefusedHTTP(t *testing.T) {
	g := startGate(t, gateOptions{})
	const host = "Host: h\r\n"
	for name, tt := range map[string]struct {
		raw    string
		status int
	}{
		"length and chunked": {"POST /connections HTTP/1.1\r\n" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		"bare LF":            {"GET /connections/a HTTP/1.1\nHost: h\n\n", 400},
		"absolute form":      {"GET http://evil/connections/a HTTP/1.1\r\n" + host + "\r\n", 400},
		"20,000 fields":      {"GET /connections/a HTTP/1.1\r\n" + host + strings.Repeat("A: b\r\n", 20000) + "\r\n", 431},
		"TRACE":              {"TRACE / HTTP/1.1\r\n" + host + "\r\n", 405},
		"CONNECT":            {"CONNECT h:443 HTTP/1.1\r\n" + host + "\r\n", 405},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := g.Raw(tt.raw)
			if err != nil {
				t.Fatal(err)
			}
			if a.status != tt.status || a.header.Get("X-Amzn-Errortype") != "InvalidRequestException" || !a.close {
				t.Errorf("%s, want %d", a, tt.status)
			}
			if e := g.Event(t, a); string(e.ErrorClass) != "bad_request" || e.Status != tt.status {
				t.Errorf("recorded as %+v", e)
			}
		})
	}
	if n := g.Metric(t, `gatepost_http_rejected_total{reason="transfer_coding"}`); n != 1 {
		t.Errorf("rejected for transfer coding: %g", n)
	}
	if n := len(g.AWS.CallsOf("GetConnection")); n != 0 {
		t.Errorf("AWS was called %d times", n)
	}
}

// Whoever proves nothing can't fill the log: past a rate the refusals of a source are counted, and no caller with a key is held up.
func TestUnauthenticatedFlood(t *testing.T) {
	g := startGate(t, gateOptions{})
	said := map[string]string{} // where each answer says that it is in the log
	refused := 0
	for range 3000 {
		a := g.Send(t, "GET", "/connections/a", "", http.Header{"Host": {g.Host}})
		if a.status != 403 {
			t.Fatal(a)
		}
		refused++
		said[a.header.Get("X-Gatepost-Event-Id")] = a.header.Get("X-Gatepost-Event-Index")
	}
	if len(said) == refused {
		t.Fatalf("none of %d refusals was summarised", refused)
	}
	if a := g.Call(t, "GET", "/connections/"+plainConnection, ""); a.status != 200 {
		t.Errorf("a caller with a key: %s", a)
	}
	if err := g.Stop(t); err != nil {
		t.Fatal(err)
	}
	counted, opened := 0, 0
	for _, e := range g.Log(t) {
		if index, ok := said[e.ID]; ok {
			if index != strconv.FormatUint(e.Index, 10) {
				t.Errorf("entry %d is said to be %q", e.Index, index)
			}
			delete(said, e.ID)
		}
		switch {
		case e.Kind == "outcome" && e.Status == 403:
			counted++
		case e.Action == "unauthenticated_summary":
			counted += int(e.Count)
		case e.Action == "suppression_started":
			opened++
		}
	}
	if counted != refused || opened == 0 || len(said) > 0 {
		t.Errorf("%d refusals, %d in the log, %d summaries, not there: %v", refused, counted, opened, said)
	}
}

// Strings of callers end up in the log as one line each, with nothing that a terminal or a parser would act on.
func TestHostileStrings(t *testing.T) {
	g := startGate(t, gateOptions{})
	for name, agent := range map[string]string{
		"forged entry": `"},{"forged":true,"x":"`, "bidi override": "a\u202eb", "invalid UTF-8": "\xff\xfe\xc3(", "line separator": "a\u2028b",
		"C1 control": "a\u0085\u009bb", "15,000 bytes": strings.Repeat("x", 15000),
	} {
		t.Run(name, func(t *testing.T) {
			h := g.Sign(t, "GET", "/connections/"+plainConnection)
			h.Set("User-Agent", agent)
			a := g.Send(t, "GET", "/connections/"+plainConnection, "", h)
			if a.status != 200 {
				t.Fatal(a)
			}
			if e := g.Event(t, a); len(agent) > 1024 != (len(e.Truncated) > 0) {
				t.Errorf("truncated: %v", e.Truncated)
			}
		})
	}
	dangerous := regexp.MustCompile("[\x00-\x09\x0b-\x1f\x7f\u0080-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
	segments, err := filepath.Glob(filepath.Join(g.logDir(), "segment-*.jsonl"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("segments %v, %v", segments, err)
	}
	for _, name := range segments {
		if raw, err := os.ReadFile(name); err != nil || dangerous.Match(raw) {
			t.Errorf("the log holds %q, %v", dangerous.Find(raw), err)
		}
	}
	for _, c := range g.AWS.Calls() {
		if dangerous.MatchString(c.UserAgent) {
			t.Errorf("AWS got the user agent %q", c.UserAgent)
		}
	}
}

// Nothing secret is anywhere in the data directory, nor in what the process says.
func TestNothingSecretIsStored(t *testing.T) {
	g := startGate(t, gateOptions{config: map[string]any{"log": map[string]any{"level": "debug"}}})
	h := g.Sign(t, "GET", "/connections/"+plainConnection)
	signature := h.Get("Authorization")[strings.LastIndex(h.Get("Authorization"), "=")+1:]
	h.Set("Cookie", "marker-cookie")
	a := g.Send(t, "GET", "/connections/"+plainConnection, "", h)
	if a.status != 200 {
		t.Fatal(a)
	}
	g.Send(t, "GET", "/connections/"+plainConnection, "", h)
	connection, _ := g.AWS.Connection(plainConnection)
	if !strings.Contains(a.body, connection.ServerPublicKey) {
		t.Fatalf("the answer has no server key: %s", a)
	}
	if err := g.Stop(t); err != nil {
		t.Fatal(err)
	}
	kept := string(g.LogBytes(t)) + g.stderr.String()
	for what, secret := range map[string]string{
		"caller's secret": callerSecret, "signature": signature, "AWS secret": outpoststest.DefaultSecret,
		"connection details": connection.ServerPublicKey, "cookie": "marker-cookie",
	} {
		if strings.Contains(kept, secret) {
			t.Errorf("%s is kept", what)
		}
	}
}
