package livefile

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxName is generous for a name and small beside an audit event's line.
const maxName = 128

// CheckName takes what may stand for somebody in lists, logs and audit events. what
// is the word for such a name in its errors, which do not quote.
func CheckName(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%s is empty", what)
	case len(name) > maxName:
		return fmt.Errorf("a %s has at most %d bytes", what, maxName)
	case !utf8.ValidString(name), strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) }):
		return fmt.Errorf("a %s holds printable characters only", what)
	case strings.TrimSpace(name) != name:
		return fmt.Errorf("a %s neither begins nor ends with a space", what)
	}
	return nil
}

// ParseTime takes a time in the form of RFC 3339. Its error does not quote.
func ParseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, errTime
	}
	return t.UTC(), CheckTime(t)
}

// CheckTime refuses times that are mistakes: the zero time above all, which means
// never, and what cannot be written.
func CheckTime(t time.Time) error {
	if y := t.UTC().Year(); y < 2000 || y > 9999 {
		return errTime
	}
	return nil
}

var errTime = errors.New("this is not a time of this century; write it as 2027-03-01T00:00:00Z")

// Quote writes a text as a YAML scalar, without quotation marks where it reads as
// text anyway.
func Quote(text string) string {
	switch strings.ToLower(text) {
	case "", "true", "false", "yes", "no", "on", "off", "y", "n", "null":
		return fmt.Sprintf("%q", text)
	}
	if !strings.Contains(letters, text[:1]) || strings.Trim(text, letters+"0123456789-_.@") != "" {
		return fmt.Sprintf("%q", text)
	}
	return text
}
