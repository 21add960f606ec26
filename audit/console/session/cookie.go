package session

import (
	"net/http"
	"strings"
)

// A browser takes a cookie of the first name from a secure origin alone, and for
// this host alone. The second is for plaintext, which is for loopback.
const (
	secureName = "__Host-gatepost"
	plainName  = "gatepost"
)

// Secure tells whether the browser speaks TLS, with this listener or with what
// stands in front of it: then its own words about the page's origin say so, which
// nobody but the browser can make it say.
func Secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(r.Header.Get("Origin"), "https://")
}

// Cookie carries a session's id. It ends with the browser, if the session has not
// ended before.
func Cookie(id string, secure bool) *http.Cookie {
	c := &http.Cookie{Name: plainName, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: secure}
	if secure {
		c.Name = secureName
	}
	return c
}

// Forget has the browser forget the cookie.
func Forget(secure bool) *http.Cookie {
	c := Cookie("", secure)
	c.MaxAge = -1
	return c
}

// cookies are the ids that a request carries, those first that cannot have been
// planted by a neighbour in plaintext.
func cookies(r *http.Request) []string {
	var ids []string
	for _, name := range []string{secureName, plainName} {
		for _, c := range r.CookiesNamed(name) {
			ids = append(ids, c.Value)
			if len(ids) == 4 {
				return ids // more is no browser's
			}
		}
	}
	return ids
}
