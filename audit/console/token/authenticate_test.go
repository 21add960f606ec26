package token_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/console/token"
	"github.com/gatepost-proxy/gatepost/audit/livefile/livefiletest"
)

var expiry = time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)

func TestAuthenticate(t *testing.T) {
	path := newFile(t, fileText(entry("soc", token.Viewer, ""), entry("ops", token.Operator, "2027-03-01T00:00:00Z")))
	s := open(t, path, token.Options{})
	before := expiry.Add(-time.Nanosecond)
	tests := []struct {
		name string
		text string
		now  time.Time
		who  string
		role token.Role
		err  error
	}{
		{"without expiry", textOf("soc"), expiry.AddDate(100, 0, 0), "soc", token.Viewer, nil},
		{"before its expiry", textOf("ops"), before, "ops", token.Operator, nil},
		{"at its expiry", textOf("ops"), expiry, "", "", token.ErrExpired},
		{"after its expiry", textOf("ops"), expiry.Add(time.Hour), "", "", token.ErrExpired},
		{"unknown", textOf("other"), before, "", "", token.ErrUnknown},
		{"empty", "", before, "", "", token.ErrUnknown},
		{"cut", textOf("soc")[:46], before, "", "", token.ErrUnknown},
		{"longer", textOf("soc") + "=", before, "", "", token.ErrUnknown},
		{"with the scheme", "Bearer " + textOf("soc"), before, "", "", token.ErrUnknown},
		{"with a line end", textOf("soc") + "\n", before, "", "", token.ErrUnknown},
		{"the hash that the file has", sumOf("soc"), before, "", "", token.ErrUnknown},
		{"the name", "soc", before, "", "", token.ErrUnknown},
		{"last character changed", textOf("soc")[:46] + "x", before, "", "", token.ErrUnknown},
		{"other case", strings.ToLower(textOf("soc")), before, "", "", token.ErrUnknown},
		{"very long", strings.Repeat("a", 1<<20), before, "", "", token.ErrUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := s.Authenticate(tt.text, tt.now)
			if !errors.Is(err, tt.err) || got.Name != tt.who || got.Role != tt.role {
				t.Errorf("%s %s, %v, want %s %s, %v", got.Role, got.Name, err, tt.role, tt.who, tt.err)
			}
			if err != nil && got != (token.Identity{}) {
				t.Errorf("an identity beside an error: %+v", got)
			}
		})
	}
}

func TestCurrent(t *testing.T) {
	path := newFile(t, fileText(entry("soc", token.Operator, "2027-03-01T00:00:00Z")))
	s := open(t, path, token.Options{})
	before := expiry.Add(-time.Hour)
	id, err := s.Authenticate(textOf("soc"), before)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Current(id, before); err != nil || got != id {
		t.Errorf("%+v, %v, want what Authenticate gave", got, err)
	}
	if _, err := s.Current(id, expiry); !errors.Is(err, token.ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	if _, err := s.Current(token.Identity{Name: "soc", Role: token.Operator}, before); !errors.Is(err, token.ErrUnknown) {
		t.Errorf("an identity that nobody proved: %v", err)
	}

	livefiletest.Replace(t, path, fileText(entry("soc", token.Viewer, "")))
	s.Poll()
	if got, err := s.Current(id, expiry); err != nil || got.Role != token.Viewer {
		t.Errorf("after its role was lowered: %+v, %v", got, err)
	}
	livefiletest.Replace(t, path, "tokens: []\n")
	s.Poll()
	if _, err := s.Current(id, before); !errors.Is(err, token.ErrUnknown) {
		t.Errorf("after it was deleted: %v", err)
	}
}

func TestRoles(t *testing.T) {
	tests := []struct {
		have, need token.Role
		want       bool
	}{
		{token.Viewer, token.Viewer, true},
		{token.Operator, token.Viewer, true},
		{token.Operator, token.Operator, true},
		{token.Viewer, token.Operator, false},
		{"", token.Viewer, false},
		{"admin", token.Viewer, false},
		{token.Operator, "", false},
		{token.Operator, "admin", false},
		{"", "", false},
		{"admin", "admin", false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%q needs %q", tt.have, tt.need), func(t *testing.T) {
			if got := tt.have.Includes(tt.need); got != tt.want {
				t.Errorf("Includes = %v", got)
			}
		})
	}
}

func TestTokensAreLongAndNeverTheSame(t *testing.T) {
	f := token.File{Path: newFile(t, "tokens: []\n")}
	seen := map[string]bool{}
	for i := range 20 {
		text, err := f.New(t.Context(), token.Info{Name: fmt.Sprint("n", i), Role: token.Viewer})
		if err != nil {
			t.Fatal(err)
		}
		rest, ok := strings.CutPrefix(text, "gpt_")
		bits, err := base64.RawURLEncoding.Strict().DecodeString(rest)
		if !ok || err != nil || len(bits) != 32 || len(rest) != 43 {
			t.Errorf("%q is not gpt_ and 32 bytes: %v", text, err)
		}
		if seen[text] {
			t.Errorf("%q was made twice", text)
		}
		seen[text] = true
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	s := open(b, newFile(b, fileText(entry("soc", token.Viewer, ""))), token.Options{})
	text, now := textOf("soc"), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Authenticate(text, now); err != nil {
			b.Fatal(err)
		}
	}
}
