package certificate

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"time"
)

// http1 is the one protocol that is spoken.
const http1 = "http/1.1"

// serving is what new connections are served with. It does not change.
type serving struct {
	pair        *tls.Certificate
	authorities []*x509.Certificate // nil: callers' certificates are not asked for
	loaded      time.Time           // when the last change of it was read

	config *tls.Config
	// stranger has no certificate: crypto/tls ends the handshake of a caller that
	// asked for another server with the alert unrecognized_name.
	stranger *tls.Config
}

// serve makes configurations once, for all connections, so that a handshake makes
// none.
func (s *Store) serve(pair *tls.Certificate, authorities []*x509.Certificate) *serving {
	v := &serving{pair: pair, authorities: authorities, loaded: s.now(), config: s.base(), stranger: s.base()}
	v.stranger.SessionTicketsDisabled = true
	v.config.Certificates = []tls.Certificate{*pair}
	if authorities != nil {
		v.config.ClientCAs = x509.NewCertPool()
		for _, a := range authorities {
			v.config.ClientCAs.AddCert(a)
		}
		v.config.ClientAuth = tls.RequireAndVerifyClientCert
		// A resumed session is not checked against the authorities of now.
		v.config.SessionTicketsDisabled = true
	}
	return v
}

// base is what holds for every connection.
func (s *Store) base() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{http1},
		Time:       s.now,
	}
}

// is says that the material is the same, comments in the files aside. The key is
// not compared, because it fits the certificate.
func (v *serving) is(pair *tls.Certificate, authorities []*x509.Certificate) bool {
	return slices.EqualFunc(v.pair.Certificate, pair.Certificate, bytes.Equal) &&
		slices.EqualFunc(v.authorities, authorities, (*x509.Certificate).Equal)
}

// configFor refuses a wrong server name, with which a caller that verifies would
// not go on anyhow. A certificate that names no server at all cannot tell, nor can
// a caller that gives none, as one that connects to an address does.
func (v *serving) configFor(hello *tls.ClientHelloInfo) *tls.Config {
	leaf := v.pair.Leaf
	if hello.ServerName != "" && len(leaf.DNSNames) > 0 && leaf.VerifyHostname(hello.ServerName) != nil {
		return v.stranger
	}
	return v.config
}

// Config is for the listener, and follows the store: each handshake asks for what
// is in use at its time. The caller may not change it.
func (s *Store) Config() *tls.Config {
	// A handshake uses what GetConfigForClient gives and nothing else of this. The
	// rest is for code that looks at a configuration before it is used, and no
	// weaker.
	c := s.serving.Load().config.Clone()
	c.Certificates = nil
	c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return s.serving.Load().pair, nil
	}
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		return s.serving.Load().configFor(hello), nil
	}
	return c
}
