package certificate

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// parsePair refuses what crypto/tls would pass over: a chain that is damaged past
// its first certificate.
func parsePair(cert, key *file) (*tls.Certificate, error) {
	if err := errors.Join(cert.err, key.err); err != nil {
		return nil, err
	}
	_, certErr := parseCertificates(cert)
	if err := errors.Join(certErr, checkKey(key)); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert.text, key.text)
	if err != nil {
		return nil, fmt.Errorf("certificate %s and key %s are no pair: %w", cert.path, key.path, err)
	}
	return &pair, nil
}

// parseAuthorities takes every certificate of the file, and refuses a file with
// one that cannot be read: to leave it out would lock out those it issued.
func parseAuthorities(f *file) ([]*x509.Certificate, error) {
	if f.err != nil {
		return nil, f.err
	}
	return parseCertificates(f)
}

func parseCertificates(f *file) ([]*x509.Certificate, error) {
	blocks, err := parsePEM(f)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for _, b := range blocks {
		if b.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d cannot be read: %w", f.path, len(certs)+1, err)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", f.path)
	}
	return certs, nil
}

// checkKey has clear texts for what is found in key files that cannot be used.
func checkKey(f *file) error {
	blocks, err := parsePEM(f)
	if err != nil {
		return err
	}
	for _, b := range blocks {
		if !strings.HasSuffix(b.Type, "PRIVATE KEY") {
			continue
		}
		if b.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED") {
			return fmt.Errorf("%s holds a private key that needs a passphrase; decrypt it with: openssl pkey", f.path)
		}
		return nil
	}
	return fmt.Errorf("%s holds no private key in PEM form", f.path)
}

// parsePEM returns every block of a file, and refuses a file in which a block
// begins that does not decode: the loops of crypto/tls and crypto/x509 pass over
// one, and the last one of a half-written file is such.
func parsePEM(f *file) ([]*pem.Block, error) {
	const begin = "-----BEGIN "
	var blocks []*pem.Block
	rest := f.text
	for {
		block, after := pem.Decode(rest)
		if block == nil {
			break
		}
		blocks = append(blocks, block)
		rest = after
	}
	lastLine := rest[bytes.LastIndexByte(rest, '\n')+1:]
	cut := len(lastLine) > 0 && strings.HasPrefix(begin, string(lastLine))
	if cut || len(blocks) != bytes.Count(f.text, []byte(begin)) {
		return nil, fmt.Errorf("%s is damaged or only half written", f.path)
	}
	return blocks, nil
}
