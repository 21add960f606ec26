package livefile_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit/livefile"
	"github.com/gatepost-proxy/gatepost/audit/livefile/livefiletest"
)

type edit = func([]thing, *livefile.Text) ([]thing, error)

func add(name string) edit {
	return func(have []thing, text *livefile.Text) ([]thing, error) {
		return append(have, thing{Name: name}), text.Add("- name: "+livefile.Quote(name), "  tags: []")
	}
}

func remove(i int) edit {
	return func(have []thing, text *livefile.Text) ([]thing, error) {
		return slices.Delete(have, i, i+1), text.Remove(i)
	}
}

func set(i int, on bool) edit {
	return func(have []thing, text *livefile.Text) ([]thing, error) {
		have[i].On = on
		return have, text.Set(i, "on", fmt.Sprint(on), "name")
	}
}

// An edit changes what it must and not a character more, with either line end.
func TestEdit(t *testing.T) {
	const two = "# all\nthings:   # those\n\n  # the first\n  - name: a  # é\n    # that is it\n\n  # the second\n  - {name: b, on: true} # ü\n# end\n"
	for _, tc := range []struct {
		name, before string
		edit         edit
		want         string
	}{
		{"add", two, add("c"), two + "  - name: c\n    tags: []\n"},
		{"add to none", "# all\nthings: [ ]  # none\n\n# end\n", add("c"), "# all\nthings:  # none\n\n# end\n  - name: c\n    tags: []\n"},
		{"add without indentation", "things:\n- name: a\n", add("c"), "things:\n- name: a\n- name: c\n  tags: []\n"},
		{"add without a line end", "things:\n- name: a", add("c"), "things:\n- name: a\n- name: c\n  tags: []\n"},
		{"add behind umlauts", "\"things\": []\n# ü\n", add("ü"), "\"things\":\n# ü\n  - name: \"ü\"\n    tags: []\n"},
		{"remove the first", two, remove(0), "# all\nthings:   # those\n\n  # the first\n    # that is it\n\n  # the second\n  - {name: b, on: true} # ü\n# end\n"},
		{"remove the last", two, remove(1), strings.Replace(two, "  - {name: b, on: true} # ü\n", "", 1)},
		{"remove the only one", "# all\nthings: # those\n  # the first\n  - name: a\n# end\n", remove(0), "# all\nthings: [] # those\n  # the first\n# end\n"},
		{"set in lines", two, set(0, true), strings.Replace(two, "# é\n", "# é\n    on: true\n", 1)},
		{"set in braces", "things:\n  # a\n  - {tags: [é], name: b} # ü\n", set(0, true), "things:\n  # a\n  - {tags: [é], on: true, name: b} # ü\n"},
		{"set what is there", two, set(1, false), strings.Replace(two, "on: true", "on: false", 1)},
		{"set what is so", two, set(1, true), two},
		{"behind a byte order mark", "\ufeffthings: []\n", add("c"), "\ufeffthings:\n  - name: c\n    tags: []\n"},
	} {
		for _, lineEnd := range []string{"\n", "\r\n"} {
			t.Run(fmt.Sprintf("%s %q", tc.name, lineEnd), func(t *testing.T) {
				before, want := strings.ReplaceAll(tc.before, "\n", lineEnd), strings.ReplaceAll(tc.want, "\n", lineEnd)
				path := newFile(t, before)
				if err := things().Edit(t.Context(), path, tc.edit); err != nil {
					t.Fatalf("%v\n%s", err, before)
				}
				if diff := cmp.Diff(want, livefiletest.Read(t, path)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestEditMakesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "things.yaml")
	if err := things().Edit(t.Context(), path, add("a")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 || livefiletest.Read(t, path) != "# Things.\nthings:\n  - name: a\n    tags: []\n" {
		t.Errorf("%v, %v, %q", info.Mode(), err, livefiletest.Read(t, path))
	}
}

// What cannot be done with care is not done, and leaves the file, to the inode.
func TestEditRefuses(t *testing.T) {
	refused := errors.New("no such thing")
	for _, tc := range []struct {
		name, text string
		edit       edit
		want       string
	}{
		{"what the caller refuses", "things: []\n", func([]thing, *livefile.Text) ([]thing, error) { return nil, refused }, "no such thing"},
		{"beside a fault", "things: [1]\n", add("c"), "things.yaml:1:10: things[0]: is int"},
		{"another meaning", "things: []\n", func(have []thing, text *livefile.Text) ([]thing, error) { return nil, text.Add("- name: a") }, "by hand"},
		{"a fault made", "things: []\n", func(have []thing, text *livefile.Text) ([]thing, error) { return nil, text.Add("- [") }, "by hand"},
		{"add in brackets", "things: [{name: a}]\n", add("c"), "by hand"},
		{"add in braces", "{things: []}\n", add("c"), "by hand"},
		{"add where a comment would be lost", "things: [ # none\n  ]\n", add("c"), "by hand"},
		{"add behind the end", "things:\n- name: a\n...\n", add("c"), "by hand"},
		{"add with line ends of old Macs", "# all\rthings:\r- name: a\r", add("c"), "by hand"},
		{"remove in brackets", "things: [{name: a}]\n", remove(0), "by hand"},
		{"remove with a lone carriage return", "things:\r- name: a\n- name: b\n", remove(0), "by hand"},
		{"set without the field beside", "things:\n- name: a\n", func(have []thing, text *livefile.Text) ([]thing, error) {
			return have, text.Set(0, "on", "true", "tags")
		}, "by hand"},
		{"a full file", "things: []\n#" + strings.Repeat("x", maxBytes-13) + "\n", add("c"), "would be larger than 1048576 bytes; delete things"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := newFile(t, tc.text)
			before, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			err = things().Edit(t.Context(), path, tc.edit)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(tc.want, "by hand") != errors.Is(err, livefile.ErrLayout) {
				t.Errorf("error %v, want %s", err, tc.want)
			}
			after, err := os.Stat(path)
			if err != nil || !os.SameFile(before, after) || livefiletest.Read(t, path) != tc.text || len(livefiletest.Litter(t, path)) > 0 {
				t.Errorf("the file was replaced: %v, left %q", err, livefiletest.Litter(t, path))
			}
		})
	}
	t.Run("a mode", func(t *testing.T) {
		path := newFile(t, "things: []\n")
		os.Chmod(path, 0o622)
		if err := things().Edit(t.Context(), path, add("c")); err == nil || !strings.Contains(err.Error(), "chmod go-w") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a directory that is not there", func(t *testing.T) {
		if err := things().Edit(t.Context(), filepath.Join(t.TempDir(), "none", "f"), add("c")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("what an editor without the lock wrote", func(t *testing.T) {
		path := newFile(t, "things: []\n")
		err := things().Edit(t.Context(), path, func(have []thing, text *livefile.Text) ([]thing, error) {
			livefiletest.Replace(t, path, "things: [{name: z}]\n")
			return add("c")(have, text)
		})
		if err == nil || !strings.Contains(err.Error(), "by somebody else") || !strings.Contains(livefiletest.Read(t, path), "name: z") {
			t.Errorf("error %v, %q", err, livefiletest.Read(t, path))
		}
	})
}

func TestEditKeepsModeOwnerAndLink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "real.yaml"), filepath.Join(dir, "things.yaml")
	livefiletest.Write(t, target, "things: [] \n", 0o400)
	os.Symlink("real.yaml", link)
	root := os.Geteuid() == 0 // who alone may give a file away
	if root {
		if err := os.Chown(target, 4711, 4712); err != nil {
			t.Fatal(err)
		}
	}
	if err := things().Edit(t.Context(), link, add("a")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(target)
	if err != nil || info.Mode() != 0o400 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if s := info.Sys().(*syscall.Stat_t); root && (s.Uid != 4711 || s.Gid != 4712) {
		t.Errorf("owner %d:%d", s.Uid, s.Gid)
	}
	if to, err := os.Readlink(link); err != nil || to != "real.yaml" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	if items, err := things().Read(link); err != nil || len(items) != 1 {
		t.Errorf("%v, %v", items, err)
	}
	nothing := func(have []thing, _ *livefile.Text) ([]thing, error) { return have, nil }
	if err := things().Edit(t.Context(), link, nothing); err != nil {
		t.Fatal(err)
	}
	if again, err := os.Lstat(target); err != nil || !os.SameFile(info, again) {
		t.Errorf("an edit that changes nothing replaced the file: %v", err)
	}
	if left := livefiletest.Litter(t, target); !slices.Equal(left, []string{"things.yaml"}) {
		t.Errorf("left %q", left)
	}
}

func TestEditorsExcludeEachOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "things.yaml")
	const editors, each = 8, 5
	var editing sync.WaitGroup
	for i := range editors {
		editing.Go(func() {
			for j := range each {
				name := fmt.Sprintf("n%d-%d", i, j)
				if err := things().Edit(t.Context(), path, add(name)); err != nil {
					t.Error(err)
				}
				err := things().Edit(t.Context(), path, func(have []thing, text *livefile.Text) ([]thing, error) {
					at := slices.IndexFunc(have, func(x thing) bool { return x.Name == name })
					if j%2 == 0 {
						return remove(at)(have, text)
					}
					return set(at, true)(have, text)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	editing.Wait()
	items, err := things().Read(path)
	if off := slices.ContainsFunc(items, func(x thing) bool { return !x.On }); err != nil || len(items) != editors*(each/2) || off {
		t.Errorf("%v, %v, want %d that are on", items, err, editors*(each/2))
	}
}

func TestAnEditorDoesNotWaitForEver(t *testing.T) {
	path := newFile(t, "things: []\n")
	other, err := os.Create(path + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := syscall.Flock(int(other.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		err := things().Edit(ctx, path, add("a"))
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), path+".lock") {
			t.Errorf("error %v", err)
		}
	})
	if livefiletest.Read(t, path) != "things: []\n" {
		t.Error("the file was changed without the lock")
	}
}

func TestQuote(t *testing.T) {
	for _, text := range []string{"a", "installer-fra1", "a_b.c@d", "No", "y", "null", "", "~", "1", "1e5", "0x1f", "-", ".inf", "a: b", "a #b", "{", "é", "a\u00a0b", "a\x00b", "=", "<<", "nan", "inf", "e5", "A"} {
		path := newFile(t, "things: []\n")
		if err := things().Edit(t.Context(), path, add(text)); err != nil {
			t.Errorf("%q as %s: %v", text, livefile.Quote(text), err)
		}
	}
	for text, want := range map[string]string{"installer-fra1": "installer-fra1", "No": `"No"`, "a b": `"a b"`} {
		if got := livefile.Quote(text); got != want {
			t.Errorf("%q is written %s, want %s", text, got, want)
		}
	}
}

// What is accepted can be edited, or says that it cannot, and an edit changes
// nothing else.
func FuzzEdit(f *testing.F) {
	f.Add([]byte("things: []\n"))
	f.Add([]byte("# a\r\nthings:\r\n  # b\r\n  - name: a # c\r\n    on: true\r\n  - {name: b}\r\n"))
	f.Add([]byte("\ufeffthings: &a [*a, !t {<<: x}]\n---\n"))
	f.Add([]byte("? things\n:\n- name: |\n   x\n- name: \"a\n\n  b\"\n"))
	f.Add([]byte("{\"things\": [ # c\n{name: 1.5}, {name: [true, ~]}\n]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		before, err := things().Parse("things.yaml", text)
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "things.yaml:") {
					t.Errorf("fault without its place: %q", line)
				}
			}
			return
		}
		for _, change := range []edit{add("made by the test"), remove(0), set(0, true), set(0, false)} {
			path := newFile(t, string(text))
			var want []thing
			err := things().Edit(t.Context(), path, func(have []thing, text *livefile.Text) ([]thing, error) {
				if len(have) == 0 {
					change = add("first")
				}
				var err error
				want, err = change(have, text)
				return want, err
			})
			if err != nil {
				if livefiletest.Read(t, path) != string(text) {
					t.Errorf("a refused edit changed the file: %v", err)
				}
				continue
			}
			after, err := things().Read(path)
			if err != nil {
				t.Fatalf("an edit made a fault: %v", err)
			}
			if diff := cmp.Diff(len(want), len(after)); diff != "" {
				t.Errorf("an edit changed more (-want +got):\n%s", diff)
			}
			for comment := range strings.SplitSeq(string(text), "\n") {
				if comment = strings.TrimSpace(comment); strings.HasPrefix(comment, "#") && len(before) > 0 &&
					len(after) > len(before) && !strings.Contains(livefiletest.Read(t, path), comment) {
					t.Errorf("comment %q is gone", comment)
				}
			}
		}
	})
}
