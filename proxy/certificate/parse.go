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

var errNoPair = errors.New("a certificate file and a key file are needed")

// parsePair refuses what crypto/tls would pass over: a chain that is damaged past
// its first certificate.
func parsePair(cert, key *file) (*tls.Certificate, error) {
	var missing, certErr, keyErr error
	if cert.path == "" || key.path == "" {
		missing = errNoPair
	}
	if cert.path != "" {
		_, certErr = parseCertificates(cert)
	}
	if key.path != "" {
		keyErr = checkKey(key)
	}
	if err := errors.Join(missing, certErr, keyErr); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert.text, key.text)
	if err != nil {
		return nil, cert.fault(fmt.Sprintf("the certificate and the key in %s are no pair: %v", key.path, err))
	}
	return &pair, nil
}

// parseCertificates takes every certificate of the file, and refuses a file with
// one that cannot be read: to leave out an authority would lock out those it
// issued.
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
			return nil, f.fault(fmt.Sprintf("certificate %d cannot be read: %v", len(certs)+1, err))
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, f.fault("holds no certificate in PEM form")
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
			return f.fault("holds a private key that needs a passphrase; decrypt it with: openssl pkey")
		}
		return nil
	}
	return f.fault("holds no private key in PEM form")
}

// parsePEM returns every block of a file that could be read, and refuses a file in which a block
// begins that does not decode: the loops of crypto/tls and crypto/x509 pass over
// one, and the last one of a half-written file is such.
func parsePEM(f *file) ([]*pem.Block, error) {
	if f.err != nil {
		return nil, f.err
	}
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
		return nil, f.fault("is damaged or only half written")
	}
	return blocks, nil
}
