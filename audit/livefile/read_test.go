package livefile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/livefile"
	"github.com/gatepost-proxy/gatepost/audit/livefile/livefiletest"
)

func TestReadRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(t *testing.T, path string)
		want string
	}{
		{"missing", func(_ *testing.T, path string) { os.Remove(path) }, "no such file"},
		{"directory", func(_ *testing.T, path string) { os.Remove(path); os.Mkdir(path, 0o700) }, "is not a regular file"},
		{"pipe", func(_ *testing.T, path string) { os.Remove(path); syscall.Mkfifo(path, 0o600) }, "is not a regular file"},
		{"too large", func(t *testing.T, path string) { livefiletest.Write(t, path, strings.Repeat("x", maxBytes+1), 0o600) }, "is larger than 1048576 bytes"},
		{"mode", func(t *testing.T, path string) { livefiletest.Write(t, path, "", 0o620) }, "has mode 0620, and others may write it; run: chmod go-w "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := newFile(t, "")
			tc.make(t, path)
			r := rules()
			_, err := r.Read(path)
			f, ok := errors.AsType[*livefile.Fault](err)
			if !ok || !strings.HasPrefix(err.Error(), path+": "+tc.want) {
				t.Fatalf("error %v, want %s after the path", err, tc.want)
			}
			if missing := tc.name == "missing"; f.File != path || errors.Is(err, fs.ErrNotExist) != missing {
				t.Errorf("fault of %s with the cause %v", f.File, f.Err)
			}
		})
	}
}

func TestReadFollowsALink(t *testing.T) {
	path := newFile(t, "text")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	r := rules()
	if c, err := r.Read(link); err != nil || string(c.Text) != "text" || c.State != livefile.Stat(path) {
		t.Errorf("%+v, %v", c, err)
	}
}

// The mode is asked for between the reading and the second look at the file, which
// is when these writers come.
func TestReadIsSteady(t *testing.T) {
	for _, tc := range []struct {
		name   string
		writes int
		want   string // "" for a refusal
	}{
		{"nobody writes", 0, "0"},
		{"somebody writes", 1, "1"},
		{"twice", 2, "2"},
		{"without end", 1000, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := newFile(t, "0")
			written := 0
			r := livefile.Rules{MaxBytes: maxBytes, Mode: func(fs.FileMode, []byte) (why, chmod string) {
				if written < tc.writes {
					written++
					livefiletest.Replace(t, path, fmt.Sprint(written))
				}
				return "", ""
			}}
			c, err := r.Read(path)
			switch {
			case tc.want == "" && (err == nil || !strings.Contains(err.Error(), "is being written")):
				t.Errorf("error %v", err)
			case tc.want != "" && (err != nil || string(c.Text) != tc.want):
				t.Errorf("%+v, %v, want %s", c, err, tc.want)
			}
		})
	}
}
