package session_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/console/session"
	"github.com/gatepost-proxy/gatepost/audit/console/token"
)

// tokens are those that are valid, by name.
type tokens map[string]token.Role

func (t tokens) Current(id token.Identity, _ time.Time) (token.Identity, error) {
	role, ok := t[id.Name]
	if !ok {
		return token.Identity{}, errors.New("no such token")
	}
	return token.Identity{Name: id.Name, Role: role}, nil
}

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// with is a request with a session's cookie.
func with(cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r
}

func TestLife(t *testing.T) {
	known := tokens{"soc": token.Viewer}
	s := session.NewStore(known)
	begun := s.Begin(token.Identity{Name: "soc", Role: token.Viewer}, now)
	if len(begun.ID) < 43 || strings.Contains(begun.ID, "soc") {
		t.Errorf("id %q", begun.ID)
	}
	r := with(session.Cookie(begun.ID, false))
	role := func(at time.Time) token.Role {
		id, current, ok := s.Current(r, at)
		if ok && (id.Name != "soc" || current != begun) {
			t.Errorf("%+v %+v", id, current)
		}
		return id.Role
	}
	if got := role(now); got != token.Viewer {
		t.Errorf("role %q", got)
	}
	known["soc"] = token.Operator
	if got := role(now); got != token.Operator {
		t.Errorf("the token was raised, the session is %q", got)
	}
	if got := role(now.Add(session.Lifetime - 1)); got != token.Operator {
		t.Errorf("before its end: %q", got)
	}
	if got := role(now.Add(session.Lifetime)); got != "" {
		t.Errorf("at its end: %q", got)
	}
	delete(known, "soc")
	if got := role(now); got != "" {
		t.Errorf("without its token: %q", got)
	}
	known["soc"] = token.Viewer
	s.End(begun.ID)
	s.End(begun.ID)
	if got := role(now); got != "" {
		t.Errorf("ended: %q", got)
	}
}

func TestStrangers(t *testing.T) {
	s := session.NewStore(tokens{"soc": token.Viewer})
	begun := s.Begin(token.Identity{Name: "soc"}, now)
	for name, r := range map[string]*http.Request{
		"nothing":         with(),
		"empty":           with(session.Cookie("", false)),
		"another":         with(session.Cookie(begun.ID[1:]+"A", false)),
		"part":            with(session.Cookie(begun.ID[:20], false)),
		"another name":    with(&http.Cookie{Name: "session", Value: begun.ID}),
		"behind too many": with(session.Cookie("a", false), session.Cookie("b", false), session.Cookie("c", false), session.Cookie("d", false), session.Cookie(begun.ID, false)),
	} {
		if id, _, ok := s.Current(r, now); ok {
			t.Errorf("%s: is %+v", name, id)
		}
	}
	// A cookie that a neighbour has planted keeps nobody out.
	if _, _, ok := s.Current(with(session.Cookie("planted", false), session.Cookie(begun.ID, true)), now); !ok {
		t.Error("a planted cookie is preferred")
	}
}

func TestBounds(t *testing.T) {
	known := tokens{}
	for n := range session.MaxSessions {
		known[fmt.Sprint("t", n)] = token.Viewer
	}
	s := session.NewStore(known)
	var own []session.Session
	for n := range session.MaxOfOne + 1 {
		own = append(own, s.Begin(token.Identity{Name: "t0"}, now.Add(time.Duration(n))))
	}
	lives := func(x session.Session) bool {
		_, ok := s.Identity(x.ID, now.Add(time.Minute))
		return ok
	}
	if lives(own[0]) || !lives(own[1]) || !lives(own[session.MaxOfOne]) {
		t.Error("of too many of one token, the oldest does not end")
	}
	for n := range session.MaxSessions {
		s.Begin(token.Identity{Name: fmt.Sprint("t", n)}, now.Add(time.Minute))
	}
	if lives(own[1]) {
		t.Error("of too many, the oldest does not end")
	}
	last := s.Begin(token.Identity{Name: "t9"}, now.Add(time.Minute))
	if !lives(last) {
		t.Error("the newest does not live")
	}
}

func TestCookie(t *testing.T) {
	plain, secure := session.Cookie("x", false), session.Cookie("x", true)
	for _, c := range []*http.Cookie{plain, secure} {
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.Valid() != nil {
			t.Errorf("%s", c)
		}
	}
	if plain.Secure || !secure.Secure || !strings.HasPrefix(secure.Name, "__Host-") {
		t.Errorf("%s, %s", plain, secure)
	}
	if f := session.Forget(true); f.Name != secure.Name || f.MaxAge >= 0 || f.Value != "" {
		t.Errorf("%s", f)
	}
	for name, tt := range map[string]struct {
		change func(*http.Request)
		want   bool
	}{
		"plaintext":          {func(*http.Request) {}, false},
		"TLS":                {func(r *http.Request) { r.TLS = &tls.ConnectionState{} }, true},
		"TLS in front":       {func(r *http.Request) { r.Header.Set("Origin", "https://gatepost.example") }, true},
		"plaintext in front": {func(r *http.Request) { r.Header.Set("Origin", "http://gatepost.example") }, false},
		"somebody's word":    {func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") }, false},
	} {
		r := with()
		tt.change(r)
		if got := session.Secure(r); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestAttempts(t *testing.T) {
	allowed := func(a *session.Attempts, from string, at time.Time) bool {
		return a.Allow(netip.MustParseAddr(from), at)
	}
	t.Run("one source", func(t *testing.T) {
		var a session.Attempts
		n := 0
		for allowed(&a, "192.0.2.1", now) {
			n++
		}
		if n != 10 || !allowed(&a, "192.0.2.2", now) || allowed(&a, "::ffff:192.0.2.1", now) {
			t.Errorf("%d at once", n)
		}
		if !allowed(&a, "192.0.2.1", now.Add(5*time.Second)) || allowed(&a, "192.0.2.1", now.Add(5*time.Second)) {
			t.Error("one more after five seconds")
		}
	})
	t.Run("a network of IPv6 is one", func(t *testing.T) {
		var a session.Attempts
		n := 0
		for allowed(&a, fmt.Sprintf("2001:db8::%x", n+1), now) {
			n++
		}
		if n != 10 || !allowed(&a, "2001:db8:0:1::1", now) {
			t.Errorf("%d at once", n)
		}
	})
	t.Run("all", func(t *testing.T) {
		var a session.Attempts
		n := 0
		for allowed(&a, fmt.Sprintf("192.0.2.%d", n), now) {
			n++
		}
		if n != 50 {
			t.Errorf("%d at once", n)
		}
		for n := range 20_000 { // it stays bounded
			allowed(&a, fmt.Sprintf("10.%d.%d.1", n/256, n%256), now)
		}
		if !allowed(&a, "192.0.2.200", now.Add(time.Second)) {
			t.Error("nobody gets in any more")
		}
	})
}
