package console

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/console/dashboard"
	"github.com/gatepost-proxy/gatepost/audit/console/session"
	"github.com/gatepost-proxy/gatepost/audit/console/token"
)

func (c *Console) loginPage(w http.ResponseWriter, r *http.Request) error {
	if c.cfg.Tokens == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther) // nobody needs to
		return nil
	}
	if _, ok := token.FromContext(r.Context()); ok {
		http.Redirect(w, r, cmp.Or(queryOf(r).next, "/"), http.StatusSeeOther)
		return nil
	}
	return c.show(w, r, http.StatusOK, dashboard.Login{Next: queryOf(r).next})
}

// login exchanges a token for a session.
func (c *Console) login(w http.ResponseWriter, r *http.Request) error {
	if c.cfg.Tokens == nil {
		return &failure{status: http.StatusNotFound, detail: "There are no tokens here, and nothing to log in to."}
	}
	raw, _ := r.Context().Value(formKey{}).(string)
	form, err := url.ParseQuery(raw)
	if err != nil {
		return err
	}
	q := queryOf(r)
	if next := form.Get("next"); next != "" && q.setNext(next) != nil {
		q.next = ""
	}
	peer, _ := netip.ParseAddrPort(r.RemoteAddr) // of nobody: one bound for all of those
	now := time.Now()
	who, err := c.cfg.Tokens.Authenticate(form.Get("token"), now)
	if err != nil && !c.attempts.Allow(peer.Addr(), now) {
		w.Header().Set("Retry-After", "10")
		return c.show(w, r, http.StatusTooManyRequests, dashboard.Login{Next: q.next, Failed: "Too many tries; wait ten seconds."})
	}
	if err != nil {
		c.log.WarnContext(r.Context(), "admin login failed", slog.String("from", r.RemoteAddr))
		return c.show(w, r, http.StatusUnauthorized, dashboard.Login{Next: q.next, Failed: "The token is not valid."})
	}
	r = r.WithContext(token.NewContext(r.Context(), who))
	if err := c.limits.allow(r); err != nil {
		return err
	}
	// While nothing can be recorded, nothing can be read, but what is wrong can be
	// seen.
	if err := c.record(w, r, actionLogin, http.StatusOK); err != nil {
		c.log.WarnContext(r.Context(), "a login is not recorded", slog.String("token", who.Name), slog.Any("err", err))
	}
	s := c.sessions.Begin(who, now)
	http.SetCookie(w, session.Cookie(s.ID, session.Secure(r)))
	http.Redirect(w, r, cmp.Or(q.next, "/"), http.StatusSeeOther)
	return nil
}

func (c *Console) logout(w http.ResponseWriter, r *http.Request) error {
	if s, ok := sessionOf(r.Context()); ok {
		c.sessions.End(s.ID)
		if err := c.record(w, r, actionLogout, http.StatusOK); err != nil {
			c.log.WarnContext(r.Context(), "a logout is not recorded", slog.Any("err", err)) // it has happened all the same
		}
	}
	for _, secure := range []bool{true, false} {
		http.SetCookie(w, session.Forget(secure))
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}
