package console

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/console/session"
	"github.com/gatepost-proxy/gatepost/audit/console/token"
)

type sessionKey struct{}

// withSession has FromContext find whose session a request belongs to, if it
// carries no token of its own.
func (c *Console) withSession(r *http.Request) (*http.Request, bool) {
	if c.cfg.Tokens == nil || len(r.Header.Values("Authorization")) > 0 {
		return r, false
	}
	who, s, ok := c.sessions.Current(r, time.Now())
	if !ok {
		return r, false
	}
	ctx := context.WithValue(token.NewContext(r.Context(), who), sessionKey{}, s)
	return r.WithContext(ctx), true
}

func sessionOf(ctx context.Context) (session.Session, bool) {
	s, ok := ctx.Value(sessionKey{}).(session.Session)
	return s, ok
}

// admit lets through who shows a token, or has a session, where a session will do.
func (c *Console) admit(role token.Role, sessionWillDo bool, next http.Handler) http.Handler {
	byToken, bySession := c.gate.Require(role, next), token.Authorize(role, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sessionWillDo {
			if known, ok := c.withSession(r); ok {
				bySession.ServeHTTP(w, known)
				return
			}
		}
		byToken.ServeHTTP(w, r)
	})
}

// admitVisitor is admit for pages: who has no session is asked to log in, and who
// may not is told so on a page.
func (c *Console) admitVisitor(role token.Role, next http.Handler) http.Handler {
	byToken := c.gate.Require(token.Viewer, c.enough(role, next))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known, ok := c.withSession(r)
		switch {
		case ok:
			c.enough(role, next).ServeHTTP(w, known)
		case role == "":
			next.ServeHTTP(w, r)
		case c.cfg.Tokens == nil, len(r.Header.Values("Authorization")) > 0:
			byToken.ServeHTTP(w, r)
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			http.Redirect(w, r, loginPath(r.URL), http.StatusSeeOther)
		default:
			c.failPage(w, r, &failure{status: http.StatusUnauthorized, detail: "The session has ended; log in again."})
		}
	})
}

func loginPath(from *url.URL) string {
	if from.RequestURI() == "/" {
		return "/login"
	}
	return "/login?" + url.Values{"next": {from.RequestURI()}}.Encode()
}

// enough holds an identity against the role that a page needs.
func (c *Console) enough(role token.Role, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if who, _ := token.FromContext(r.Context()); role != "" && !who.Role.Includes(role) {
			c.failPage(w, r, &failure{status: http.StatusForbidden, detail: "This needs a token with the role " + string(role) + "."})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// allowed tells whether whoever sent a request may still read.
func (c *Console) allowed(ctx context.Context) func() bool {
	who, _ := token.FromContext(ctx)
	s, inSession := sessionOf(ctx)
	switch {
	case c.cfg.Tokens == nil:
		return func() bool { return true }
	case inSession:
		return func() bool {
			now, ok := c.sessions.Identity(s.ID, time.Now())
			return ok && now.Role.Includes(token.Viewer)
		}
	}
	return func() bool {
		now, err := c.cfg.Tokens.Current(who, time.Now())
		return err == nil && now.Role.Includes(token.Viewer)
	}
}
