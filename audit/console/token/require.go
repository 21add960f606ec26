package token

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
)

// loopbackName is the name of whoever needs no token.
const loopbackName = "loopback"

type identityKey struct{}

// NewContext has FromContext find id, for what authenticates by other means than a
// token in the request, as a session does.
func NewContext(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}

// FromContext is who sent the request that ctx belongs to.
func FromContext(ctx context.Context) (Identity, bool) {
	id, ok := ctx.Value(identityKey{}).(Identity)
	return id, ok
}

// Require lets those requests through to next whose bearer token has the role, or
// one that includes it. Others are answered with 401 or 403.
func (s *Store) Require(role Role, next http.Handler) http.Handler {
	next = Authorize(role, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := bearer(r)
		if !ok {
			refuseNobody(w)
			return
		}
		id, err := s.Authenticate(text, s.now())
		if err != nil {
			refuseToken(w)
			return
		}
		next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), id)))
	})
}

// Authorize is the second half of Require: it lets those requests through to next
// whose context names an identity with the role, or one that includes it.
func Authorize(role Role, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch id, ok := FromContext(r.Context()); {
		case !ok:
			refuseNobody(w)
		case !id.Role.Includes(role):
			refuseRole(w, role)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// bearer is the token of a request that has exactly one Authorization field, with
// the scheme Bearer.
func bearer(r *http.Request) (string, bool) {
	fields := r.Header.Values("Authorization")
	if len(fields) != 1 {
		return "", false
	}
	scheme, text, ok := strings.Cut(fields[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.Trim(text, " "), true
}

// Loopback stands in for a Store where there is no tokens file, which only a
// listener on a loopback address may go without: whoever reaches it is an operator
// named loopback. It refuses requests from other addresses, whatever listens.
//
// It does not know what a browser on this machine is made to send. That a request
// is for this host, and not from another site, is for the handler to check.
type Loopback struct{}

// Require is that of Store, for everyone on this machine.
func (Loopback) Require(role Role, next http.Handler) http.Handler {
	next = Authorize(role, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !peer.Addr().IsLoopback() {
			refuseRemote(w)
			return
		}
		next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), Identity{Name: loopbackName, Role: Operator})))
	})
}
