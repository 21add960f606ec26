package token

import (
	"crypto/subtle"
	"errors"
	"time"
)

// Who bears no valid token. Callers are told neither apart.
var (
	ErrUnknown = errors.New("token is unknown")
	ErrExpired = errors.New("token has expired")
)

// Identity is who sent a request. It is comparable; the zero Identity is nobody and
// may nothing.
type Identity struct {
	Name string
	Role Role

	sum sum // of the token that proved it
}

// Authenticate says whose token a text is at a time. The text is the token alone,
// without the scheme that goes before it in a request. A token is valid before the
// time at which it expires, not at it.
func (s *Store) Authenticate(text string, now time.Time) (Identity, error) {
	if len(text) != textLength { // bounds what a stranger can have hashed
		return Identity{}, ErrUnknown
	}
	return s.identify(sumOf(text), now)
}

// Current is what an identity is worth at a time, for sessions that outlive the
// request in which the token was shown: the identity with the name and role that
// the token has by now, or the error of Authenticate.
func (s *Store) Current(id Identity, now time.Time) (Identity, error) {
	return s.identify(id.sum, now)
}

// identify may look the hash up, in a time that depends on it: whoever measures
// that learns of the hash of a text of his own, and of no other.
func (s *Store) identify(of sum, now time.Time) (Identity, error) {
	d, ok := s.file.Value()[of]
	switch {
	case !ok, subtle.ConstantTimeCompare(d.sum[:], of[:]) != 1:
		return Identity{}, ErrUnknown
	case !d.expires.IsZero() && !now.Before(d.expires):
		return Identity{}, ErrExpired
	}
	return Identity{Name: d.name, Role: d.role, sum: d.sum}, nil
}
