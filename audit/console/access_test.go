package console_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/console/token"
)

// samples are requests that are answered with 200, or with the status given, when
// they are let through.
var samples = []struct {
	pattern string
	path    string
	methods map[string]token.Role // "" is for everybody
	status  int
}{
	{"/api/v1/events", "/api/v1/events?limit=1", map[string]token.Role{"GET": token.Viewer}, 200},
	{"/api/v1/events/{id}", "/api/v1/events/01936f2a-0000-7000-8000-000000000001", map[string]token.Role{"GET": token.Viewer}, 200},
	{"/api/v1/events/{id}/proof", "/api/v1/events/01936f2a-0000-7000-8000-000000000001/proof", map[string]token.Role{"GET": token.Viewer}, 200},
	{"/api/v1/stream", "/api/v1/stream?after=99999999", map[string]token.Role{"GET": token.Viewer}, 400}, // or it would last
	{"/api/v1/findings", "/api/v1/findings", map[string]token.Role{"GET": token.Viewer}, 200},
	{"/api/v1/findings/{id}/acknowledge", "/api/v1/findings/01936f2a-0000-7000-8000-000000000001/acknowledge", map[string]token.Role{"POST": token.Operator}, 415}, // it has no body
	{"/api/v1/summary", "/api/v1/summary", map[string]token.Role{"GET": token.Viewer}, 200},
	{"/api/v1/cache", "/api/v1/cache", map[string]token.Role{"DELETE": token.Operator}, 200},
	{"/api/v1/cache/{connection}", "/api/v1/cache/a%2Fb%2Bc%3D", map[string]token.Role{"DELETE": token.Operator}, 200},
	{"/openapi.json", "/openapi.json", map[string]token.Role{"GET": token.Viewer}, 200},
	{"/checkpoint", "/checkpoint", map[string]token.Role{"GET": token.Viewer, "HEAD": token.Viewer}, 200},
	{"/tile/{path...}", "/tile/0/000.p/1", map[string]token.Role{"GET": token.Viewer, "HEAD": token.Viewer}, 200},
	{"/metrics", "/metrics", map[string]token.Role{"GET": token.Viewer, "HEAD": token.Viewer}, 200},
	{"/healthz", "/healthz", map[string]token.Role{"GET": "", "HEAD": ""}, 200},
	{"/readyz", "/readyz", map[string]token.Role{"GET": "", "HEAD": ""}, 200},
}

// Every route, with every method, for everybody.
func TestAccess(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	intent, outcome := call(1)
	b.append(t, intent, outcome)
	b.settle(t)
	var patterns []string
	for _, s := range samples {
		patterns = append(patterns, s.pattern)
	}
	for _, r := range b.console.Routes() {
		if !slices.Contains(patterns, r.Pattern) {
			t.Errorf("%s %s is not tried", r.Method, r.Pattern)
		}
	}
	bearers := []struct {
		name  string
		token string
		role  token.Role // "" is none, "-" is that of a token that is not valid
	}{
		{"nobody", "", ""},
		{"stranger", "gpt_" + strings.Repeat("x", 43), "-"},
		{"viewer", b.viewer, token.Viewer},
		{"operator", b.operator, token.Operator},
	}
	for _, s := range samples {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO"} {
			for _, bearer := range bearers {
				t.Run(s.pattern+" "+method+" "+bearer.name, func(t *testing.T) {
					r := b.send(t, method, s.path, bearer.token, nil)
					need, taken := s.methods[method]
					want := s.status
					switch {
					case !taken:
						want = 405
					case need == "" && !(bearer.role == "-" && s.pattern == "/readyz"):
					case bearer.role == "", bearer.role == "-":
						want = 401
					case need == token.Operator && bearer.role == token.Viewer:
						want = 403
					}
					if r.status != want {
						t.Fatalf("%d, want %d: %s", r.status, want, r.body)
					}
					if want == 405 {
						var allow []string
						for m := range s.methods {
							allow = append(allow, m)
						}
						slices.Sort(allow)
						if got := r.header.Get("Allow"); got != strings.Join(allow, ", ") {
							t.Errorf("Allow: %q", got)
						}
					}
					if want == 401 && !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Bearer ") {
						t.Errorf("WWW-Authenticate: %q", r.header.Get("WWW-Authenticate"))
					}
					checkHeader(t, method, r)
				})
			}
		}
	}
}

// checkHeader holds what holds for every answer.
func checkHeader(t *testing.T, method string, r response) {
	t.Helper()
	if r.header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(r.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("header %v", r.header)
	}
	if c := r.header.Get("Cache-Control"); c != "no-store" && !(r.status == 200 && (c == "no-cache" || strings.HasSuffix(c, "immutable"))) {
		t.Errorf("Cache-Control: %q", c)
	}
	if r.status < 400 {
		return
	}
	if ct := r.header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type: %q", ct)
	}
	if method == "HEAD" {
		return
	}
	p := decode[struct {
		Type, Title, Detail, Parameter string
		Status                         int
	}](t, r)
	if p.Type != "about:blank" || p.Title != http.StatusText(r.status) || p.Status != r.status {
		t.Errorf("problem %+v of %d", p, r.status)
	}
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	for _, path := range []string{
		"/api", "/api/v1", "/api/v1/", "/api/v1/event", "/api/v1/events/", "/api//v1/events", "/api/v1/../v1/events", "/./healthz", "/healthz/",
		"/tile", "/tile/", "/tile/0", "/tile/../checkpoint", "/tile/9/000", "/api/v1/events/a/b", "/api/v1/cache/a/b", "/debug/pprof/", "/debug/vars", "/favicon.ico", "/assets/", "/assets/style.css", "/assets/../routes.go",
		"/API/v1/events", "//evil.example/", "/api/v1/events%2Fx",
	} {
		r := b.get(t, path)
		if r.status != 404 {
			t.Errorf("%s: %d %s", path, r.status, r.body)
			continue
		}
		checkHeader(t, "GET", r)
	}
}

func TestNoToken(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	size := b.journal.Size()
	tests := []struct {
		name   string
		path   string
		header http.Header
	}{
		{"in the query", "/api/v1/events?token=" + b.viewer, nil},
		{"access_token in the query", "/api/v1/events?access_token=" + b.viewer, nil},
		{"in a cookie", "/api/v1/events", http.Header{"Cookie": {"token=" + b.viewer}}},
		{"Basic", "/api/v1/events", http.Header{"Authorization": {"Basic " + b.viewer}}},
		{"twice", "/api/v1/events", http.Header{"Authorization": {"Bearer " + b.viewer, "Bearer " + b.viewer}}},
		{"a caller's key", "/api/v1/events", http.Header{"Authorization": {"AWS4-HMAC-SHA256 Credential=GPK7Q2M4X6ZB3N5C8V1L/20261123/us-west-2/outposts/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("0", 64)}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if r := b.send(t, "GET", tt.path, "", tt.header); r.status != 401 {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	if b.journal.Size() != size {
		t.Error("strangers write to the log")
	}
}

// A token that is deleted ends at once, and its name is not reused by what went
// before.
func TestDeletedToken(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	if r := b.get(t, "/api/v1/summary"); r.status != 200 {
		t.Fatal(r)
	}
	if err := b.tokens.Delete(t.Context(), "soc"); err != nil {
		t.Fatal(err)
	}
	if err := b.store.Reload(); err != nil {
		t.Fatal(err)
	}
	if r := b.get(t, "/api/v1/summary"); r.status != 401 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// Requests that a browser was made to send.
func TestCrossSite(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, method string
		header       http.Header
		want         int
	}{
		{"no browser", "GET", nil, 200},
		{"own page", "GET", http.Header{"Sec-Fetch-Site": {"same-origin"}}, 200},
		{"typed in", "GET", http.Header{"Sec-Fetch-Site": {"none"}}, 200},
		{"other site", "GET", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		{"other port", "GET", http.Header{"Sec-Fetch-Site": {"same-site"}}, 403},
		{"origin null", "GET", http.Header{"Origin": {"null"}}, 403},
		{"other origin", "GET", http.Header{"Origin": {"http://evil.example"}}, 403},
		{"purge from other site", "DELETE", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		{"purge with origin null", "DELETE", http.Header{"Origin": {"null"}}, 403},
		{"purge from own page", "DELETE", http.Header{"Sec-Fetch-Site": {"same-origin"}}, 200},
	}
	for _, open := range []bool{true, false} {
		b := start(t, options{open: open})
		for _, tt := range tests {
			path := "/api/v1/events"
			if tt.method == "DELETE" {
				path = "/api/v1/cache"
			}
			size := b.journal.Size()
			r := b.send(t, tt.method, path, b.operator, tt.header)
			if r.status != tt.want {
				t.Errorf("%s, open %t: %d %s", tt.name, open, r.status, r.body)
			}
			if r.status == 403 && b.journal.Size() != size {
				t.Errorf("%s: it left a record", tt.name)
			}
			checkHeader(t, tt.method, r)
		}
	}
}

// Without tokens, this machine is an operator, and nobody else is anything.
func TestLoopback(t *testing.T) {
	t.Parallel()
	b := start(t, options{open: true})
	tests := []struct {
		name, peer, host string
		header           http.Header
		want             int
	}{
		{"address", "127.0.0.1:4711", "127.0.0.1:9090", nil, 200},
		{"name", "127.0.0.1:4711", "localhost:9090", nil, 200},
		{"name without port", "127.0.0.1:4711", "LocalHost", nil, 200},
		{"IPv6", "[::1]:4711", "[::1]:9090", nil, 200},
		{"IPv6 without port", "[::1]:4711", "[::1]", nil, 200},
		{"mapped", "[::ffff:127.0.0.1]:4711", "127.0.0.1", nil, 200},
		{"other peer", "192.0.2.7:4711", "127.0.0.1:9090", nil, 403},
		{"mapped other peer", "[::ffff:192.0.2.7]:4711", "127.0.0.1:9090", nil, 403},
		{"rebound", "127.0.0.1:4711", "evil.example:9090", nil, 403},
		{"like local", "127.0.0.1:4711", "localhost.evil.example", nil, 403},
		{"no host", "127.0.0.1:4711", "", nil, 403},
		{"any address", "127.0.0.1:4711", "0.0.0.0:9090", nil, 403},
		{"forwarded", "127.0.0.1:4711", "localhost:9090", http.Header{"X-Forwarded-For": {"192.0.2.7"}}, 403},
		{"forwarded by the standard", "127.0.0.1:4711", "localhost:9090", http.Header{"Forwarded": {"for=192.0.2.7"}}, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, path := range []string{"/api/v1/events", "/metrics", "/openapi.json", "/readyz", "/healthz"} {
				r := httptest.NewRequestWithContext(context.Background(), "GET", path, nil)
				r.RemoteAddr, r.Host = tt.peer, tt.host
				maps.Copy(r.Header, tt.header)
				w := httptest.NewRecorder()
				b.console.ServeHTTP(w, r)
				want := tt.want
				if path == "/readyz" || path == "/healthz" {
					want = 200
				}
				if w.Code != want {
					t.Errorf("%s: %d %s", path, w.Code, w.Body)
				}
				if path == "/readyz" && strings.Contains(w.Body.String(), "123456789012") != (tt.want == 200) {
					t.Errorf("readyz tells %s", w.Body)
				}
			}
		})
	}
	e := b.last(t)
	if e.Principal != "token:loopback" {
		t.Errorf("recorded %+v", e)
	}
}

// A page whose name was made to resolve to this machine gets nothing, whatever it
// has.
func TestHosts(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	for host, want := range map[string]int{
		"127.0.0.1:9090": 200, "192.0.2.7": 200, "[2001:db8::7]:9090": 200, "[2001:db8::7]": 200, "localhost": 200, "LOCALHOST:1": 200,
		"gatepost.example": 200, "GATEPOST.example:9090": 200,
		"evil.example": 403, "evil.example:9090": 403, "127.0.0.1.evil.example": 403, "gatepost.example.evil.example": 403, "": 403, "[": 403,
	} {
		for path, open := range map[string]bool{"/api/v1/events": false, "/": false, "/login": false, "/metrics": false, "/healthz": true, "/readyz": true} {
			r := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
			r.RemoteAddr, r.Host = "192.0.2.1:4711", host
			r.Header.Set("Authorization", "Bearer "+b.viewer)
			w := httptest.NewRecorder()
			b.console.ServeHTTP(w, r)
			if refused := w.Code == 403 && strings.Contains(w.Body.String(), "admin.public_names"); refused != (want == 403 && !open) {
				t.Errorf("%s of %q: %d %s", path, host, w.Code, w.Body)
			}
		}
	}
}

func TestReadyzDetails(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	brief := b.send(t, "GET", "/readyz", "", nil)
	if want := `{"ready":true,"components":{"audit":{"ok":true},"upstream":{"ok":false,"reason":"credentials"}}}`; brief.status != 200 || strings.NewReplacer("\n", "", " ", "").Replace(brief.body) != want {
		t.Errorf("%d %s", brief.status, brief.body)
	}
	if full := b.get(t, "/readyz"); full.status != 200 || !strings.Contains(full.body, "123456789012") {
		t.Errorf("%d %s", full.status, full.body)
	}
}
