package cloudtrailtest

import (
	"crypto"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"time"
)

// publicKey is a key that digests are signed with, as ListPublicKeys tells it.
type publicKey struct {
	Value             []byte  `json:"Value"` // PKCS #1, DER
	ValidityStartTime float64 `json:"ValidityStartTime"`
	ValidityEndTime   float64 `json:"ValidityEndTime"`
	Fingerprint       string  `json:"Fingerprint"`
}

// keyLifetime is how long before and after now a key is valid.
const keyLifetime = 365 * 24 * time.Hour

// signingKey is the account's key, made when it is first needed.
func (s *Simulator) signingKey() *rsa.PrivateKey {
	s.keyOnce.Do(func() {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err) // the size is right
		}
		s.key = key
	})
	return s.key
}

// PublicKey is the key that a [Trail] signs with.
func (s *Simulator) PublicKey() *rsa.PublicKey { return &s.signingKey().PublicKey }

func fingerprint(key *rsa.PublicKey) string {
	sum := md5.Sum(x509.MarshalPKCS1PublicKey(key))
	return hex.EncodeToString(sum[:])
}

// sign is a signature as CloudTrail makes it of a digest: SHA-256 with RSA,
// hexadecimal.
func sign(key *rsa.PrivateKey, text string) (string, error) {
	hash := sha256.Sum256([]byte(text))
	raw, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, hash[:])
	return hex.EncodeToString(raw), err
}

// PublicKeys is what "aws cloudtrail list-public-keys" prints.
func (s *Simulator) PublicKeys() []byte { return encode(s.keyList(nil, nil)) }

// publicKeys answers ListPublicKeys.
func (s *Simulator) publicKeys(body []byte) (any, *refusal) {
	var in struct{ StartTime, EndTime *float64 }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, refuse("SerializationException", "The request is not JSON.")
	}
	if in.StartTime != nil && in.EndTime != nil && *in.StartTime > *in.EndTime {
		return nil, refuse("InvalidTimeRangeException", "The start time is after the end time.")
	}
	return s.keyList(in.StartTime, in.EndTime), nil
}

// keyList has the keys that were valid between two times; nil is no bound.
func (s *Simulator) keyList(start, end *float64) any {
	now := float64(s.now().Unix())
	key := publicKey{
		Value:             x509.MarshalPKCS1PublicKey(s.PublicKey()),
		ValidityStartTime: now - keyLifetime.Seconds(), ValidityEndTime: now + keyLifetime.Seconds(),
		Fingerprint: fingerprint(s.PublicKey()),
	}
	list := []publicKey{}
	if (start == nil || *start <= key.ValidityEndTime) && (end == nil || *end >= key.ValidityStartTime) {
		list = append(list, key)
	}
	return map[string]any{"PublicKeyList": list}
}
