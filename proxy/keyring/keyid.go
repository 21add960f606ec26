package keyring

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

const (
	keyIDLength = 20
	keyIDPrefix = "GPK" // of the ids that we make
	minSecret   = 40
	maxSecret   = 256
)

// checkKeyID accepts 20 of A-Z and 0-9, what SDKs and log parsers take for an
// access key id, except those that AWS gives out. Its errors do not quote: what
// is no id may be a secret in the wrong place.
func checkKeyID(id string) error {
	switch {
	case len(id) != keyIDLength || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "":
		return fmt.Errorf("an id has %d characters of A-Z and 0-9; `gatepost keys new` makes one", keyIDLength)
	case strings.HasPrefix(id, "AKIA"), strings.HasPrefix(id, "ASIA"):
		return errors.New("this is an access key id of AWS, and AWS secrets do not belong here; make a key with `gatepost keys new`")
	}
	return nil
}

// checkSecret keeps secrets to what survives in a profile of the AWS CLI and in
// an environment variable. Its errors never quote.
func checkSecret(secret string) error {
	switch {
	case len(secret) < minSecret:
		return fmt.Errorf("a secret has %d characters or more, this one %d", minSecret, len(secret))
	case len(secret) > maxSecret:
		return fmt.Errorf("a secret has at most %d characters", maxSecret)
	}
	for i := range len(secret) {
		if c := secret[i]; c <= ' ' || c > '~' {
			return errors.New("a secret is printable ASCII without spaces")
		}
	}
	return nil
}

// makeKeyID is GPK and 17 characters of base 32, 85 random bits.
func makeKeyID() string { return keyIDPrefix + rand.Text()[:keyIDLength-len(keyIDPrefix)] }

// makeSecret is 240 random bits in 40 characters of base 64, the length and the
// alphabet of AWS's own, for tools that check.
func makeSecret() Secret {
	var bits [30]byte
	rand.Read(bits[:])
	return newSecret(base64.StdEncoding.EncodeToString(bits[:]))
}
