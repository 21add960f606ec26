package upstream_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/proxy/upstream"
)

// listenTLS serves answers over TLS and reports each handshake.
func listenTLS(t *testing.T, c *tls.Config, states chan<- tls.ConnectionState) *rawServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, tls.NewListener(listener, c), func(conn *rawConn) {
		if states != nil && conn.Conn.(*tls.Conn).Handshake() == nil {
			states <- conn.Conn.(*tls.Conn).ConnectionState()
		}
		for conn.request() {
			conn.send(okAnswer)
		}
	})
}

func (s *rawServer) secureClient(t *testing.T, edit func(*upstream.Config)) *upstream.Client {
	t.Helper()
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		t.Fatal(err)
	}
	return s.client(t, func(c *upstream.Config) {
		c.Endpoint = "https://localhost:" + port
		if edit != nil {
			edit(c)
		}
	})
}

// The authorities of AWS_CA_BUNDLE are trusted, and HTTP/2 is not offered.
func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	t.Setenv("AWS_CA_BUNDLE", ca.bundle(t))
	states := make(chan tls.ConnectionState, 1)
	raw := listenTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, nil)}, NextProtos: []string{"h2", "http/1.1"}}, states)
	answer, err := raw.secureClient(t, nil).Do(t.Context(), getConnection())
	if err != nil || answer.Status != 200 {
		t.Fatalf("%d, %v", answer.Status, err)
	}
	if state := <-states; state.NegotiatedProtocol != "http/1.1" && state.NegotiatedProtocol != "" || state.Version < tls.VersionTLS12 || state.ServerName != "localhost" {
		t.Errorf("protocol %q, version %x, name %q", state.NegotiatedProtocol, state.Version, state.ServerName)
	}
}

func TestTLSThatIsNotTrusted(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	for _, test := range []struct {
		name string
		make func(*testing.T) *tls.Config
	}{
		{"expired", func(t *testing.T) *tls.Config {
			return certificate(ca.issue(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }))
		}},
		{"not yet valid", func(t *testing.T) *tls.Config {
			return certificate(ca.issue(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }))
		}},
		{"wrong name", func(t *testing.T) *tls.Config {
			return certificate(ca.issue(t, func(c *x509.Certificate) { c.DNSNames = []string{"outposts.us-west-2.amazonaws.com"} }))
		}},
		{"unknown authority", func(t *testing.T) *tls.Config { return certificate(stranger.issue(t, nil)) }},
		{"for clients", func(t *testing.T) *tls.Config {
			return certificate(ca.issue(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }))
		}},
		{"TLS 1.1", func(t *testing.T) *tls.Config {
			c := certificate(ca.issue(t, nil))
			c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			return c
		}},
		{"wants a client certificate", func(t *testing.T) *tls.Config {
			c := certificate(ca.issue(t, nil))
			c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
			return c
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("AWS_CA_BUNDLE", ca.bundle(t))
			raw := listenTLS(t, test.make(t), nil)
			for _, call := range []upstream.Call{getConnection(), startConnection()} {
				_, err := raw.secureClient(t, nil).Do(t.Context(), call)
				e := wantError(t, err, audit.ErrorClassUpstreamTLS, "tls")
				if e.Sent || len(e.Attempts) != 0 {
					t.Errorf("sent %v, attempts %v", e.Sent, e.Attempts)
				}
			}
			if len(raw.requests()) != 0 {
				t.Error("a request arrived")
			}
		})
	}
}

func certificate(c tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{c}}
}

func TestPeersThatDoNotSpeakTLS(t *testing.T) {
	for _, test := range []struct {
		name   string
		script func(*rawConn)
	}{
		{"plaintext", func(c *rawConn) { c.send("HTTP/1.1 400 Bad Request\r\n\r\n"); c.hold() }},
		{"silence", func(c *rawConn) { c.hold() }},
		{"close", func(*rawConn) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			raw := listen(t, test.script)
			begun := time.Now()
			_, err := raw.secureClient(t, func(c *upstream.Config) { c.Timeout = 400 * time.Millisecond }).Do(t.Context(), getConnection())
			if e := wantError(t, err, audit.ErrorClassUpstreamTLS, "tls"); e.Sent {
				t.Error("sent")
			}
			if took := time.Since(begun); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// A bundle that cannot be read is a fault of the configuration, not a reason to
// trust anybody else.
func TestCABundleThatCannotBeRead(t *testing.T) {
	t.Setenv("AWS_CA_BUNDLE", "/nonexistent/ca.pem")
	if client, err := upstream.New(t.Context(), upstream.Config{Regions: []string{"us-west-2"}}); err == nil {
		client.Close()
		t.Error("accepted")
	}
}
