package upstream

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSessionNames(t *testing.T) {
	for principal, want := range map[string]string{
		"installer-fra1":         "installer-fra1",
		"a@b.example":            "a@b.example",
		strings.Repeat("a", 64):  strings.Repeat("a", 64),
		"a":                      "a=ca978112ca1bbdcafac2",
		"":                       "=e3b0c44298fc1c149afb",
		"fra1/installer":         "fra1_installer=",
		"aws:root":               "aws_root=",
		strings.Repeat("a", 65):  strings.Repeat("a", 43) + "=",
		"x=0123456789abcdef0123": "x=0123456789abcdef0123=",
	} {
		got := sessionName(principal)
		if strings.HasSuffix(want, "=") {
			got = got[:max(0, len(got)-20)]
		}
		if got != want {
			t.Errorf("%q: %q, want %q", principal, got, want)
		}
	}
}

// No two principals share a session's name, whatever they are called, the names of
// others' sessions included.
func TestSessionNamesAreInjective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.OneOf(
			rapid.StringMatching(`[a-c/ =]{0,4}`),
			rapid.StringMatching(`[a-z]{1,3}=[0-9a-f]{20}`),
			rapid.String(),
		)
		a, b := names.Draw(t, "a"), names.Draw(t, "b")
		if rapid.Bool().Draw(t, "named after a session") {
			b = sessionName(a)
			if b == a {
				return
			}
		}
		for _, name := range []string{sessionName(a), sessionName(b)} {
			if !acceptedName.MatchString(name) {
				t.Fatalf("STS refuses %q", name)
			}
		}
		if a != b && sessionName(a) == sessionName(b) {
			t.Fatalf("%q and %q are both %q", a, b, sessionName(a))
		}
	})
}
