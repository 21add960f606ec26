package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

const (
	// dialTimeout is several times the round trip to the farthest region, a lost
	// SYN and a slow DNS server included, and leaves time for the retry.
	dialTimeout = 3 * time.Second

	// tlsTimeout is for two round trips and the work at both ends.
	tlsTimeout = 3 * time.Second

	// idleTimeout is below the 60 s after which AWS's load balancers close an idle
	// connection, so that a call seldom meets one that is being closed.
	idleTimeout = 30 * time.Second

	// maxHeaderBytes is ten times what AWS sends; the limit of net/http is 10 MiB.
	maxHeaderBytes = 32 << 10
)

// newTransport speaks HTTP/1.1 only: the toolchain's HTTP/2 has open advisories,
// and one connection for each call in flight is cheap at this scale. It decodes
// nothing, so that what is hashed and relayed is what AWS sent.
func newTransport(c *Config, dialer *net.Dialer, roots *x509.CertPool, guarded map[string]bool) *http.Transport {
	dialer.Timeout = min(dialTimeout, c.Timeout/2)
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            guard(dialer, guarded),
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    min(tlsTimeout, c.Timeout/2),
		ResponseHeaderTimeout:  c.Timeout, // the call's own deadline comes first; this holds should one be lost
		IdleConnTimeout:        idleTimeout,
		MaxIdleConns:           c.MaxInFlight,
		MaxIdleConnsPerHost:    c.MaxInFlight,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true,
		Protocols:              new(http.Protocols),
		OnProxyConnectResponse: checkProxy,
	}
	t.Protocols.SetHTTP1(true)
	return t
}

var errProxyRefused = errors.New("proxy refused the connection")

// checkProxy gives a refusal of the proxy, which net/http reports as bare text, an
// error that can be told from others.
func checkProxy(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: status %d", errProxyRefused, answer.StatusCode)
	}
	return nil
}

var errLocalAddress = errors.New("address of this machine or link")

// guardedAddresses are the ones of AWS's own hosts.
func guardedAddresses(endpoints map[string]endpoint) map[string]bool {
	guarded := map[string]bool{}
	for _, e := range endpoints {
		if e.known {
			guarded[e.address()] = true
		}
	}
	return guarded
}

// guard keeps a DNS that lies about AWS's hosts from leading calls to this machine
// or to the instance metadata service.
func guard(dialer *net.Dialer, guarded map[string]bool) func(context.Context, string, string) (net.Conn, error) {
	careful := *dialer
	careful.Control = refuseLocal
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if guarded[address] {
			return careful.DialContext(ctx, network, address)
		}
		return dialer.DialContext(ctx, network, address)
	}
}

// refuseLocal is for [net.Dialer]: it is given the address behind the name.
// Private addresses are fine, VPC endpoints have them.
func refuseLocal(_, address string, _ syscall.RawConn) error {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("check address: %w", err)
	}
	ip := addr.Addr().Unmap()
	if ip.IsLoopback() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() || ip.IsMulticast() {
		return errLocalAddress
	}
	return nil
}
