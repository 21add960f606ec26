package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/livefile"
)

// prefix lets scanners of source code and logs find a token that slipped out.
const prefix = "gpt_"

const (
	randomBytes = 32
	textLength  = len(prefix) + 43 // 32 bytes in base 64 without padding
)

// makeText makes a token.
func makeText() string {
	var bits [randomBytes]byte
	rand.Read(bits[:])
	return prefix + base64.RawURLEncoding.EncodeToString(bits[:])
}

// sum is the SHA-256 of a token's whole text. It needs neither salt nor a slow
// hash: 256 random bits cannot be guessed.
type sum [sha256.Size]byte

func sumOf(text string) sum { return sha256.Sum256([]byte(text)) }

// definition is one token as the file has it, checked.
type definition struct {
	name    string
	role    Role
	sum     sum
	expires time.Time // zero: never
}

func (d *definition) equal(o *definition) bool {
	return d.name == o.name && d.role == o.role && d.sum == o.sum && d.expires.Equal(o.expires)
}

// check is for a definition that does not come from a file.
func (d *definition) check() error {
	if err := checkName(d.name); err != nil {
		return err
	}
	if _, err := ParseRole(string(d.role)); err != nil {
		return err
	}
	if d.expires.IsZero() {
		return nil
	}
	return livefile.CheckTime(d.expires)
}

// checkName does not quote: what is no name may be a token in the wrong place.
func checkName(name string) error {
	switch {
	case strings.HasPrefix(name, prefix):
		return errors.New("this looks like a token, which belongs to its bearer alone; give a name, and replace the token")
	case name == loopbackName:
		return fmt.Errorf("%s is the name of whoever needs no token; choose another", loopbackName)
	}
	return livefile.CheckName("name", name)
}

// parseSum does not quote either.
func parseSum(text string) (sum, error) {
	if strings.HasPrefix(text, prefix) {
		return sum{}, errors.New("this looks like a token, of which only the SHA-256 belongs here; replace the token, others may have read it")
	}
	var s sum
	if n, err := hex.Decode(s[:], []byte(text[:min(len(text), 2*len(s))])); err != nil || n != len(s) || len(text) != 2*len(s) {
		return sum{}, fmt.Errorf("a SHA-256 has %d hexadecimal digits; `gatepost tokens new` writes one", 2*len(s))
	}
	return s, nil
}
