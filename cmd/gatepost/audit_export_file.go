package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// newFile is a file that takes its name when it is complete, and the place of
// one that had it.
type newFile struct {
	path string
	temp *os.File // closed by keep or discard
}

// createFile begins a file that only its owner may read. It refuses names of
// what is not a file, and any within the directory of the log.
func createFile(path, logDir string) (*newFile, error) {
	if path == "" {
		return nil, misuse("--out needs a name; leave it out for standard output")
	}
	switch info, err := os.Lstat(path); {
	case err == nil && !info.Mode().IsRegular():
		return nil, misuse("--out %q is not a regular file: leave it out and direct standard output there", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	dir := filepath.Dir(path)
	if inside, err := within(dir, logDir); err != nil {
		return nil, err
	} else if inside {
		return nil, misuse("--out %q lies in the directory of the log, which is gatepost's own", path)
	}
	temp, err := os.CreateTemp(dir, ".gatepost-export-*.tmp") // 0600
	if err != nil {
		return nil, err
	}
	return &newFile{path: path, temp: temp}, nil
}

// within reports whether dir is parent or below it.
func within(dir, parent string) (bool, error) {
	for _, d := range []*string{&dir, &parent} {
		real, err := filepath.EvalSymlinks(*d)
		if err == nil {
			real, err = filepath.Abs(real)
		}
		if err != nil {
			return false, err
		}
		*d = real
	}
	rel, err := filepath.Rel(parent, dir)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)), nil
}

// keep makes the file durable under its name.
func (f *newFile) keep() error {
	err := f.temp.Sync()
	if closeErr := f.temp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.temp.Name(), f.path)
	}
	if err != nil {
		return fmt.Errorf("write %q: %w", f.path, err)
	}
	dir, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return fmt.Errorf("sync the directory of %q: %w", f.path, err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("sync the directory of %q: %w", f.path, err)
	}
	return nil
}

// discard removes what was not kept.
func (f *newFile) discard() {
	// Both fail after keep, which is as it should be.
	f.temp.Close()
	os.Remove(f.temp.Name())
}
