package token_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/gatepost-proxy/gatepost/audit/console/token"
	"github.com/gatepost-proxy/gatepost/audit/livefile/livefiletest"
)

var hash = regexp.MustCompile(`"[0-9a-f]{64}"`)

// masked is the text of a file with every hash in quotation marks, as New writes
// them, made the same.
func masked(text string) string { return hash.ReplaceAllString(text, "HASH") }

func TestNew(t *testing.T) {
	a := entry("a", token.Viewer, "")
	line := "- {name: soc, role: operator, sha256: HASH, expires: 2099-03-01T00:00:00Z}\n"
	tests := []struct {
		name   string
		before string
		want   string
	}{
		{"none", "tokens: []\n", "tokens:\n  " + line},
		{"none, with comments", "# admins\n\ntokens: []  # none yet\n# end\n", "# admins\n\ntokens:  # none yet\n# end\n  " + line},
		{"behind another", "# admins\n" + fileText("  # the night shift\n", a), "# admins\n" + fileText("  # the night shift\n", a) + "  " + line},
		{"behind another without a line end", strings.TrimSuffix(fileText(a), "\n"), fileText(a) + "  " + line},
		{"not indented", "tokens:\n- {name: a, role: viewer, sha256: " + hexA + "}\n", "tokens:\n- {name: a, role: viewer, sha256: " + hexA + "}\n" + line},
		{"behind one in lines", "tokens:\n    - name: a\n      role: viewer\n      sha256: " + hexA + "\n\n# end\n",
			"tokens:\n    - name: a\n      role: viewer\n      sha256: " + hexA + "\n\n# end\n    " + line},
		{"line ends of Windows", "# admins\r\ntokens: []\r\n", "# admins\r\ntokens:\r\n  " + strings.TrimSuffix(line, "\n") + "\r\n"},
		{"with umlauts before", "# Verwalter für Köln\n\"tokens\": [ ]\n", "# Verwalter für Köln\n\"tokens\":\n  " + line},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := newFile(t, tt.before)
			text, err := token.File{Path: path}.New(t.Context(), token.Info{Name: "soc", Role: token.Operator, Expires: time.Date(2099, 3, 1, 2, 0, 0, 5, time.FixedZone("", 7200))})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, masked(livefiletest.Read(t, path))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			s := open(t, path, token.Options{})
			id, err := s.Authenticate(text, time.Now())
			if err != nil || id.Name != "soc" || id.Role != token.Operator {
				t.Errorf("the token that was shown: %+v, %v", id, err)
			}
			if _, err := s.Authenticate(text, time.Date(2099, 3, 1, 0, 0, 0, 0, time.UTC)); !errors.Is(err, token.ErrExpired) {
				t.Errorf("at its expiry: %v", err)
			}
		})
	}
}

func TestNewMakesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	text, err := token.File{Path: path}.New(t.Context(), token.Info{Name: "soc", Role: token.Viewer})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := open(t, path, token.Options{}).Authenticate(text, time.Now()); err != nil {
		t.Error(err)
	}
}

func TestDelete(t *testing.T) {
	a, b, c := entry("a", token.Viewer, ""), entry("b", token.Viewer, ""), entry("c", token.Operator, "")
	lines := "  - name: b   # of the night shift\n    # reads only\n    role: viewer\n\n    sha256: " + sumOf("b") + "\n"
	tests := []struct {
		name   string
		before string
		want   string
	}{
		{"the only one", "# admins\ntokens:   # since 2026\n" + b + "# end\n", "# admins\ntokens: []   # since 2026\n# end\n"},
		{"first", fileText("  # b\n", b, "\n  # a\n", a), fileText("  # b\n", "\n  # a\n", a)},
		{"between", fileText(a, b, c), fileText(a, c)},
		{"last", fileText(a, "  # b\n", b, "  # end\n"), fileText(a, "  # b\n", "  # end\n")},
		{"in lines", fileText(a, lines, "  # c\n", c), fileText(a, "  # c\n", c)},
		{"last without a line end", strings.TrimSuffix(fileText(a, b), "\n"), fileText(a)},
		{"line ends of Windows", strings.ReplaceAll(fileText(a, b, c), "\n", "\r\n"), strings.ReplaceAll(fileText(a, c), "\n", "\r\n")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := newFile(t, tt.before)
			if err := (token.File{Path: path}).Delete(t.Context(), "b"); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, livefiletest.Read(t, path)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestList(t *testing.T) {
	f := token.File{Path: newFile(t, fileText(entry("soc", token.Viewer, ""), entry("ops", token.Operator, "2027-03-01T00:00:00Z")))}
	got, err := f.List()
	if err != nil {
		t.Fatal(err)
	}
	want := []token.Info{{Name: "soc", Role: token.Viewer}, {Name: "ops", Role: token.Operator, Expires: expiry}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What cannot be done leaves the file as it was, to the inode.
func TestRefusedEdits(t *testing.T) {
	sound := fileText(entry("soc", token.Viewer, ""))
	add := func(i token.Info) func(context.Context, token.File) error {
		return func(ctx context.Context, f token.File) error {
			text, err := f.New(ctx, i)
			if text != "" {
				return fmt.Errorf("a token was shown: %w", err)
			}
			return err
		}
	}
	remove := func(name string) func(context.Context, token.File) error {
		return func(ctx context.Context, f token.File) error { return f.Delete(ctx, name) }
	}
	full := fileText(entry("soc", token.Viewer, "")) + strings.Repeat("#\n", (128<<10)/2-60)
	tests := []struct {
		name string
		text string
		edit func(context.Context, token.File) error
		want string // part of the error
	}{
		{"name taken", sound, add(token.Info{Name: "soc", Role: token.Viewer}), `new token "soc": there is a token of this name already`},
		{"no name", sound, add(token.Info{Role: token.Viewer}), "new token: name is empty"},
		{"name of nobody", sound, add(token.Info{Name: "loopback", Role: token.Viewer}), "loopback is the name of whoever needs no token"},
		{"no role", sound, add(token.Info{Name: "a"}), "unknown role; roles are viewer and operator"},
		{"unknown role", sound, add(token.Info{Name: "a", Role: "admin"}), `unknown role "admin"`},
		{"expired", sound, add(token.Info{Name: "a", Role: token.Viewer, Expires: time.Now().Add(-time.Second)}), "which is past"},
		{"year 10000", sound, add(token.Info{Name: "a", Role: token.Viewer, Expires: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}), "not a time of this century"},
		{"new beside a fault", "tokens: [{}]", add(token.Info{Name: "a", Role: token.Viewer}), "tokens.yaml:1:10: tokens[0]: is empty"},
		{"new in a list in brackets", "tokens: [{name: a, role: viewer, sha256: " + hexA + "}]\n", add(token.Info{Name: "b", Role: token.Viewer}), "edit it by hand"},
		{"new in braces", "{tokens: []}\n", add(token.Info{Name: "b", Role: token.Viewer}), "edit it by hand"},
		{"new where a comment would be lost", "tokens: [ # none\n  ]\n", add(token.Info{Name: "b", Role: token.Viewer}), "edit it by hand"},
		{"new behind an end", sound + "...\n", add(token.Info{Name: "b", Role: token.Viewer}), "edit it by hand"},
		{"new in a full file", full, add(token.Info{Name: "b", Role: token.Viewer}), "would be larger than"},
		{"delete of an unknown name", sound, remove("other"), `delete token "other": no such token`},
		{"delete beside a fault", sound + "more: 1\n", remove("soc"), "unknown key"},
		{"delete from a list in brackets", "tokens: [{name: soc, role: viewer, sha256: " + hexA + "}]\n", remove("soc"), "edit it by hand"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := newFile(t, tt.text)
			before, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			err = tt.edit(t.Context(), token.File{Path: path})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
			after, err := os.Stat(path)
			if err != nil || !os.SameFile(before, after) || livefiletest.Read(t, path) != tt.text {
				t.Errorf("the file was replaced: %v", err)
			}
			if left := livefiletest.Litter(t, path); len(left) > 0 {
				t.Errorf("left %q", left)
			}
		})
	}
	t.Run("sentinels", func(t *testing.T) {
		f := token.File{Path: newFile(t, sound)}
		if err := f.Delete(t.Context(), "other"); !errors.Is(err, token.ErrNoToken) {
			t.Errorf("delete: %v", err)
		}
		if _, err := f.New(t.Context(), token.Info{Name: "soc", Role: token.Viewer}); !errors.Is(err, token.ErrNameTaken) {
			t.Errorf("new: %v", err)
		}
	})
	t.Run("directory that is not there", func(t *testing.T) {
		f := token.File{Path: filepath.Join(t.TempDir(), "none", "tokens.yaml")}
		if _, err := f.New(t.Context(), token.Info{Name: "soc", Role: token.Viewer}); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("file that the group may write", func(t *testing.T) {
		path := newFile(t, sound)
		if err := os.Chmod(path, 0o660); err != nil {
			t.Fatal(err)
		}
		if err := (token.File{Path: path}).Delete(t.Context(), "soc"); err == nil || !strings.Contains(err.Error(), "chmod go-w") {
			t.Errorf("err = %v", err)
		}
	})
}

// A file that New and Delete have been at for a while means what a list in memory
// would, and keeps its comments.
func TestEditsAddUp(t *testing.T) {
	dir := t.TempDir()
	graphic := rapid.StringOfN(rapid.RuneFrom(nil, unicode.GraphicRanges...), 1, 20, 100).
		Filter(func(s string) bool {
			return strings.TrimSpace(s) == s && s != "loopback" && !strings.HasPrefix(s, "gpt_")
		})
	awkward := rapid.SampledFrom([]string{"true", "No", "null", "~", "1", "1e5", "0x1f", "-", "- a", "a: b", "a #b", "#", "a,b", "{a}", "[a]", "'", `"`, `\`, "!a", "&a", "*a", "@a", "%a", "|", ">", "?", "a:", ".inf", "y", "=", "<<", "é", "日本", "x\u00a0y"})
	rapid.Check(t, func(r *rapid.T) {
		f := token.File{Path: filepath.Join(dir, "tokens.yaml")}
		comments := []string{"# one\n", "  # two\n", "# three\n"}
		if err := os.WriteFile(f.Path, []byte(comments[0]+"tokens: []\n"+comments[1]+comments[2]), 0o600); err != nil {
			r.Fatal(err)
		}
		var want []token.Info
		for range rapid.IntRange(1, 5).Draw(r, "edits") {
			if len(want) > 0 && rapid.Bool().Draw(r, "delete") {
				i := rapid.IntRange(0, len(want)-1).Draw(r, "which")
				if err := f.Delete(t.Context(), want[i].Name); err != nil {
					r.Fatal(err)
				}
				want = append(want[:i:i], want[i+1:]...)
				continue
			}
			made := token.Info{
				Name: rapid.OneOf(graphic, awkward).Draw(r, "name"),
				Role: rapid.SampledFrom(token.Roles()).Draw(r, "role"),
			}
			if rapid.Bool().Draw(r, "expires") {
				made.Expires = time.Date(2099, 1, 1, 0, 0, rapid.IntRange(0, 1e9).Draw(r, "at"), 0, time.UTC)
			}
			_, err := f.New(t.Context(), made)
			if errors.Is(err, token.ErrNameTaken) {
				continue
			}
			if err != nil {
				r.Fatal(err)
			}
			want = append(want, made)
		}
		got, err := f.List()
		if err != nil {
			r.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			r.Errorf("(-want +got):\n%s", diff)
		}
		text, err := os.ReadFile(f.Path)
		if err != nil {
			r.Fatal(err)
		}
		for _, c := range comments {
			if strings.Count(string(text), c) != 1 {
				r.Errorf("%q is not in the file once:\n%s", c, text)
			}
		}
	})
}
