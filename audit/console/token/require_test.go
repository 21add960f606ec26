package token_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit/console/token"
)

// hello answers with who asked.
var hello = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	id, ok := token.FromContext(r.Context())
	fmt.Fprintf(w, "%s %s %v", id.Role, id.Name, ok)
})

// problem is what RFC 9457 promises to a client.
type problem struct {
	Type, Title, Detail string
	Status              int
}

// refusal checks that an answer is a problem document, and returns its challenge.
func refusal(t *testing.T, w *httptest.ResponseRecorder, status int) string {
	t.Helper()
	res := w.Result()
	if res.StatusCode != status {
		t.Errorf("status %d, want %d", res.StatusCode, status)
	}
	if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q", got)
	}
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(body), "SECRET") {
		t.Errorf("a token in %q", body)
	}
	var p problem
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatalf("%v: %q", err, body)
	}
	if p.Detail == "" {
		t.Error("no detail")
	}
	p.Detail = ""
	if diff := cmp.Diff(problem{Type: "about:blank", Title: http.StatusText(status), Status: status}, p); diff != "" {
		t.Errorf("problem (-want +got):\n%s", diff)
	}
	return res.Header.Get("WWW-Authenticate")
}

const (
	needsToken   = `Bearer realm="gatepost"`
	invalidToken = `Bearer realm="gatepost", error="invalid_token"`
	wrongRole    = `Bearer realm="gatepost", error="insufficient_scope"`
)

func requireStore(t *testing.T) *token.Store {
	t.Helper()
	path := newFile(t, fileText(entry("soc", token.Viewer, ""), entry("ops", token.Operator, ""), entry("gone", token.Operator, "2027-03-01T00:00:00Z")))
	return open(t, path, token.Options{Now: func() time.Time { return expiry }})
}

func TestRequire(t *testing.T) {
	s := requireStore(t)
	const sigV4 = "AWS4-HMAC-SHA256 Credential=GPK7Q2M4X6ZB3N5C8V1L/20270301/us-west-2/outposts/aws4_request, SignedHeaders=host;x-amz-date, Signature=0123456789abcdef"
	tests := []struct {
		name      string
		role      token.Role
		fields    []string // Authorization
		status    int
		want      string // body, if let through
		challenge string
	}{
		{"viewer as viewer", token.Viewer, []string{"Bearer " + textOf("soc")}, 200, "viewer soc true", ""},
		{"operator as viewer", token.Viewer, []string{"Bearer " + textOf("ops")}, 200, "operator ops true", ""},
		{"operator as operator", token.Operator, []string{"Bearer " + textOf("ops")}, 200, "operator ops true", ""},
		{"scheme in another case", token.Viewer, []string{"bEARER " + textOf("soc")}, 200, "viewer soc true", ""},
		{"more spaces", token.Viewer, []string{"Bearer   " + textOf("soc")}, 200, "viewer soc true", ""},
		{"viewer as operator", token.Operator, []string{"Bearer " + textOf("soc")}, 403, "", wrongRole},
		{"role that does not exist", "root", []string{"Bearer " + textOf("ops")}, 403, "", wrongRole},
		{"none", token.Viewer, nil, 401, "", needsToken},
		{"empty", token.Viewer, []string{""}, 401, "", needsToken},
		{"scheme alone", token.Viewer, []string{"Bearer"}, 401, "", needsToken},
		{"no token behind the scheme", token.Viewer, []string{"Bearer "}, 401, "", invalidToken},
		{"unknown", token.Viewer, []string{"Bearer " + textOf("other")}, 401, "", invalidToken},
		{"expired", token.Viewer, []string{"Bearer " + textOf("gone")}, 401, "", invalidToken},
		{"token without a scheme", token.Viewer, []string{textOf("ops")}, 401, "", needsToken},
		{"token in another scheme", token.Viewer, []string{"Basic " + textOf("ops")}, 401, "", needsToken},
		{"hash of a token", token.Viewer, []string{"Bearer " + sumOf("ops")}, 401, "", invalidToken},
		{"two fields", token.Viewer, []string{"Bearer " + textOf("ops"), "Bearer " + textOf("ops")}, 401, "", needsToken},
		{"two in one field", token.Viewer, []string{"Bearer " + textOf("other") + ", Bearer " + textOf("ops")}, 401, "", invalidToken},
		{"a caller's signature", token.Viewer, []string{sigV4}, 401, "", needsToken},
		{"a caller's signature as a token", token.Viewer, []string{"Bearer " + sigV4}, 401, "", invalidToken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/api/v1/events", nil)
			r.Header["Authorization"] = tt.fields
			w := httptest.NewRecorder()
			s.Require(tt.role, hello).ServeHTTP(w, r)
			if tt.status != 200 {
				if got := refusal(t, w, tt.status); got != tt.challenge {
					t.Errorf("WWW-Authenticate %q, want %q", got, tt.challenge)
				}
				return
			}
			if w.Code != 200 || w.Body.String() != tt.want {
				t.Errorf("%d %q, want %q", w.Code, w.Body, tt.want)
			}
		})
	}
}

func TestUnknownAndExpiredAreAnsweredAlike(t *testing.T) {
	s := requireStore(t)
	answer := func(name string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", "Bearer "+textOf(name))
		w := httptest.NewRecorder()
		s.Require(token.Viewer, hello).ServeHTTP(w, r)
		return w
	}
	unknown, expired := answer("other"), answer("gone")
	if diff := cmp.Diff(unknown.Result().Header, expired.Result().Header); diff != "" {
		t.Errorf("headers differ:\n%s", diff)
	}
	if unknown.Code != expired.Code || unknown.Body.String() != expired.Body.String() {
		t.Errorf("%d %s and %d %s", unknown.Code, unknown.Body, expired.Code, expired.Body)
	}
}

// A token counts in one place alone.
func TestRequireLooksNowhereElse(t *testing.T) {
	s := requireStore(t)
	text := textOf("ops")
	outer, err := s.Authenticate(text, expiry)
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"access_token": {text}, "token": {text}}.Encode()
	tests := []struct {
		name string
		make func() *http.Request
	}{
		{"query access_token", func() *http.Request { return httptest.NewRequest("GET", "/?access_token="+text, nil) }},
		{"query of every name", func() *http.Request {
			return httptest.NewRequest("GET", "/?token="+text+"&authorization=Bearer+"+text+"&Authorization=Bearer%20"+text+"&bearer="+text, nil)
		}},
		{"form", func() *http.Request {
			r := httptest.NewRequest("POST", "/", strings.NewReader(form))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			return r
		}},
		{"user and password", func() *http.Request {
			r := httptest.NewRequest("GET", "/", nil)
			r.SetBasicAuth(text, text)
			return r
		}},
		{"cookie", func() *http.Request {
			r := httptest.NewRequest("GET", "/", nil)
			r.AddCookie(&http.Cookie{Name: "access_token", Value: text})
			return r
		}},
		{"other fields", func() *http.Request {
			r := httptest.NewRequest("GET", "/", nil)
			for _, name := range []string{"Proxy-Authorization", "X-Authorization", "X-Auth-Token", "X-Forwarded-Authorization", "X-Amz-Security-Token"} {
				r.Header.Set(name, "Bearer "+text)
			}
			return r
		}},
		{"identity of an outer handler", func() *http.Request {
			r := httptest.NewRequest("GET", "/", nil)
			return r.WithContext(token.NewContext(r.Context(), outer))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			s.Require(token.Viewer, hello).ServeHTTP(w, tt.make())
			if got := refusal(t, w, 401); got != needsToken {
				t.Errorf("WWW-Authenticate %q", got)
			}
		})
	}
}

func TestAuthorize(t *testing.T) {
	tests := []struct {
		name   string
		id     *token.Identity
		status int
	}{
		{"nobody", nil, 401},
		{"zero identity", &token.Identity{}, 403},
		{"viewer", &token.Identity{Name: "soc", Role: token.Viewer}, 403},
		{"operator", &token.Identity{Name: "ops", Role: token.Operator}, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("DELETE", "/api/v1/cache", nil)
			if tt.id != nil {
				r = r.WithContext(token.NewContext(r.Context(), *tt.id))
			}
			w := httptest.NewRecorder()
			token.Authorize(token.Operator, hello).ServeHTTP(w, r)
			if tt.status != 200 {
				refusal(t, w, tt.status)
			} else if w.Code != 200 {
				t.Errorf("status %d", w.Code)
			}
		})
	}
}

func TestLoopback(t *testing.T) {
	tests := []struct {
		remote string
		status int
	}{
		{"127.0.0.1:4711", 200},
		{"127.8.9.1:4711", 200},
		{"[::1]:4711", 200},
		{"[::ffff:127.0.0.1]:4711", 200},
		{"192.0.2.1:4711", 403},
		{"[2001:db8::1]:4711", 403},
		{"0.0.0.0:4711", 403},
		{"@", 403},
		{"", 403},
	}
	for _, tt := range tests {
		t.Run(tt.remote, func(t *testing.T) {
			r := httptest.NewRequest("DELETE", "/api/v1/cache", nil)
			r.RemoteAddr = tt.remote
			r.Header.Set("X-Forwarded-For", "127.0.0.1")
			w := httptest.NewRecorder()
			token.Loopback{}.Require(token.Operator, hello).ServeHTTP(w, r)
			if tt.status != 200 {
				if got := refusal(t, w, tt.status); got != "" {
					t.Errorf("WWW-Authenticate %q where no token would help", got)
				}
				return
			}
			if w.Code != 200 || w.Body.String() != "operator loopback true" {
				t.Errorf("%d %q", w.Code, w.Body)
			}
		})
	}
}

func TestRefusalHasNoBodyForHEAD(t *testing.T) {
	server := httptest.NewServer(requireStore(t).Require(token.Viewer, hello))
	defer server.Close()
	res, err := http.Head(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 401 || res.Header.Get("WWW-Authenticate") != needsToken {
		t.Errorf("%s, %q", res.Status, res.Header)
	}
}
