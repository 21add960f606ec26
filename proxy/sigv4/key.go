package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"log/slog"
	"sync"
)

// SigningKey is what a secret becomes for one day, region and service. It is
// safe for concurrent use, and using it allocates nothing once it is warm. It
// shows itself as REDACTED.
type SigningKey struct {
	macs sync.Pool // of *mac, each keyed
}

// mac is an HMAC-SHA256 and the memory for one use of it.
type mac struct {
	hash hash.Hash
	text [256]byte
	sum  [sha256.Size]byte
}

// DeriveKey derives the signing key of a secret for a date (YYYYMMDD), region
// and service. It costs four HMACs: keep the key for as long as its date lasts.
func DeriveKey(secret, date, region, service string) *SigningKey {
	key := sum([]byte("AWS4"+secret), date)
	key = sum(key, region)
	key = sum(key, service)
	key = sum(key, terminator)
	k := &SigningKey{}
	k.macs.New = func() any {
		m := &mac{hash: hmac.New(sha256.New, key)}
		m.hash.Reset() // keeps the keyed state, so that later uses skip the key
		return m
	}
	return k
}

func sum(key []byte, s string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s))
	return h.Sum(nil)
}

// sign returns the signature of the string to sign made of these parts.
func (k *SigningKey) sign(amzDate string, a *Authorization, requestHash *[32]byte) (signature [32]byte) {
	m := k.macs.Get().(*mac)
	m.hash.Reset()
	m.hash.Write(appendStringToSign(m.text[:0], amzDate, a, requestHash))
	m.hash.Sum(m.sum[:0])
	signature = m.sum
	k.macs.Put(m)
	return signature
}

// matches compares in constant time. It is false for a nil key.
func (k *SigningKey) matches(amzDate string, a *Authorization, requestHash *[32]byte) bool {
	if k == nil {
		return false
	}
	signature := k.sign(amzDate, a, requestHash)
	return subtle.ConstantTimeCompare(signature[:], a.Signature[:]) == 1
}

func appendStringToSign(dst []byte, amzDate string, a *Authorization, requestHash *[32]byte) []byte {
	dst = append(dst, algorithm+"\n"...)
	dst = append(dst, amzDate...)
	dst = append(dst, '\n')
	dst = appendScope(dst, a)
	dst = append(dst, '\n')
	return hex.AppendEncode(dst, requestHash[:])
}

func appendScope(dst []byte, a *Authorization) []byte {
	dst = append(dst, a.Date...)
	dst = append(dst, '/')
	dst = append(dst, a.Region...)
	dst = append(dst, '/')
	dst = append(dst, a.Service...)
	return append(dst, '/', 'a', 'w', 's', '4', '_', 'r', 'e', 'q', 'u', 'e', 's', 't')
}

const redacted = "REDACTED"

func (k *SigningKey) String() string       { return redacted }
func (k *SigningKey) GoString() string     { return redacted }
func (k *SigningKey) LogValue() slog.Value { return slog.StringValue(redacted) }
