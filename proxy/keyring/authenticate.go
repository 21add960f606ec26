package keyring

import (
	"errors"

	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
)

// ErrSignature is the answer to an unknown key id and to a wrong signature alike.
var ErrSignature = errors.New("unknown access key or wrong signature")

// The reasons of a [Refused].
const (
	ReasonDisabled = "key_disabled"
	ReasonExpired  = "key_expired"
)

// Refused is a key that may not be used, though the signature was right.
type Refused struct {
	Reason string // ReasonDisabled or ReasonExpired
}

func (r *Refused) Error() string { return "access key refused: " + r.Reason }

// Authenticate says who made a claim that [sigv4.Verifier.Parse] accepted for one
// of the ring's regions. The error is [ErrSignature], or a [*Refused] with the
// principal beside it, for the record alone.
func (r *Ring) Authenticate(c *sigv4.Claim) (Principal, error) {
	k, known := r.file.Value().byID[c.AccessKeyID]
	if !known {
		k = r.nobody
	}
	if signed := c.Verify(k.signing.key(c.Date, c.Region)); !signed || !known {
		return Principal{}, ErrSignature
	}
	p := Principal{ring: r, key: k}
	switch {
	case k.disabled:
		p.refused = ReasonDisabled
	case !k.expires.IsZero() && !r.now().Before(k.expires):
		p.refused = ReasonExpired
	default:
		return p, nil
	}
	return p, &Refused{Reason: p.refused}
}
