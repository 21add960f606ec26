package main

import (
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "",
		"plain text, ü and 日本": "plain text, ü and 日本",
		"a\x1b[31mb":           `a\u001b[31mb`,
		"line\nfeed\ttab":      `line\u000afeed\u0009tab`,
		"c1 \u009b":            `c1 \u009b`,
		"bidi \u202e\u2066":    `bidi \u202e\u2066`,
		"zero\u200bwidth":      `zero\u200bwidth`,
		"sep\u2028\u2029":      `sep\u2028\u2029`,
		"bad \xff byte":        `bad \xff byte`,
		"was bad \ufffd":       `was bad \ufffd`,
		"tag \U000e0041":       `tag \U000e0041`,
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
	if got := cleanLines("a\nb\x07"); got != "a\nb\\u0007" {
		t.Errorf("cleanLines = %q", got)
	}
}

// FuzzClean holds that no text keeps anything that a terminal acts upon.
func FuzzClean(f *testing.F) {
	f.Add("a\x1b[31m")
	f.Add("\xff\u202e\U000e0041")
	f.Fuzz(func(t *testing.T, s string) {
		once := clean(s)
		if strings.ContainsFunc(once, func(r rune) bool {
			return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
		}) {
			t.Fatalf("%q became %q", s, once)
		}
		if again := clean(once); again != once {
			t.Fatalf("%q cleaned twice differs: %q", s, again)
		}
	})
}

func TestPalette(t *testing.T) {
	on := palette{on: true}
	if got := on.red("x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("red = %q", got)
	}
	if got := on.red(""); got != "" {
		t.Errorf("red of nothing = %q", got)
	}
	p := &program{env: []string{"NO_COLOR=", "A=1", "A=2"}}
	if got := p.palette(&strings.Builder{}).green("x"); got != "x" {
		t.Errorf("green into a buffer = %q", got)
	}
	if got := p.getenv("A"); got != "2" {
		t.Errorf("getenv = %q", got)
	}
}

func TestTableAligns(t *testing.T) {
	var out strings.Builder
	table := newTable(&out, palette{on: true}, "A", "LONG", "C")
	red := palette{on: true}.red
	if err := table.write([]cell{{"ü", red}, {"", nil}, {"x\x1b", nil}}); err != nil {
		t.Fatal(err)
	}
	if err := table.write([]cell{{"wider", nil}, {"1", nil}, {"y", nil}}); err != nil {
		t.Fatal(err)
	}
	want := "\x1b[1mA\x1b[0m  \x1b[1mLONG\x1b[0m  \x1b[1mC\x1b[0m\n" +
		"\x1b[31mü\x1b[0m  -     x\\u001b\n" +
		"wider  1     y\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
