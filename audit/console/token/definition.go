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
	"unicode"
	"unicode/utf8"
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
	_, err := parseExpiry(d.expires.Format(time.RFC3339))
	return err
}

// maxName is generous for a name and small beside an audit event's line.
const maxName = 128

// checkName does not quote: what is no name may be a token in the wrong place.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("name is empty")
	case len(name) > maxName:
		return fmt.Errorf("a name has at most %d bytes", maxName)
	case strings.HasPrefix(name, prefix):
		return errors.New("this looks like a token, which belongs to its bearer alone; give a name, and replace the token")
	case name == loopbackName:
		return fmt.Errorf("%s is the name of whoever needs no token; choose another", loopbackName)
	case !utf8.ValidString(name), strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) }):
		return errors.New("a name holds printable characters only")
	case strings.TrimSpace(name) != name:
		return errors.New("a name neither begins nor ends with a space")
	}
	return nil
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

// earliestExpiry catches times that are mistakes, the zero time above all, which
// means never.
func earliestExpiry() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// parseExpiry does not quote either.
func parseExpiry(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Before(earliestExpiry()) {
		return time.Time{}, errors.New("this is not a time of this century; write it as 2027-03-01T00:00:00Z")
	}
	return t.UTC(), nil
}
