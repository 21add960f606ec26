package console

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gatepost-proxy/gatepost/audit/console/dashboard"
)

// guard stands in front of every route.
func (c *Console) guard(next http.Handler) http.Handler {
	sameOrigin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if isProbe(r) {
			next.ServeHTTP(w, r)
			return
		}
		if c.cfg.Tokens != nil && !c.isOurs(r.Host) {
			c.fail(w, r, &failure{status: http.StatusForbidden, detail: "The Host of a request is localhost, an IP address, or a name that admin.public_names has."})
			return
		}
		// Reading leaves a record, so that a foreign page's GET is no safe request.
		unsafe := *r
		unsafe.Method = http.MethodPost
		if err := sameOrigin.Check(&unsafe); err != nil {
			if isFollowed(r) && (c.cfg.Tokens != nil || foreign(r) == "") {
				c.crossing(w, r)
				return
			}
			c.fail(w, r, &failure{status: http.StatusForbidden, detail: "The request comes from another site's page."})
			return
		}
		if c.cfg.Tokens == nil {
			if detail := foreign(r); detail != "" {
				c.fail(w, r, &failure{status: http.StatusForbidden, detail: detail})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// isProbe tells the requests that anybody may make.
func isProbe(r *http.Request) bool { return r.URL.Path == "/healthz" || r.URL.Path == "/readyz" }

// foreign says why a request is not this machine's own, or nothing. A page whose
// name was made to resolve to 127.0.0.1 gives itself away by its Host, and a proxy
// on this machine, which speaks for others, by what it adds.
func foreign(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	switch {
	case err != nil || !peer.Addr().Unmap().IsLoopback():
		return "Without a tokens file, requests are taken from this machine alone."
	case !isLocalHost(r.Host):
		return "Without a tokens file, the Host of a request is localhost or a loopback address."
	case r.Header.Get("Forwarded") != "" || r.Header.Get("X-Forwarded-For") != "":
		return "Without a tokens file, forwarded requests are not taken."
	}
	return ""
}

// isLocalHost tells a Host that names this machine to itself.
func isLocalHost(host string) bool {
	name := hostname(host)
	addr, err := netip.ParseAddr(name)
	return strings.EqualFold(name, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

// isOurs tells a Host that nobody else can have made to resolve to this machine.
func (c *Console) isOurs(host string) bool {
	name := hostname(host)
	if _, err := netip.ParseAddr(name); err == nil || strings.EqualFold(name, "localhost") {
		return true
	}
	return slices.ContainsFunc(c.cfg.Hosts, func(own string) bool { return strings.EqualFold(hostname(own), name) })
}

// hostname is a Host without its port, and without the brackets of an address.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		return host[1 : len(host)-1]
	}
	return host
}

// isFollowed tells a browser that follows a link to a page of the dashboard, not
// one that loads something for another page.
func isFollowed(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Header.Get("Sec-Fetch-Mode") == "navigate" &&
		r.Header.Get("Sec-Fetch-Dest") == "document" && isPage(r.URL.Path)
}

// crossing asks whoever comes by a link of another site's whether he wants to: what
// he looks at is recorded, so that no other site may make him look.
func (c *Console) crossing(w http.ResponseWriter, r *http.Request) {
	to := url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	if err := c.show(w, r, http.StatusForbidden, dashboard.Crossing{To: to.RequestURI()}); err != nil {
		c.fail(w, r, err)
	}
}
