package token_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit/console/token"
	"github.com/gatepost-proxy/gatepost/audit/livefile/livefiletest"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name string
		text string
		want []token.Definition
	}{
		{"none", "tokens: []\n", []token.Definition{}},
		{"as documented", "tokens:\n  - {name: soc, role: viewer, sha256: " + hexA + ", expires: 2027-03-01T00:00:00Z}   # the night shift\n",
			[]token.Definition{{Name: "soc", Role: token.Viewer, Sum: sumA, Expires: time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)}}},
		{"a line each", "# admins\ntokens:\n- name: \"Ops Frankfurt ü\"\n  role: operator\n  sha256: '" + hexA + "'\n",
			[]token.Definition{{Name: "Ops Frankfurt ü", Role: token.Operator, Sum: sumA}}},
		{"upper-case digits", "tokens: [{name: a, role: viewer, sha256: " + strings.ToUpper(hexA) + "}]\n",
			[]token.Definition{{Name: "a", Role: token.Viewer, Sum: sumA}}},
		{"digits that make a number", "tokens:\n  - {name: a, role: viewer, sha256: " + strings.Repeat("11", 32) + "}\n  - {name: b, role: viewer, sha256: 1e" + strings.Repeat("11", 31) + "}\n",
			[]token.Definition{{Name: "a", Role: token.Viewer, Sum: filled(0x11, 0x11)}, {Name: "b", Role: token.Viewer, Sum: filled(0x1e, 0x11)}}},
		{"expiry in another zone", "tokens: [{name: a, role: viewer, sha256: " + hexA + ", expires: \"2027-03-01T02:00:00+02:00\"}]",
			[]token.Definition{{Name: "a", Role: token.Viewer, Sum: sumA, Expires: time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)}}},
		{"JSON", `{"tokens": [{"name": "a", "role": "viewer", "sha256": "` + hexA + `"}]}`,
			[]token.Definition{{Name: "a", Role: token.Viewer, Sum: sumA}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := token.Parse([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

const hexA = "a1b2c3d4e5f60718293a4b5c6d7e8f900112233445566778899aabbccddeeff0"

var sumA = [32]byte{0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 0x07, 0x18, 0x29, 0x3a, 0x4b, 0x5c, 0x6d, 0x7e, 0x8f, 0x90,
	0x01, 0x12, 0x23, 0x34, 0x45, 0x56, 0x67, 0x78, 0x89, 0x9a, 0xab, 0xbc, 0xcd, 0xde, 0xef, 0xf0}

func filled(first, others byte) (sum [32]byte) {
	for i := range sum {
		sum[i] = others
	}
	sum[0] = first
	return sum
}

func TestFaults(t *testing.T) {
	item := func(fields string) string { return "tokens:\n  - {" + fields + "}\n" }
	sha := "sha256: " + hexA
	tests := []struct {
		name string
		text string
		want string // every fault, without the file's name in front
	}{
		{"empty", "", "is empty; write `tokens: []` for no tokens"},
		{"no mapping", "- a\n", "1:1: is sequence; it needs a mapping of tokens"},
		{"no value", "tokens:\n", "1:9: tokens: has no value; it needs a list"},
		{"other key", "token: []\n", `1:1: unknown key "token"; known are tokens`},
		{"anchor", "tokens: &a []\n", "1:9: tokens: anchors, aliases and tags are not used in a tokens file; write it out"},
		{"item that is no mapping", "tokens:\n  - soc\n", "2:5: tokens[0]: is string; it needs a mapping of name, role, sha256, expires"},
		{"empty item", "tokens: [{}]\n", "1:10: tokens[0]: is empty; known keys are name, role, sha256, expires"},
		{"all missing but one", item("role: viewer"), "2:6: tokens[0].name: is missing\n2:6: tokens[0].sha256: is missing"},
		{"role missing", item("name: a, " + sha), "2:6: tokens[0].role: is missing"},
		{"unknown field", item("name: a, role: viewer, " + sha + ", note: b"), `2:103: tokens[0]: unknown key "note"; known are name, role, sha256, expires`},
		{"field twice", item("name: a, role: viewer, role: operator, " + sha), "2:29: tokens[0].role: is already given on line 2"},
		{"name that is a number", item("name: 1, role: viewer, " + sha), "2:12: tokens[0].name: is int; it needs text; put it in quotation marks"},
		{"name that is empty", item(`name: "", role: viewer, ` + sha), "2:12: tokens[0].name: name is empty"},
		{"name with a control character", item(`name: "a\u001b[31m", role: viewer, ` + sha), "2:12: tokens[0].name: a name holds printable characters only"},
		{"name with a space at its end", item(`name: "a ", role: viewer, ` + sha), "2:12: tokens[0].name: a name neither begins nor ends with a space"},
		{"name that is too long", item(`name: ` + strings.Repeat("a", 129) + `, role: viewer, ` + sha), "2:12: tokens[0].name: a name has at most 128 bytes"},
		{"name of nobody", item("name: loopback, role: viewer, " + sha), "2:12: tokens[0].name: loopback is the name of whoever needs no token; choose another"},
		{"name that is a token", item("name: " + textOf("a") + ", role: viewer, " + sha), "2:12: tokens[0].name: this looks like a token, which belongs to its bearer alone; give a name, and replace the token"},
		{"unknown role", item("name: a, role: admin, " + sha), `2:21: tokens[0].role: unknown role "admin"; roles are viewer and operator`},
		{"role in capitals", item("name: a, role: Viewer, " + sha), `2:21: tokens[0].role: unknown role "Viewer"; roles are viewer and operator`},
		{"role that is a token", item("name: a, role: " + textOf("a") + ", " + sha), `2:21: tokens[0].role: unknown role; roles are viewer and operator`},
		{"role that is a list", item("name: a, role: [viewer], " + sha), "2:21: tokens[0].role: is sequence; it needs text"},
		{"sha256 too short", item("name: a, role: viewer, sha256: " + hexA[1:]), "2:37: tokens[0].sha256: a SHA-256 has 64 hexadecimal digits; `gatepost tokens new` writes one"},
		{"sha256 too long", item("name: a, role: viewer, sha256: " + hexA + "0"), "2:37: tokens[0].sha256: a SHA-256 has 64 hexadecimal digits; `gatepost tokens new` writes one"},
		{"sha256 of other letters", item("name: a, role: viewer, sha256: g" + hexA[1:]), "2:37: tokens[0].sha256: a SHA-256 has 64 hexadecimal digits; `gatepost tokens new` writes one"},
		{"sha256 that is the token", item("name: a, role: viewer, sha256: " + textOf("a")), "2:37: tokens[0].sha256: this looks like a token, of which only the SHA-256 belongs here; replace the token, others may have read it"},
		{"expires that is a day", item("name: a, role: viewer, " + sha + ", expires: 2027-03-01"), "2:112: tokens[0].expires: this is not a time of this century; write it as 2027-03-01T00:00:00Z"},
		{"expires that is the zero time", item("name: a, role: viewer, " + sha + ", expires: 0001-01-01T00:00:00Z"), "2:112: tokens[0].expires: this is not a time of this century; write it as 2027-03-01T00:00:00Z"},
		{"expires that is nothing", item("name: a, role: viewer, " + sha + ", expires: "), "2:111: tokens[0].expires: has no value; it needs text"},
		{"behind comments with line ends of Windows", "# a\r\n\r\n# b\r\ntokens:\r\n  # c\r\n  - 1\r\n", "6:5: tokens[0]: is int; it needs a mapping of name, role, sha256, expires"},
		{"a name twice", fileText(entry("a", token.Viewer, ""), "  - {name: a, role: viewer, "+sha+"}\n"), "3:12: tokens[1].name: is already the name of the token on line 2"},
		{"a token twice", fileText("  - {name: a, role: viewer, "+sha+"}\n", "  - {name: b, role: operator, "+strings.ToUpper(sha[8:])+": 1}\n", "  - {name: c, role: viewer, "+sha+"}\n"),
			"3:6: tokens[1].sha256: is missing\n3:31: tokens[1]: unknown key; known are name, role, sha256, expires\n4:37: tokens[2].sha256: is the token on line 2 again; make one for each bearer"},
		{"every fault at once", "tokens:\n  - {name: \"\", role: root, sha256: 12}\n  - name: b\n    expires: soon\n    more: 1\nextra: 1\n",
			"2:12: tokens[0].name: name is empty\n2:22: tokens[0].role: unknown role \"root\"; roles are viewer and operator\n" +
				"2:36: tokens[0].sha256: a SHA-256 has 64 hexadecimal digits; `gatepost tokens new` writes one\n" +
				"3:5: tokens[1].role: is missing\n3:5: tokens[1].sha256: is missing\n" +
				"4:14: tokens[1].expires: this is not a time of this century; write it as 2027-03-01T00:00:00Z\n" +
				"5:5: tokens[1]: unknown key \"more\"; known are name, role, sha256, expires\n" +
				"6:1: unknown key \"extra\"; known are tokens"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := token.Parse([]byte(tt.text))
			if err == nil {
				t.Fatal("parsed")
			}
			var got []string
			for line := range strings.Lines(err.Error()) {
				rest, _ := strings.CutPrefix(strings.TrimSpace(line), "tokens.yaml:")
				got = append(got, strings.TrimSpace(rest))
			}
			if diff := cmp.Diff(strings.Split(tt.want, "\n"), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), "SECRET") {
				t.Errorf("error quotes a token: %v", err)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	sound := fileText(entry("soc", token.Viewer, ""))
	tests := []struct {
		name string
		make func(t *testing.T, path string)
		want string // part of the error
	}{
		{"no file", func(t *testing.T, path string) { os.Remove(path) }, "no such file"},
		{"too large", func(t *testing.T, path string) { livefiletest.Replace(t, path, sound+strings.Repeat("#\n", 1<<20)) }, "is larger than"},
		{"a fault", func(t *testing.T, path string) { livefiletest.Replace(t, path, "token: []") }, "tokens.yaml:1:1: unknown key"},
		{"writable by the group", func(t *testing.T, path string) { os.Chmod(path, 0o660) }, "has mode 0660, and who may write it can give himself a role; run: chmod go-w "},
		{"writable by all", func(t *testing.T, path string) { os.Chmod(path, 0o602) }, "run: chmod go-w "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := newFile(t, sound)
			tt.make(t, path)
			if _, err := token.Open(path, token.Options{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
	for _, mode := range []os.FileMode{0o400, 0o600, 0o640, 0o644} {
		t.Run(fmt.Sprintf("not with mode %04o", mode), func(t *testing.T) {
			path := newFile(t, sound)
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			if got := open(t, path, token.Options{}).Status(); got.Tokens != 1 || got.Err != nil || got.Loaded.IsZero() {
				t.Errorf("status %+v", got)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(fileText(entry("soc", token.Viewer, ""), entry("ops", token.Operator, "2027-03-01T00:00:00Z"))))
	f.Add([]byte("tokens:\n# c\n- name: \"a b\"\n  role: viewer\n  sha256: " + hexA + "\n  expires: 2027-03-01T00:00:00Z\n"))
	f.Add([]byte("tokens: &a [*a, !t {<<: x}]\n---\n"))
	f.Add([]byte("{\"tokens\": [1, 1.5, true, ~, |\n x\n]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		tokens, err := token.Parse(text)
		if err != nil {
			if err.Error() == "" {
				t.Error("an empty error")
			}
			return
		}
		names, sums := map[string]bool{}, map[[32]byte]bool{}
		for _, d := range tokens {
			if d.Name == "" || d.Name == "loopback" || strings.ContainsAny(d.Name, "\n\r\x00\x1b") || names[d.Name] || sums[d.Sum] || !d.Role.Includes(token.Viewer) {
				t.Errorf("accepted %+v", d)
			}
			names[d.Name], sums[d.Sum] = true, true
		}
		// What is accepted can be edited, or says that it cannot, and an edit changes
		// nothing else.
		path := filepath.Join(t.TempDir(), "tokens.yaml")
		livefiletest.Replace(t, path, string(text))
		edited := token.File{Path: path}
		made, err := edited.New(t.Context(), token.Info{Name: "made by the test", Role: token.Viewer})
		if err != nil {
			if livefiletest.Read(t, path) != string(text) {
				t.Errorf("a refused edit changed the file: %v", err)
			}
			return
		}
		after, err := token.Parse([]byte(livefiletest.Read(t, path)))
		if err != nil {
			t.Fatalf("an edit made a fault: %v", err)
		}
		if diff := cmp.Diff(append(tokens, token.Definition{Name: "made by the test", Role: token.Viewer, Sum: sum(made)}), after); diff != "" {
			t.Errorf("an edit changed more (-want +got):\n%s", diff)
		}
	})
}
