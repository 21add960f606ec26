package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"
)

// judgement is what contents are worth: their pair or why it has none, and their
// authorities or why not. What depends on the time is asked for with it.
type judgement struct {
	*contents
	pair           *tls.Certificate
	pairErr        error
	authorities    []*x509.Certificate // nil when they are not asked for
	authoritiesErr error
}

func judge(c *contents) *judgement {
	j := &judgement{contents: c}
	j.pair, j.pairErr = parsePair(&c.cert, &c.key)
	if c.clientCA.path != "" {
		j.authorities, j.authoritiesErr = parseCertificates(&c.clientCA)
	}
	return j
}

// fault is everything that keeps the contents from being used at a time.
func (j *judgement) fault(now time.Time) error {
	return errors.Join(j.pairFault(now), j.authoritiesFault(now))
}

// pairFault goes away by itself for a certificate made for tomorrow.
func (j *judgement) pairFault(now time.Time) error {
	if j.pairErr != nil {
		return j.pairErr
	}
	switch leaf := j.pair.Leaf; {
	case now.Before(leaf.NotBefore):
		return j.cert.fault("the certificate is not valid before " + leaf.NotBefore.Format(time.RFC3339))
	case now.After(leaf.NotAfter):
		return j.cert.fault("the certificate expired at " + leaf.NotAfter.Format(time.RFC3339))
	}
	return nil
}

// authoritiesFault takes a bundle in which some have expired, as bundles do, but
// not one with which every caller would be refused.
func (j *judgement) authoritiesFault(now time.Time) error {
	if j.authoritiesErr != nil || j.authorities == nil {
		return j.authoritiesErr
	}
	for _, a := range j.authorities {
		if !now.Before(a.NotBefore) && !now.After(a.NotAfter) {
			return nil
		}
	}
	return j.clientCA.fault("none of the authorities is valid now")
}
