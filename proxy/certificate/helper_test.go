package certificate_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/livefile/livefiletest"
	"github.com/gatepost-proxy/gatepost/proxy/certificate"
)

// issued is a certificate with its key, in the forms that tests need.
type issued struct {
	cert    *x509.Certificate
	private *ecdsa.PrivateKey
	certPEM []byte
	keyPEM  []byte
}

// issue makes a certificate for gatepost.test and 127.0.0.1 that is valid for 90
// days. edit may change it; without an issuer it issues itself.
func issue(tb testing.TB, name string, issuer *issued, edit func(*x509.Certificate)) *issued {
	tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(90 * 24 * time.Hour),
		DNSNames:     []string{"gatepost.test"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if edit != nil {
		edit(template)
	}
	parent, signer := template, private
	if issuer != nil {
		parent, signer = issuer.cert, issuer.private
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, private.Public(), signer)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		tb.Fatal(err)
	}
	return &issued{
		cert: cert, private: private,
		certPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		keyPEM:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}
}

func authority(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	c.DNSNames, c.IPAddresses, c.ExtKeyUsage = nil, nil, nil
}

func caller(c *x509.Certificate) {
	c.DNSNames, c.IPAddresses = nil, nil
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
}

func validUntil(notAfter time.Time) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = notAfter.Add(-90*24*time.Hour), notAfter }
}

func (i *issued) tls() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{i.cert.Raw}, PrivateKey: i.private}
}

// newFiles are the paths of a pair in a directory of their own, and of authorities
// if there are any.
func newFiles(tb testing.TB, pair *issued, clientCA ...*issued) certificate.Files {
	tb.Helper()
	dir := tb.TempDir()
	files := certificate.Files{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	writePair(tb, files, pair)
	if len(clientCA) > 0 {
		files.ClientCA = filepath.Join(dir, "callers.crt")
		replace(tb, files.ClientCA, bundle(clientCA...))
	}
	return files
}

func bundle(certs ...*issued) []byte {
	var text []byte
	for _, c := range certs {
		text = append(text, c.certPEM...)
	}
	return text
}

func writePair(tb testing.TB, files certificate.Files, pair *issued) {
	tb.Helper()
	replace(tb, files.Cert, pair.certPEM)
	replace(tb, files.Key, pair.keyPEM)
}

// replace puts a file in the place of another, and overwrite writes into the file
// that is there.
func replace(tb testing.TB, path string, text []byte) {
	tb.Helper()
	livefiletest.Replace(tb, path, string(text))
}

func overwrite(tb testing.TB, path string, text []byte) {
	tb.Helper()
	livefiletest.Write(tb, path, string(text), 0o600)
}

func open(tb testing.TB, files certificate.Files, o certificate.Options) *certificate.Store {
	tb.Helper()
	s, err := certificate.Open(files, o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// look is what Run does in the time that it takes to be sure of new files.
func look(s *certificate.Store) {
	s.Poll()
	s.Poll()
}

// handshake connects over loopback. The error is that of either side; in TLS 1.3 a
// client may be content with a handshake that its server refuses.
func handshake(tb testing.TB, server, client *tls.Config) (tls.ConnectionState, error) {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer ln.Close()
	served := make(chan error, 1)
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			served <- err
			return
		}
		defer nc.Close()
		conn := tls.Server(nc, server)
		if err = conn.HandshakeContext(tb.Context()); err == nil {
			_, err = conn.Write([]byte{'!'}) // which also gives a session ticket its way
		}
		served <- err
	}()
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer nc.Close()
	conn := tls.Client(nc, client)
	err = conn.HandshakeContext(tb.Context())
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	if err != nil {
		nc.Close()
	}
	return conn.ConnectionState(), errors.Join(<-served, err)
}

// trusting is a client of gatepost.test that trusts the certificates given.
func trusting(certs ...*issued) *tls.Config {
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c.cert)
	}
	return &tls.Config{RootCAs: pool, ServerName: "gatepost.test"}
}

// presenting is trusting with a certificate of the caller's own. It is sent even
// when the server's list of authorities does not ask for it.
func presenting(own *issued, server ...*issued) *tls.Config {
	c := trusting(server...)
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return new(own.tls()), nil }
	return c
}

// run follows the files until the test ends.
func run(t *testing.T, s *certificate.Store) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
}
