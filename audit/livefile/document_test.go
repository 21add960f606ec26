package livefile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit/livefile"
)

func TestParse(t *testing.T) {
	a := []thing{{Name: "a"}}
	for _, tc := range []struct {
		name, text string
		want       []thing
	}{
		{"none", "things: []\n", []thing{}},
		{"one", "# top\nthings:\n  - name: a # who\n    on: true\n    tags: [x, \"1\"]\n", []thing{{Name: "a", On: true, Tags: []string{"x", "1"}}}},
		{"digits", "things: [{name: 0123}, {name: 1e5}]\n", []thing{{Name: "0123"}, {Name: "1e5"}}},
		{"JSON", `{"things": [{"name": "a"}]}`, a},
		{"a document marker", "---\nthings: [{name: a}]\n...\n", a},
		{"line ends of Windows", "# top\r\nthings: # all\r\n  # first\r\n  - name: a # who\r\n", a},
		{"line ends of old Macs", "# top\rthings:\r- name: a\r", a},
		{"a byte order mark", "\ufeffthings: [{name: a}]\n", a},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := things().Parse("things.yaml", []byte(tc.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       string // every fault, without the file's name in front
	}{
		{"nothing", "", "is empty; write `things: []` for no things"},
		{"only a comment", "# none\n", "is empty; write `things: []` for no things"},
		{"not YAML", "things: [\n", "1:9: is not YAML: sequence end token ']' not found"},
		{"a list", "- a\n", "1:1: is sequence; it needs a mapping of things"},
		{"an empty mapping", "{}\n", "1:1: is empty; known keys are things"},
		{"two documents", "things: []\n---\nthings: []\n", "3:1: is a second document; a things file has one"},
		{"no value", "things:\n", "1:9: things: has no value; it needs a list"},
		{"no list", "things: {}\n", "1:9: things: is mapping; it needs a list"},
		{"unknown key", "thing: []\n", `1:1: unknown key "thing"; known are things`},
		{"unknown key that could be a secret", "abcdefghijklmnopqrstuvwxyz: []\n", `1:1: unknown key; known are things`},
		{"key twice", "things: []\nthings: []\n", "2:1: things: is already given on line 1"},
		{"key that is no word", "1: []\n", "1:1: has a key that is not a plain word; known are things"},
		{"anchor", "things: &a []\n", "1:9: things: anchors, aliases and tags are not used in a things file; write it out"},
		{"item that is no mapping", "things:\n  - a\n", "2:5: things[0]: is string; it needs a mapping of name, on, tags"},
		{"required key missing", "things: [{on: true}]\n", "1:11: things[0].name: is missing"},
		{"text that is a truth", "things: [{name: true}]\n", "1:17: things[0].name: is boolean; it needs text; put it in quotation marks"},
		{"text that is a list", "things: [{name: [a]}]\n", "1:17: things[0].name: is sequence; it needs text"},
		{"text that is not taken", "things: [{name: bad}]\n", "1:17: things[0].name: is no name"},
		{"flag that is text", "things: [{name: a, on: \"true\"}]\n", "1:24: things[0].on: is string; it needs true or false"},
		{"behind umlauts", "things: [{name: Zoë, on: 1}]\n", "1:26: things[0].on: is int; it needs true or false"},
		{"behind a byte order mark", "\ufeffthings: 1\n", "1:9: things: is int; it needs a list"},
		{"behind comments with line ends of Windows", "# a\r\n\r\n# b\r\nthings: # c\r\n  # d\r\n  - 1\r\n", "6:5: things[0]: is int; it needs a mapping of name, on, tags"},
		{"behind a comment, then not YAML, with line ends of Windows", "# a\r\nthings: [\r\n", "2:9: is not YAML: sequence end token ']' not found"},
		{"all at once, in order", "things:\n  - {on: 1, name: bad1}\n  - tags: x\n    colour: red\nmore: 1\n",
			"2:10: things[0].on: is int; it needs true or false\n2:19: things[0].name: is no name\n3:5: things[1].name: is missing\n" +
				"3:11: things[1].tags: is string; it needs a list\n4:5: things[1]: unknown key \"colour\"; known are name, on, tags\n5:1: unknown key \"more\"; known are things"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := things().Parse("things.yaml", []byte(tc.text))
			if err == nil {
				t.Fatal("parsed")
			}
			var got []string
			for line := range strings.Lines(err.Error()) {
				rest, _ := strings.CutPrefix(strings.TrimSpace(line), "things.yaml:")
				got = append(got, strings.TrimSpace(rest))
			}
			if diff := cmp.Diff(strings.Split(tc.want, "\n"), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A stack that overflows ends the process, and what takes the square of a
// megabyte does not end: none of these is given to the parser.
func TestParseBoundsTheWork(t *testing.T) {
	const size = 64 << 10 // for which the parser would take long
	many := func(s string) string { return strings.Repeat(s, size/len(s)) }
	var stairs strings.Builder
	for indent := 0; stairs.Len() < size; indent++ {
		stairs.WriteString(strings.Repeat(" ", indent) + "a:\n")
	}
	const nested, rare = "is nested deeper than 32 levels", "has more than 32 anchors"
	for _, tc := range []struct{ name, text, want string }{
		{"brackets", many("["), "things.yaml:1:33: " + nested},
		{"brackets that are closed", many("[") + many("]"), "things.yaml:1:33: " + nested},
		{"brackets in lines", many("[\n"), "things.yaml:33:1: " + nested},
		{"brackets behind others", "a: [[]]\n" + many("["), nested},
		{"brackets behind those that open nothing", many("]") + many("["), ""},
		{"braces", many("{a: "), nested},
		{"dashes", many("- "), nested},
		{"dashes in brackets", "[" + many("- "), rare},
		{"stairs", stairs.String(), nested},
		{"question marks", many("? "), nested},
		{"question marks in lines", many("? a\n"), rare},
		{"tags in lines", many("!a\n"), rare},
		{"tags in brackets", "[" + many("!a "), rare},
		{"anchors in lines", many("&a\n"), rare},
		{"aliases in brackets", "[" + many("*a, "), rare},
		{"documents", many("--- a\n"), rare},
		{"ends of documents", many("a\n...\n"), rare},
		{"directives", many("%a b\n"), rare},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := things().Parse("things.yaml", []byte(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %.200v, want %s", err, tc.want)
			}
		})
	}
}

// What is large, flat and sound is read, and so is what nests in reason.
func TestParseTakesLargeFiles(t *testing.T) {
	const item = "  - {name: a, tags: [x, y, \"[[[[\", '{{{{']} # [[[[ {{{{\n  - name: \"------\"\n    tags:\n    - x\n"
	n := maxBytes / 4 / len(item)
	text := "# [[[[\n" + "things:\n" + strings.Repeat(item, n)
	got, err := things().Parse("things.yaml", []byte(text))
	if err != nil || len(got) != 2*n {
		t.Errorf("%d things, %.200v, want %d", len(got), err, 2*n)
	}
	deep := strings.Repeat("[", 20) + strings.Repeat("]", 20)
	if _, err := things().Parse("things.yaml", []byte("things: "+deep)); err == nil || strings.Contains(err.Error(), "nested") {
		t.Errorf("20 levels: %v", err)
	}
}

func TestFaultIsAnError(t *testing.T) {
	cause := errors.New("cause")
	err := fmt.Errorf("open: %w", &livefile.Fault{File: "f", Line: 1, Column: 2, Key: "k", Problem: "p", Err: cause})
	if err.Error() != "open: f:1:2: k: p" || !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
}
