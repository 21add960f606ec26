package keyring_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatepost-proxy/gatepost/audit/livefile/livefiletest"
	"github.com/gatepost-proxy/gatepost/proxy/keyring"
)

func list(t *testing.T, f keyring.File) []keyring.Info {
	t.Helper()
	keys, err := f.List()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

var anyGrant = keyring.Grant{Principal: "installer-fra1", Allow: []keyring.Allow{{Operations: []string{"*"}}}}

func TestNewMakesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.yaml")
	f := keyring.File{Path: path}
	g := keyring.Grant{
		Principal: `Zoë "1"`,
		Expires:   time.Date(2100, 3, 1, 1, 0, 0, 0, time.FixedZone("", 3600)),
		Allow: []keyring.Allow{
			{Operations: []string{"GetConnection", "read-only", "*", "Unknown"}, Regions: []string{"us-west-2"}, Connections: []string{"*", "fra/?=", "true"}},
			{Operations: []string{"ListSites"}},
		},
	}
	id, secret, err := f.New(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^GPK[A-Z2-7]{17}$`).MatchString(id) {
		t.Errorf("id %q", id)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9+/]{40}$`).MatchString(secret.Reveal()) {
		t.Errorf("secret of %d characters", len(secret.Reveal()))
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	want := []keyring.Info{{ID: id, Principal: g.Principal, Expires: g.Expires.UTC(), Allow: g.Allow}}
	if diff := cmp.Diff(want, list(t, f)); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	p, err := openRing(t, path).Authenticate(claimOf(t, id, secret.Reveal(), time.Now()))
	if err != nil || p.Name() != g.Principal {
		t.Errorf("authenticate as %q: %v", p.Name(), err)
	}
}

func TestNewKeysDiffer(t *testing.T) {
	f := keyring.File{Path: filepath.Join(t.TempDir(), "keys.yaml")}
	ids, secrets := make(map[string]bool), make(map[string]bool)
	for range 20 {
		id, secret, err := f.New(t.Context(), anyGrant)
		if err != nil {
			t.Fatal(err)
		}
		ids[id], secrets[secret.Reveal()] = true, true
	}
	if len(ids) != 20 || len(secrets) != 20 || len(list(t, f)) != 20 {
		t.Errorf("20 new keys have %d ids, %d secrets, %d entries", len(ids), len(secrets), len(list(t, f)))
	}
}

func TestNewRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(*keyring.Grant)
		want string
	}{
		{"no principal", func(g *keyring.Grant) { g.Principal = "" }, "principal is empty"},
		{"control character", func(g *keyring.Grant) { g.Principal = "a\nb" }, "printable"},
		{"long past", func(g *keyring.Grant) { g.Expires = time.Unix(1, 0) }, "not a time of this century"},
		{"no operation", func(g *keyring.Grant) { g.Allow[0].Operations = nil }, "allow[0]: no operation"},
		{"unknown operation", func(g *keyring.Grant) { g.Allow[0].Operations = []string{"GetObject"} }, `allow[0]: "GetObject"`},
		{"no region", func(g *keyring.Grant) { g.Allow[0].Regions = []string{"west"} }, `"west" is not a region`},
		{"empty region", func(g *keyring.Grant) { g.Allow[0].Regions = []string{""} }, `"" is not a region`},
		{"bad pattern", func(g *keyring.Grant) { g.Allow[0].Connections = []string{"a b"} }, `pattern holds " "`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keys.yaml")
			g := keyring.Grant{Principal: "p", Allow: []keyring.Allow{{Operations: []string{"*"}}}}
			tc.make(&g)
			_, secret, err := keyring.File{Path: path}.New(t.Context(), g)
			if err == nil || !strings.Contains(err.Error(), tc.want) || secret.Reveal() != "" {
				t.Errorf("error %v, want %s", err, tc.want)
			}
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a file was made: %v", err)
			}
		})
	}
}

// An edit changes what it must and not a character more.
func TestEditsKeepTheText(t *testing.T) {
	f := func(text string, args ...any) string { // %[1]s and so on are ids with their secrets
		return fmt.Sprintf(text, append([]any{idA, secretOf(idA), idB, secretOf(idB)}, args...)...)
	}
	const layout = `# Keys of the site in Frankfurt.
keys:   # see the runbook

  # the installer
  - id: %[1]s  # made in March
    secret:   '%[2]s'
    # who it is
    principal: installer   # é
%[5]s    allow:
    - {operations: [GetConnection, "read-only"],   connections: ["*"]}

  # the robot
  -
    principal: "robot"
    secret: %[4]s
    id: %[3]s
%[6]s
# the end
`
	disable := func(id string) func(keyring.File) error {
		return func(f keyring.File) error { return f.SetDisabled(context.Background(), id, true) }
	}
	enable := func(id string) func(keyring.File) error {
		return func(f keyring.File) error { return f.SetDisabled(context.Background(), id, false) }
	}
	remove := func(id string) func(keyring.File) error {
		return func(f keyring.File) error { return f.Delete(context.Background(), id) }
	}
	for _, tc := range []struct {
		name         string
		before, want string
		edit         func(keyring.File) error
	}{
		{"disable the first", f(layout, "", ""),
			strings.Replace(f(layout, "", ""), "# made in March\n", "# made in March\n    disabled: true\n", 1), disable(idA)},
		{"disable the last", f(layout, "", ""), f(layout, "", "    disabled: true\n"), disable(idB)},
		{"disable what says it is not", f(layout, "    disabled: false # yet\n", ""), f(layout, "    disabled: true # yet\n", ""), disable(idA)},
		{"disable what is", f(layout, "    disabled:   True\n", ""), f(layout, "    disabled:   True\n", ""), disable(idA)},
		{"enable", f(layout, "    disabled: true   # since May\n", ""), f(layout, "    disabled: false   # since May\n", ""), enable(idA)},
		{"enable what is", f(layout, "", ""), f(layout, "", ""), enable(idA)},
		{"delete the first", f(layout, "", ""), func() string {
			text := f(layout, "", "")
			return text[:strings.Index(text, "  - id")] + text[strings.Index(text, "\n  # the robot"):]
		}(), remove(idA)},
		{"delete the last", f(layout, "", ""), func() string {
			text := f(layout, "", "")
			return text[:strings.Index(text, "  -\n")] + text[strings.Index(text, "\n# the end"):]
		}(), remove(idB)},
		{"delete the only one",
			f("# top\nkeys: # all of them\n  # one\n  - id: %[1]s\n    secret: %[2]s\n    principal: p\n# end\n"),
			"# top\nkeys: [] # all of them\n  # one\n# end\n", remove(idA)},
		{"no line end at the end", f("keys:\n- principal: p\n  secret: %[2]s\n  id: %[1]s"),
			f("keys:\n- principal: p\n  secret: %[2]s\n  id: %[1]s\n  disabled: true\n"), disable(idA)},
		{"Windows line ends", f("keys:\r\n  - id: %[1]s\r\n    secret: %[2]s\r\n    principal: p\r\n"),
			f("keys:\r\n  - id: %[1]s\r\n    disabled: true\r\n    secret: %[2]s\r\n    principal: p\r\n"), disable(idA)},
		{"comments with Windows line ends", strings.ReplaceAll(f(layout, "    disabled: true # yet\n", ""), "\n", "\r\n"),
			strings.ReplaceAll(f(layout, "    disabled: false # yet\n", ""), "\n", "\r\n"), enable(idA)},
		{"delete between comments with Windows line ends",
			strings.ReplaceAll(f("# top\nkeys: # all of them\n  # one\n  - id: %[1]s # mine\n    secret: %[2]s\n    principal: p\n# end\n"), "\n", "\r\n"),
			"# top\r\nkeys: [] # all of them\r\n  # one\r\n# end\r\n", remove(idA)},
		{"on one line", f("keys:\n  - {id: %[1]s, secret: %[2]s, principal: p} # é\n"),
			f("keys:\n  - {disabled: true, id: %[1]s, secret: %[2]s, principal: p} # é\n"), disable(idA)},
		{"delete on one line", f("keys:\n  - {id: %[1]s, secret: %[2]s, principal: p}\n  - {id: %[3]s, secret: %[4]s, principal: p}\n"),
			f("keys:\n  - {id: %[3]s, secret: %[4]s, principal: p}\n"), remove(idA)},
		{"all on one line", f("{keys: [{id: %[1]s, secret: %[2]s, principal: ü, disabled: true}, {id: %[3]s, secret: %[4]s, principal: p}]}\n"),
			f("{keys: [{id: %[1]s, secret: %[2]s, principal: ü, disabled: false}, {id: %[3]s, secret: %[4]s, principal: p}]}\n"), enable(idA)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keys.yaml")
			livefiletest.Write(t, path, tc.before, 0o600)
			if err := tc.edit(keyring.File{Path: path}); err != nil {
				t.Fatalf("%v\n%s", err, tc.before)
			}
			if diff := cmp.Diff(tc.want, livefiletest.Read(t, path)); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewKeepsTheText(t *testing.T) {
	added := func(indent, id string, secret keyring.Secret) string {
		return indent + "- id: " + id + "\n" + indent + "  secret: \"" + secret.Reveal() + "\"\n" +
			indent + "  principal: installer-fra1\n" + indent + "  allow:\n" + indent + "    - operations: [\"*\"]\n"
	}
	for _, tc := range []struct {
		name, before, indent, want string // want is what stands before the new key
	}{
		{"indented", keysText(entry(idA, "p")) + "# end\n", "  ", keysText(entry(idA, "p")) + "# end\n"},
		{"not indented", "keys:\n- {id: " + idA + ", secret: " + secretOf(idA) + ", principal: p}", "",
			"keys:\n- {id: " + idA + ", secret: " + secretOf(idA) + ", principal: p}\n"},
		{"no keys yet", "# top\nkeys:  [ ]  # none\n\n# end", "  ", "# top\nkeys:  # none\n\n# end\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keys.yaml")
			livefiletest.Write(t, path, tc.before, 0o600)
			id, secret, err := keyring.File{Path: path}.New(t.Context(), anyGrant)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want+added(tc.indent, id, secret), livefiletest.Read(t, path)); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

// What cannot be done with care is not done.
func TestEditsRefuse(t *testing.T) {
	one := fmt.Sprintf("{id: %s, secret: %s, principal: p}", idA, secretOf(idA))
	for _, tc := range []struct {
		name, text string
		edit       func(keyring.File) error
		want       string
	}{
		{"no such key", keysText(entry(idA, "p")), func(f keyring.File) error { return f.Delete(t.Context(), idB) }, "no such key"},
		{"no such key to disable", keysText(entry(idA, "p")), func(f keyring.File) error { return f.SetDisabled(t.Context(), idB, true) }, "no such key"},
		{"a file with a fault", keysText(entry(idA, "p", "colour: red")), func(f keyring.File) error { return f.Delete(t.Context(), idA) }, `unknown key "colour"`},
		{"delete within a line", "keys: [" + one + "]\n", func(f keyring.File) error { return f.Delete(t.Context(), idA) }, "by hand"},
		{"add within a line", "keys: [" + one + "]\n", func(f keyring.File) error { _, _, err := f.New(t.Context(), anyGrant); return err }, "by hand"},
		{"add where a comment would be lost", "keys: [ # none\n  ]\n", func(f keyring.File) error { _, _, err := f.New(t.Context(), anyGrant); return err }, "by hand"},
		{"add behind the end of the document", keysText(entry(idA, "p")) + "...\n", func(f keyring.File) error { _, _, err := f.New(t.Context(), anyGrant); return err }, "by hand"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keys.yaml")
			livefiletest.Write(t, path, tc.text, 0o600)
			err := tc.edit(keyring.File{Path: path})
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("error %v, want %s", err, tc.want)
			}
			if got := livefiletest.Read(t, path); got != tc.text {
				t.Errorf("the file changed:\n%s", got)
			}
		})
	}
	t.Run("a file that others can read", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "keys.yaml")
		livefiletest.Write(t, path, keysText(entry(idA, "p")), 0o644)
		f := keyring.File{Path: path}
		if err := f.Delete(t.Context(), idA); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("delete: %v", err)
		}
		if _, err := f.List(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("list: %v", err)
		}
	})
}

// Whatever is edited in whatever order, the file says what was asked for, and each
// line that was there before the edit is there after it or belonged to what was
// changed.
func TestEditsAgreeWithAModel(t *testing.T) {
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		f := keyring.File{Path: filepath.Join(dir, fmt.Sprintf("keys%d.yaml", runs))}
		var want []keyring.Info
		comments := 0
		for range rapid.IntRange(1, 6).Draw(t, "edits") {
			pick := -1
			if len(want) > 0 {
				pick = rapid.IntRange(0, len(want)-1).Draw(t, "key")
			}
			var err error
			switch action := rapid.SampledFrom([]string{"new", "disable", "enable", "delete", "comment"}).Draw(t, "action"); {
			case action == "new":
				g := keyring.Grant{
					Principal: rapid.StringMatching(`[a-z"\\#:é{}\[\],&*!|>%@'-][ a-z0-9"\\#:é{}\[\],&*!|>%@'-]{0,8}[a-z0-9]`).Draw(t, "principal"),
					Allow:     []keyring.Allow{{Operations: []string{"read-only"}, Connections: []string{rapid.StringMatching(`[a-z0-9+/=*?]{1,6}`).Draw(t, "connections")}}},
				}
				if rapid.Bool().Draw(t, "expires") {
					g.Expires = time.Unix(rapid.Int64Range(1e9, 1e11).Draw(t, "at"), 0).UTC()
				}
				var id string
				if id, _, err = f.New(context.Background(), g); err == nil {
					want = append(want, keyring.Info{ID: id, Principal: g.Principal, Expires: g.Expires, Allow: g.Allow})
				}
			case pick < 0:
				continue
			case action == "comment":
				text, readErr := os.ReadFile(f.Path)
				if readErr != nil {
					t.Fatal(readErr)
				}
				comments++
				os.WriteFile(f.Path, fmt.Appendf(text, "  # comment %d, with é\n\n", comments), 0o600)
			case action == "delete":
				err = f.Delete(context.Background(), want[pick].ID)
				want = append(want[:pick:pick], want[pick+1:]...)
			default:
				want[pick].Disabled = action == "disable"
				err = f.SetDisabled(context.Background(), want[pick].ID, want[pick].Disabled)
			}
			if err != nil {
				text, _ := os.ReadFile(f.Path)
				t.Fatalf("%v\n%s", err, text)
			}
		}
		if len(want) == 0 {
			return
		}
		got, err := f.List()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("keys (-want +got):\n%s", diff)
		}
		text, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range comments {
			if !strings.Contains(string(text), fmt.Sprintf("  # comment %d, with é\n", i+1)) {
				t.Fatalf("comment %d is gone:\n%s", i+1, text)
			}
		}
	})
}
