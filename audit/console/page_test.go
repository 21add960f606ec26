package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/console"
	"github.com/gatepost-proxy/gatepost/audit/console/token"
)

// own is what a browser says of a request that the page itself sends.
func own(cookie string) http.Header {
	h := http.Header{"Sec-Fetch-Site": {"same-origin"}, "Content-Type": {"application/x-www-form-urlencoded"}}
	if cookie != "" {
		h.Set("Cookie", cookie)
	}
	return h
}

// login is the cookie that a token is exchanged for.
func (b *bench) login(t *testing.T, text string) string {
	t.Helper()
	r := b.sendBody(t, "POST", "/login", "", own(""), url.Values{"token": {text}}.Encode())
	if r.status != 303 {
		t.Fatalf("login: %d %s", r.status, r.body)
	}
	c, err := http.ParseSetCookie(r.header.Get("Set-Cookie"))
	if err != nil {
		t.Fatal(err)
	}
	return c.Name + "=" + c.Value
}

// pageSamples are requests for every page, and the role that each needs.
var pageSamples = []struct {
	method, path, form string
	role               token.Role
	want               int
	action             string // that is recorded
}{
	{"GET", "/", "", token.Viewer, 200, ""},
	{"GET", "/?range=7d", "", token.Viewer, 200, ""},
	{"GET", "/events", "", token.Viewer, 200, "events_read"},
	{"GET", "/events?before=3", "", token.Viewer, 200, "events_read"},
	{"GET", "/events/" + callID(0), "", token.Viewer, 200, "event_read"},
	{"GET", "/events/" + callID(4711), "", token.Viewer, 404, "event_read"},
	{"GET", "/findings", "", token.Viewer, 200, "findings_read"},
	{"GET", "/connections", "", token.Viewer, 200, "connections_read"},
	{"GET", "/connection/conn%2F0+x==", "", token.Viewer, 200, "events_read"},
	{"GET", "/callers", "", token.Viewer, 200, "callers_read"},
	{"GET", "/search?q=installer-0", "", token.Viewer, 303, "events_read"},
	{"GET", "/export?format=csv", "", token.Viewer, 200, "export"},
	{"GET", "/findings/export?format=ocsf&q=x", "", token.Viewer, 200, "export"},
	{"GET", "/connections/export?format=csv", "", token.Viewer, 200, "export"},
	{"GET", "/callers/export", "", token.Viewer, 200, "export"},
	{"POST", "/purge", "connection=conn%2F0%2Bx%3D%3D", token.Operator, 303, "cache_purge"},
	{"POST", "/purge", "all=true", token.Operator, 303, "cache_purge"},
	{"POST", "/findings/FINDING/acknowledge", "note=seen", token.Operator, 303, "finding_acknowledged"},
	{"POST", "/logout", "", token.Viewer, 303, "session_ended"},
}

func TestPageAccess(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	_, _, _, finding := calls(t, b, 5)
	cookies := map[string]string{b.viewer: b.login(t, b.viewer), b.operator: b.login(t, b.operator)}
	for _, s := range pageSamples {
		path := strings.Replace(s.path, "FINDING", eventID(t, finding), 1)
		for _, who := range []struct {
			name, token string
			role        token.Role
		}{{"nobody", "", ""}, {"viewer", b.viewer, token.Viewer}, {"operator", b.operator, token.Operator}} {
			t.Run(s.method+" "+s.path+" "+who.name, func(t *testing.T) {
				h := own("")
				if who.token != "" {
					h = own(cookies[who.token])
				}
				if s.method == "GET" {
					h.Del("Content-Type")
				}
				size := b.journal.Size()
				r := b.sendBody(t, s.method, path, "", h, s.form)
				want := s.want
				switch {
				case who.role == "" && s.method == "GET":
					if to := r.header.Get("Location"); !strings.HasPrefix(to, "/login") {
						t.Errorf("a stranger is sent to %q", to)
					}
					want = 303
				case who.role == "":
					want = 401
				case !who.role.Includes(s.role):
					want = 403
				}
				if r.status != want {
					t.Fatalf("%d, want %d: %s", r.status, want, r.body)
				}
				if strings.Contains(r.body, "<main") && !strings.Contains(r.header.Get("Content-Security-Policy"), "script-src 'self'; style-src 'self'") {
					t.Errorf("policy %q", r.header.Get("Content-Security-Policy"))
				}
				if r.header.Get("Cache-Control") != "no-store" || r.header.Get("X-Content-Type-Options") != "nosniff" {
					t.Errorf("header %v", r.header)
				}
				recorded := ""
				if b.journal.Size() > size {
					recorded = b.last(t).Action
				}
				wantRecord := s.action
				if want == 401 || want == 403 || who.role == "" {
					wantRecord = ""
				}
				if recorded != wantRecord {
					t.Errorf("recorded %q, want %q", recorded, wantRecord)
				}
			})
		}
	}
}

// A session is for the pages and what their scripts ask for, and for nothing that
// changes something without a proof that the page itself asks.
func TestSessionReach(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	intent, outcome := call(0)
	b.append(t, intent, outcome)
	b.settle(t)
	cookie := b.login(t, b.operator)
	form := "connection=a%2Fb%2Bc%3D"
	site := func(values ...string) http.Header {
		h := http.Header{"Cookie": {cookie}, "Content-Type": {"application/x-www-form-urlencoded"}}
		for i := 0; i < len(values); i += 2 {
			h.Set(values[i], values[i+1])
		}
		return h
	}
	navigation := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	tests := []struct {
		name, method, path, body string
		header                   http.Header
		want                     int
	}{
		{"proof", "GET", "/api/v1/events/" + callID(0) + "/proof", "", site("Sec-Fetch-Site", "same-origin"), 200},
		{"stream", "GET", "/api/v1/stream?after=99999999", "", site("Sec-Fetch-Site", "same-origin"), 400}, // or it would last
		{"stream from another site", "GET", "/api/v1/stream", "", site("Sec-Fetch-Site", "cross-site"), 403},
		{"proof from a neighbour", "GET", "/api/v1/events/" + callID(0) + "/proof", "", site("Sec-Fetch-Site", "same-site"), 403},
		{"events of the API", "GET", "/api/v1/events", "", site("Sec-Fetch-Site", "same-origin"), 401},
		{"metrics", "GET", "/metrics", "", site("Sec-Fetch-Site", "same-origin"), 401},
		{"tiles", "GET", "/tile/entries/000.p/1", "", site("Sec-Fetch-Site", "same-origin"), 401},
		{"purge by the API", "DELETE", "/api/v1/cache", "", site("Sec-Fetch-Site", "same-origin"), 401},
		{"acknowledge by the API", "POST", "/api/v1/findings/" + callID(0) + "/acknowledge", "{}", site("Sec-Fetch-Site", "same-origin"), 401},
		{"with a wrong token beside it", "GET", "/events", "", site("Authorization", "Bearer gpt_"+strings.Repeat("x", 43)), 401},
		{"form", "POST", "/purge", form, site("Sec-Fetch-Site", "same-origin"), 303},
		{"form by Origin", "POST", "/purge", form, site("Origin", b.url), 303},
		{"form without a word of where from", "POST", "/purge", form, site(), 403},
		{"form from another site", "POST", "/purge", form, site("Sec-Fetch-Site", "cross-site"), 403},
		{"form from a neighbour", "POST", "/purge", form, site("Sec-Fetch-Site", "same-site"), 403},
		{"form that was typed in", "POST", "/purge", form, site("Sec-Fetch-Site", "none"), 403},
		{"form with Origin null", "POST", "/purge", form, site("Origin", "null"), 403},
		{"form with another Origin", "POST", "/purge", form, site("Origin", "http://evil.example"), 403},
		{"form of another type", "POST", "/purge", form, site("Sec-Fetch-Site", "same-origin", "Content-Type", "text/plain"), 400},
		{"form with more than it has", "POST", "/purge", form + "&more=1", site("Sec-Fetch-Site", "same-origin"), 400},
		{"form with a query", "POST", "/purge?x=1", form, site("Sec-Fetch-Site", "same-origin"), 400},
		{"form that is empty", "POST", "/purge", "", site("Sec-Fetch-Site", "same-origin"), 400},
		{"form for all", "POST", "/purge", "all=true", site("Sec-Fetch-Site", "same-origin"), 303},
		{"form for all from another site", "POST", "/purge", "all=true", site("Sec-Fetch-Site", "cross-site"), 403},
		{"form for all and one", "POST", "/purge", form + "&all=true", site("Sec-Fetch-Site", "same-origin"), 400},
		{"form for not all", "POST", "/purge", "all=false", site("Sec-Fetch-Site", "same-origin"), 400},
		{"form that is too long", "POST", "/purge", "connection=" + strings.Repeat("a", 70_000), site("Sec-Fetch-Site", "same-origin"), 413},
		{"a page is only read", "DELETE", "/events", "", site("Sec-Fetch-Site", "same-origin"), 405},
		{"purge is no page to read", "GET", "/purge", "", site("Sec-Fetch-Site", "same-origin"), 405},
		{"a link on another site", "GET", "/events?cache=hit", "", site(navigation...), 403},
		{"a link that would lead on", "GET", "//evil.example/", "", site(navigation...), 403},
		{"an image on another site", "GET", "/events", "", site("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "image"), 403},
		{"a frame on another site", "GET", "/events", "", site("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"), 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			size, entries := b.journal.Size(), len(b.cache.entries)
			r := b.sendBody(t, tt.method, tt.path, "", tt.header, tt.body)
			if r.status != tt.want {
				t.Fatalf("%d, want %d: %s", r.status, tt.want, r.body)
			}
			if tt.want >= 400 && (b.journal.Size() != size || len(b.cache.entries) != entries) {
				t.Error("it had an effect")
			}
			if strings.Contains(r.body, `href="//`) {
				t.Errorf("it leads to another host: %s", r.body)
			}
			if tt.name == "a link on another site" && !strings.Contains(r.body, `href="/events?cache=hit"`) {
				t.Errorf("it cannot be followed: %s", r.body)
			}
		})
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	try := func(form url.Values, header http.Header) response {
		return b.sendBody(t, "POST", "/login", "", header, form.Encode())
	}
	r := try(url.Values{"token": {b.viewer}, "next": {"/events?cache=hit"}}, own(""))
	if r.status != 303 || r.header.Get("Location") != "/events?cache=hit" {
		t.Errorf("%d %s", r.status, r.header)
	}
	if e := b.last(t); e.Action != "session_began" || e.Principal != "token:soc" || strings.Contains(fmt.Sprint(e), "gpt_") {
		t.Errorf("recorded %+v", e)
	}
	cookie := r.header.Get("Set-Cookie")
	for _, part := range []string{"; Path=/", "; HttpOnly", "; SameSite=Strict"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("cookie %s", cookie)
		}
	}
	if strings.Contains(cookie, "Expires") || strings.Contains(cookie, "Domain") || strings.Contains(cookie, "Secure") {
		t.Errorf("cookie %s", cookie)
	}
	size := b.journal.Size()
	for name, tt := range map[string]struct {
		form   url.Values
		header http.Header
		want   int
	}{
		"stranger":           {url.Values{"token": {"gpt_" + strings.Repeat("x", 43)}}, own(""), 401},
		"nothing":            {url.Values{}, own(""), 401},
		"from another site":  {url.Values{"token": {b.viewer}}, http.Header{"Sec-Fetch-Site": {"cross-site"}, "Content-Type": {"application/x-www-form-urlencoded"}}, 403},
		"from who knows":     {url.Values{"token": {b.viewer}}, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 403},
		"a session, not one": {url.Values{"token": {strings.TrimPrefix(b.login(t, b.viewer), "gatepost=")}}, own(""), 401},
	} {
		if r := try(tt.form, tt.header); r.status != tt.want || r.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v", name, r.status, r.header)
		}
	}
	size++ // that of the last case's own login
	if b.journal.Size() != size {
		t.Error("strangers write to the log")
	}
	if r := b.send(t, "GET", "/login?token="+b.viewer, "", nil); r.status != 400 {
		t.Errorf("a token in the query: %d", r.status)
	}
	// Too many wrong ones are refused, and lock nobody out who has a right one.
	limited := false
	for range 60 {
		if r := try(url.Values{"token": {"gpt_" + strings.Repeat("y", 43)}}, own("")); r.status == 429 {
			limited = r.header.Get("Retry-After") != ""
			break
		}
	}
	if r := try(url.Values{"token": {b.viewer}}, own("")); !limited || r.status != 303 {
		t.Errorf("limited %t, then %d", limited, r.status)
	}
	if strings.Contains(b.log.String(), "gpt_") {
		t.Error("a token is in the operators' log")
	}
}

// A login leads to pages of this listener alone.
func TestLoginLeads(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	for _, next := range []string{"//evil.example/", "https://evil.example/", `/\evil.example`, "javascript:alert(1)", "/api/v1/events", "events", "/metrics", "/%2f/evil.example"} {
		if r := b.sendBody(t, "POST", "/login", "", own(""), url.Values{"token": {b.viewer}, "next": {next}}.Encode()); r.status != 303 || r.header.Get("Location") != "/" {
			t.Errorf("%s: %d to %q", next, r.status, r.header.Get("Location"))
		}
	}
}

// Whoever is not logged in gets to where he wanted, whatever the id has in it.
func TestLoginReturns(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	for _, path := range []string{"/connection/a%2F%2Fb+c=", "/events?q=%2F%2F&cache=hit", "/events/" + callID(1)} {
		r := b.send(t, "GET", path, "", own(""))
		to, err := url.Parse(r.header.Get("Location"))
		if err != nil || r.status != 303 || to.Query().Get("next") != path {
			t.Fatalf("%s: %d to %s", path, r.status, to)
		}
		if r := b.send(t, "GET", to.String(), "", own("")); r.status != 200 {
			t.Errorf("%s: %d", to, r.status)
		}
		if r := b.sendBody(t, "POST", "/login", "", own(""), url.Values{"token": {b.viewer}, "next": {path}}.Encode()); r.header.Get("Location") != path {
			t.Errorf("%s leads to %s", path, r.header.Get("Location"))
		}
	}
}

// A session is worth what its token is worth.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	cookie := b.login(t, b.viewer)
	page := func(cookie string) int { return b.send(t, "GET", "/", "", own(cookie)).status }
	if got := page(cookie); got != 200 {
		t.Fatal(got)
	}
	if r := b.sendBody(t, "POST", "/logout", "", own(cookie), ""); r.status != 303 || !strings.Contains(strings.Join(r.header.Values("Set-Cookie"), " "), "Max-Age=0") {
		t.Errorf("%d %v", r.status, r.header)
	}
	if got := page(cookie); got != 303 {
		t.Errorf("after the logout: %d", got)
	}
	cookie = b.login(t, b.viewer)
	if err := b.tokens.Delete(t.Context(), "soc"); err != nil {
		t.Fatal(err)
	}
	if err := b.store.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := page(cookie); got != 303 {
		t.Errorf("after the token is gone: %d", got)
	}
}

// Without tokens there is nothing to log in to.
func TestOpenPages(t *testing.T) {
	t.Parallel()
	b := start(t, options{open: true})
	if r := b.send(t, "GET", "/", "", nil); r.status != 200 || !strings.Contains(r.body, "no tokens") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := b.send(t, "GET", "/login", "", nil); r.status != 303 || r.header.Get("Location") != "/" {
		t.Errorf("%d %v", r.status, r.header)
	}
	if r := b.sendBody(t, "POST", "/login", "", own(""), "token=x"); r.status != 404 {
		t.Errorf("%d", r.status)
	}
	if r := b.sendBody(t, "POST", "/purge", "", own(""), "connection=other"); r.status != 303 || r.header.Get("Location") != "/connection/other?purged=1" {
		t.Errorf("%d %v", r.status, r.header)
	}
	h := http.Header{"Host": {"evil.example:9090"}}
	for _, path := range []string{"/", "/events", "/assets/", "/login"} {
		if r := b.send(t, "GET", path, "", h); r.status != 403 || strings.Contains(r.body, "<html") {
			t.Errorf("rebound, %s: %d %s", path, r.status, r.body)
		}
	}
}

// Pages take what people write, and lead to the address that says it exactly.
func TestCanonical(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	for path, want := range map[string]string{
		"/events?principal=&cache=hit&q=":                              "/events?cache=hit",
		"/events?principal=+x+":                                        "/events?principal=x",
		"/events?since=2026-11-23":                                     "/events?since=2026-11-23T00%3A00%3A00Z",
		"/events?until=2026-11-23+12%3A30&since=2026-11-23T12:30:00.5": "/events?since=2026-11-23T12%3A30%3A00.5Z&until=2026-11-23T12%3A30%3A00Z",
		"/events?cache=":                                               "/events",
		"/search?q=":                                                   "/search",
		"/search":                                                      "/events",
	} {
		if r := b.get(t, path); r.status != 303 || r.header.Get("Location") != want {
			t.Errorf("%s: %d to %s, want %s", path, r.status, r.header.Get("Location"), want)
		}
	}
	if r := b.get(t, "/events?since=15m"); r.status != 303 || !strings.HasPrefix(r.header.Get("Location"), "/events?since=20") {
		t.Errorf("%d to %s", r.status, r.header.Get("Location"))
	}
	for _, path := range []string{"/events?since=nonsense", "/events?nonsense=1", "/events?cursor=x", "/events?before=-1", "/events?limit=5", "/?range=2h", "/findings?state=matched", "/export?format=xml", "/events?q=" + b.viewer} {
		if r := b.get(t, path); r.status != 400 || !strings.Contains(r.body, "<h1") || strings.Contains(r.body, b.viewer) {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}

func TestAssets(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	page := b.send(t, "GET", "/login", "", nil)
	n := 0
	for part := range strings.SplitSeq(page.body, `"`) {
		if !strings.HasPrefix(part, "/assets/") {
			continue
		}
		n++
		r := b.send(t, "GET", part, "", nil)
		if r.status != 200 || r.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || r.header.Get("Content-Type") == "" || len(r.body) < 100 {
			t.Errorf("%s: %d %v", part, r.status, r.header)
		}
		if r := b.send(t, "POST", part, "", own("")); r.status != 405 {
			t.Errorf("POST %s: %d", part, r.status)
		}
	}
	if n < 4 {
		t.Errorf("%d assets", n)
	}
}

// A reading that cannot be recorded shows nothing.
func TestUnrecordedPage(t *testing.T) {
	t.Parallel()
	b := start(t, options{recorder: func(console.Recorder) console.Recorder { return refusing{} }})
	_, outcome := call(1)
	b.append(t, outcome)
	b.settle(t)
	for _, path := range []string{"/events", "/events/" + callID(1), "/connections", "/callers", "/findings", "/search?q=installer-1", "/export?format=csv", "/findings/export", "/connections/export?format=csv", "/callers/export", "/connection/x"} {
		if r := b.get(t, path); r.status != 503 || strings.Contains(r.body, "installer-1") {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	// What is wrong can be seen all the same.
	if r := b.send(t, "GET", "/", "", own(b.login(t, b.viewer))); r.status != 200 || strings.Contains(r.body, "installer-1") {
		t.Errorf("%d %s", r.status, r.body)
	}
}
