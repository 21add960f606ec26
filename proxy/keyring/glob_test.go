package keyring_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatepost-proxy/gatepost/proxy/keyring"
)

func TestGlob(t *testing.T) {
	for _, tc := range []struct {
		name, pattern, id string
		want              bool
	}{
		{"literal", "abc", "abc", true},
		{"literal is anchored at its end", "abc", "abcd", false},
		{"literal is anchored at its start", "abc", "xabc", false},
		{"letter case matters", "abc", "aBc", false},
		{"star matches all", "*", "aB+/c9==", true},
		{"star matches nothing at all", "a*b", "ab", true},
		{"star matches slashes", "a*z", "a/b//c/z", true},
		{"several stars", "a*b*c", "aXbYbZc", true},
		{"several stars in the wrong order", "a*b*c", "acb", false},
		{"double star is a star", "a**c", "abc", true},
		{"question mark matches one", "a?c", "abc", true},
		{"question mark matches a slash", "a?c", "a/c", true},
		{"question mark matches not nothing", "a?c", "ac", false},
		{"question mark matches not two", "a?c", "abbc", false},
		{"only question marks", "???", "+/=", true},
		{"star then question mark needs one", "*?", "", false},
		{"the alphabet's odd ones are themselves", "a+b/c=", "a+b/c=", true},
		{"plus is not a repetition", "a+", "aa", false},
		{"prefix", "installer/*", "installer/", true},
		{"prefix of another", "installer/*", "installers/1", false},
		{"suffix after a false start", "*ab", "aab", true},
		{"across a word of states", strings.Repeat("a", 100) + "*" + strings.Repeat("b", 100), strings.Repeat("a", 100) + "c" + strings.Repeat("b", 100), true},
		{"across a word of states, one missing", strings.Repeat("a", 100) + "*" + strings.Repeat("b", 100), strings.Repeat("a", 99) + "c" + strings.Repeat("b", 100), false},
		{"longest", strings.Repeat("?", 1024), strings.Repeat("/", 1024), true},
		{"longest, one short", strings.Repeat("?", 1024), strings.Repeat("/", 1023), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := keyring.Match(tc.pattern, tc.id)
			if err != nil || got != tc.want {
				t.Errorf("match %q with %q: got %t, %v; want %t", tc.pattern, tc.id, got, err, tc.want)
			}
		})
	}
}

func TestGlobRefuses(t *testing.T) {
	for _, tc := range []struct{ name, pattern string }{
		{"empty", ""},
		{"space", "a b"},
		{"class", "[ab]"},
		{"escape", `a\*`},
		{"alternatives", "{a,b}"},
		{"not ASCII", "é*"},
		{"NUL", "a\x00"},
		{"too long", strings.Repeat("a", 1025)},
		{"too long with stars", strings.Repeat("*", 1025)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := keyring.Match(tc.pattern, "a"); err == nil {
				t.Errorf("pattern %q was accepted", tc.pattern)
			}
		})
	}
}

// matchSlowly is the meaning of a pattern, written down.
func matchSlowly(pattern, id string) bool {
	switch {
	case pattern == "":
		return id == ""
	case pattern[0] == '*':
		return matchSlowly(pattern[1:], id) || id != "" && matchSlowly(pattern, id[1:])
	case id == "":
		return false
	case pattern[0] == '?' || pattern[0] == id[0]:
		return matchSlowly(pattern[1:], id[1:])
	}
	return false
}

func TestGlobMeansWhatTheReferenceSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Few letters, so that false starts are common.
		pattern := rapid.StringMatching(`[ab/*?]{1,12}`).Draw(t, "pattern")
		id := rapid.StringMatching(`[ab/]{0,14}`).Draw(t, "id")
		got, err := keyring.Match(pattern, id)
		if err != nil {
			t.Fatalf("pattern %q: %v", pattern, err)
		}
		if want := matchSlowly(pattern, id); got != want {
			t.Fatalf("match %q with %q: got %t, want %t", pattern, id, got, want)
		}
	})
}

// What a pattern matches does not depend on where its letters fall in the words of
// states: a prefix that both sides share changes nothing.
func TestGlobIsTheSameBehindAPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab?*]{1,10}`).Draw(t, "pattern")
		id := rapid.StringMatching(`[ab]{0,12}`).Draw(t, "id")
		prefix := strings.Repeat("x", rapid.IntRange(0, 200).Draw(t, "prefix"))
		alone, _ := keyring.Match(pattern, id)
		behind, _ := keyring.Match(prefix+pattern, prefix+id)
		if alone != behind {
			t.Fatalf("match %q with %q: %t alone, %t behind %d letters", pattern, id, alone, behind, len(prefix))
		}
	})
}

func FuzzGlob(f *testing.F) {
	f.Add("*a*b*", "aabb")
	f.Add("?", "/")
	f.Add("a*?=", "a+/=")
	f.Fuzz(func(t *testing.T, pattern, id string) {
		got, err := keyring.Match(pattern, id)
		if err != nil {
			return
		}
		if len(id) > 16 || strings.Count(pattern, "*") > 4 {
			return // the reference takes exponential time
		}
		if want := matchSlowly(pattern, id); got != want {
			t.Errorf("match %q with %q: got %t, want %t", pattern, id, got, want)
		}
	})
}

// The patterns on which matchers that go back blow up end at once.
func TestGlobDoesNotBlowUp(t *testing.T) {
	id := strings.Repeat("a", 1024)
	for _, pattern := range []string{
		strings.Repeat("*a", 500) + "b",
		strings.Repeat("a*", 500) + "b",
		"*" + strings.Repeat("a", 1000) + "b",
		strings.Repeat("*?", 500) + "b",
	} {
		begun := time.Now()
		if got, err := keyring.Match(pattern, id); got || err != nil {
			t.Errorf("match %.10q…: got %t, %v", pattern, got, err)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("match %.10q…: took %s", pattern, took)
		}
	}
}

func BenchmarkGlob(b *testing.B) {
	for _, tc := range []struct{ name, pattern, id string }{
		{"any", "*", strings.Repeat("aB+/", 11)},
		{"prefix", "installer/*", "installer/" + strings.Repeat("aB+/", 8)},
		{"longest", strings.Repeat("*a", 512), strings.Repeat("a", 1024)},
	} {
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			match := keyring.Matcher(tc.pattern)
			for b.Loop() {
				match(tc.id)
			}
		})
	}
}
