package livefile_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/livefile"
)

func synced(string) error { return nil }

// litter is what is in the directory of a file beside it and its lock.
func litter(t *testing.T, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(path) && e.Name() != filepath.Base(path)+".lock" {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestReplaceSyncsTheDirectoryBehindTheChange(t *testing.T) {
	path := newFile(t, "one")
	err := livefile.Replace(path, []byte("two"), nil, func(dir string) error {
		if dir != filepath.Dir(path) || readText(t, path) != "two" {
			t.Errorf("%s was synced with %q in the file", dir, readText(t, path))
		}
		return nil
	})
	if err != nil || len(litter(t, path)) > 0 {
		t.Errorf("%v, left %q", err, litter(t, path))
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
	if readText(t, path) != "two" || len(litter(t, path)) > 0 {
		t.Errorf("%q in the file, left %q", readText(t, path), litter(t, path))
	}
}

func TestReplaceLeavesNothingBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := livefile.Replace(path, []byte("two"), nil, synced); err == nil || len(litter(t, path)) > 0 {
		t.Errorf("%v, left %q", err, litter(t, path))
	}
}
