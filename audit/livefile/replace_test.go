package livefile_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/livefile"
	"github.com/gatepost-proxy/gatepost/audit/livefile/livefiletest"
)

func synced(string) error { return nil }

func TestReplaceSyncsTheDirectoryBehindTheChange(t *testing.T) {
	path := newFile(t, "one")
	err := livefile.Replace(path, []byte("two"), nil, func(dir string) error {
		if dir != filepath.Dir(path) || livefiletest.Read(t, path) != "two" {
			t.Errorf("%s was synced with %q in the file", dir, livefiletest.Read(t, path))
		}
		return nil
	})
	if err != nil || len(livefiletest.Litter(t, path)) > 0 {
		t.Errorf("%v, left %q", err, livefiletest.Litter(t, path))
	}
}

// The file has changed by then: the error says so, and nothing of what was done
// with the file's temporary name.
func TestReplaceTellsOfADirectoryThatDoesNotSync(t *testing.T) {
	path := newFile(t, "one")
	broken := errors.New("broken disk")
	err := livefile.Replace(path, []byte("two"), nil, func(string) error { return broken })
	if want := path + " is changed, but may not be after a crash: broken disk"; err == nil || err.Error() != want || !errors.Is(err, broken) {
		t.Errorf("error %q, want %q", err, want)
	}
	if livefiletest.Read(t, path) != "two" || len(livefiletest.Litter(t, path)) > 0 {
		t.Errorf("%q in the file, left %q", livefiletest.Read(t, path), livefiletest.Litter(t, path))
	}
}

func TestReplaceLeavesNothingBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := livefile.Replace(path, []byte("two"), nil, synced); err == nil || len(livefiletest.Litter(t, path)) > 0 {
		t.Errorf("%v, left %q", err, livefiletest.Litter(t, path))
	}
}
