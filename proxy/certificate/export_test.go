package certificate

import "crypto/x509"

// Poll is one look of Run.
func (s *Store) Poll() { s.poll() }

// Leaf is what a new connection is served with.
func (s *Store) Leaf() *x509.Certificate { return s.serving.Load().pair.Leaf }

// Authorities are how many a new connection's certificate may be issued by.
func (s *Store) Authorities() []*x509.Certificate { return s.serving.Load().authorities }

// Parse reads texts as Open does, and reports what it found.
func Parse(cert, key, clientCA []byte) (certificates, authorities int, err error) {
	c := &contents{cert: file{path: "cert", text: cert}, key: file{path: "key", text: key}}
	if clientCA != nil {
		c.clientCA = file{path: "ca", text: clientCA}
	}
	j := judge(c)
	if j.pair != nil {
		certificates = len(j.pair.Certificate)
	}
	return certificates, len(j.authorities), errorsOf(j)
}

func errorsOf(j *judgement) error {
	if j.pairErr != nil {
		return j.pairErr
	}
	return j.authoritiesErr
}
