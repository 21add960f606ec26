package certificate_test

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/proxy/certificate"
)

func TestVersions(t *testing.T) {
	pair := issue(t, "server", nil, nil)
	server := open(t, newFiles(t, pair), certificate.Options{}).Config()
	tests := []struct {
		name     string
		min, max uint16
		want     uint16
	}{
		{"1.0", tls.VersionTLS10, tls.VersionTLS10, 0},
		{"1.1", tls.VersionTLS11, tls.VersionTLS11, 0},
		{"1.0 and 1.1", tls.VersionTLS10, tls.VersionTLS11, 0},
		{"1.2", tls.VersionTLS12, tls.VersionTLS12, tls.VersionTLS12},
		{"1.0 to 1.2", tls.VersionTLS10, tls.VersionTLS12, tls.VersionTLS12},
		{"1.3", tls.VersionTLS13, tls.VersionTLS13, tls.VersionTLS13},
		{"1.0 to 1.3", tls.VersionTLS10, tls.VersionTLS13, tls.VersionTLS13},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := trusting(pair)
			client.MinVersion, client.MaxVersion = tt.min, tt.max
			state, err := handshake(t, server, client)
			switch {
			case tt.want == 0 && (err == nil || !strings.Contains(err.Error(), "unsupported versions")):
				t.Errorf("err = %v, want a refusal of the version", err)
			case tt.want != 0 && (err != nil || state.Version != tt.want):
				t.Errorf("%s, %v, want %s", tls.VersionName(state.Version), err, tls.VersionName(tt.want))
			}
		})
	}
}

func TestProtocols(t *testing.T) {
	pair := issue(t, "server", nil, nil)
	server := open(t, newFiles(t, pair), certificate.Options{}).Config()
	tests := []struct {
		name    string
		offered []string
		want    string
		refused bool
	}{
		{name: "none offered", want: ""},
		{name: "h2 preferred", offered: []string{"h2", "http/1.1"}, want: "http/1.1"},
		{name: "h2 too", offered: []string{"http/1.1", "h2"}, want: "http/1.1"},
		{name: "h2 alone", offered: []string{"h2"}, refused: true},
		{name: "http/1.0 alone", offered: []string{"http/1.0"}, refused: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := trusting(pair)
			client.NextProtos = tt.offered
			state, err := handshake(t, server, client)
			switch {
			case tt.refused && (err == nil || !strings.Contains(err.Error(), "application protocols")):
				t.Errorf("err = %v, want a refusal of the protocols", err)
			case !tt.refused && (err != nil || state.NegotiatedProtocol != tt.want):
				t.Errorf("negotiated %q, %v, want %q", state.NegotiatedProtocol, err, tt.want)
			}
		})
	}
	if diff := cmp.Diff([]string{"http/1.1"}, server.NextProtos); diff != "" {
		t.Errorf("NextProtos (-want +got):\n%s", diff)
	}
}

func TestServerName(t *testing.T) {
	named := issue(t, "server", nil, nil)
	wildcard := issue(t, "server", nil, func(c *x509.Certificate) { c.DNSNames = []string{"*.gatepost.test"} })
	nameless := issue(t, "server", nil, func(c *x509.Certificate) { c.DNSNames = nil })
	tests := []struct {
		name    string
		pair    *issued
		asked   string
		refused bool
	}{
		{name: "right", pair: named, asked: "gatepost.test"},
		{name: "right in another case", pair: named, asked: "GatePost.TEST"},
		{name: "none, as with an address", pair: named, asked: ""},
		{name: "wrong", pair: named, asked: "evil.example", refused: true},
		{name: "below", pair: named, asked: "a.gatepost.test", refused: true},
		{name: "wildcard", pair: wildcard, asked: "a.gatepost.test"},
		{name: "two below a wildcard", pair: wildcard, asked: "a.b.gatepost.test", refused: true},
		{name: "certificate without names", pair: nameless, asked: "evil.example"},
	}
	for _, tt := range tests {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(tt.name+", "+tls.VersionName(version), func(t *testing.T) {
				server := open(t, newFiles(t, tt.pair), certificate.Options{}).Config()
				// A caller that does not verify: the refusal must be the server's.
				client := &tls.Config{ServerName: tt.asked, InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}
				_, err := handshake(t, server, client)
				switch {
				case tt.refused && (err == nil || !strings.Contains(err.Error(), "remote error: tls: unrecognized name")):
					t.Errorf("err = %v, want the alert unrecognized_name", err)
				case !tt.refused && err != nil:
					t.Errorf("refused: %v", err)
				}
			})
		}
	}
}

func TestClientCertificate(t *testing.T) {
	server := issue(t, "server", nil, nil)
	ours, theirs := issue(t, "our authority", nil, authority), issue(t, "their authority", nil, authority)
	config := open(t, newFiles(t, server, ours), certificate.Options{}).Config()
	tests := []struct {
		name    string
		client  *tls.Config
		refused string // part of the server's error; empty: accepted
	}{
		{"of our authority", presenting(issue(t, "caller", ours, caller), server), ""},
		{"none", trusting(server), "didn't provide a certificate"},
		{"of another authority", presenting(issue(t, "caller", theirs, caller), server), "unknown authority"},
		{"of itself", presenting(issue(t, "caller", nil, caller), server), "unknown authority"},
		{"expired", presenting(issue(t, "caller", ours, func(c *x509.Certificate) {
			caller(c)
			c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
		}), server), "expired"},
		{"of a server", presenting(issue(t, "other server", ours, nil), server), "incompatible key usage"},
	}
	for _, tt := range tests {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(tt.name+", "+tls.VersionName(version), func(t *testing.T) {
				client := tt.client.Clone()
				client.MinVersion, client.MaxVersion = version, version
				_, err := handshake(t, config, client)
				switch {
				case tt.refused == "" && err != nil:
					t.Errorf("refused: %v", err)
				case tt.refused != "" && (err == nil || !strings.Contains(err.Error(), tt.refused)):
					t.Errorf("err = %v, want %q", err, tt.refused)
				}
			})
		}
	}
}

// The time that Options give is also that by which callers' certificates expire.
func TestClientCertificateExpiresByTheStoresClock(t *testing.T) {
	server, ca := issue(t, "server", nil, nil), issue(t, "authority", nil, authority)
	own := issue(t, "caller", ca, func(c *x509.Certificate) {
		caller(c)
		c.NotAfter = time.Now().Add(time.Hour)
	})
	now := time.Now()
	config := open(t, newFiles(t, server, ca), certificate.Options{Now: func() time.Time { return now }}).Config()
	if _, err := handshake(t, config, presenting(own, server)); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Hour)
	if _, err := handshake(t, config, presenting(own, server)); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("err = %v, want that the certificate has expired", err)
	}
}

func TestResumption(t *testing.T) {
	server, ca := issue(t, "server", nil, nil), issue(t, "authority", nil, authority)
	own := issue(t, "caller", ca, caller)
	tests := []struct {
		name   string
		files  certificate.Files
		client *tls.Config
		want   bool
	}{
		{"without authorities", newFiles(t, server), trusting(server), true},
		{"with authorities", newFiles(t, server, ca), presenting(own, server), false},
	}
	for _, tt := range tests {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(tt.name+", "+tls.VersionName(version), func(t *testing.T) {
				config := open(t, tt.files, certificate.Options{}).Config()
				client := tt.client.Clone()
				client.MinVersion, client.MaxVersion = version, version
				client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
				for try, want := range []bool{false, tt.want} {
					state, err := handshake(t, config, client)
					if err != nil {
						t.Fatal(err)
					}
					if state.DidResume != want {
						t.Errorf("connection %d: resumed = %v, want %v", try+1, state.DidResume, want)
					}
				}
			})
		}
	}
}

// Code that looks at the configuration, or copies it without its callback, must
// not find one that asks for less.
func TestConfigIsNoWeakerByItself(t *testing.T) {
	server, ca := issue(t, "server", nil, nil), issue(t, "authority", nil, authority)
	config := open(t, newFiles(t, server, ca), certificate.Options{}).Config()
	config.GetConfigForClient = nil
	if _, err := handshake(t, config, trusting(server)); err == nil {
		t.Error("a caller without a certificate was accepted")
	}
	if _, err := handshake(t, config, presenting(issue(t, "caller", ca, caller), server)); err != nil {
		t.Errorf("a caller with a certificate was refused: %v", err)
	}
}
