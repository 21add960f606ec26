//go:build unix

package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

type osFS struct{}

func (f osFS) CreateRoot(path string) (Root, error) {
	if err := mkdirAllSynced(path); err != nil {
		return nil, err
	}
	return f.OpenRoot(path)
}

func (osFS) OpenRoot(path string) (Root, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return osRoot{root}, nil
}

// mkdirAllSynced is os.MkdirAll, and what it created survives a power failure.
func mkdirAllSynced(path string) error {
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err := mkdirAllSynced(filepath.Dir(path)); err != nil {
			return err
		}
		err = os.Mkdir(path, 0o700)
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	parent, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer parent.Close()
	return parent.Sync()
}

// osRoot reaches its files through an os.Root, so that neither a name nor a
// symbolic link leads out of the directory.
type osRoot struct{ *os.Root }

func (r osRoot) ReadFile(name string) ([]byte, error) {
	f, err := openRegular(r.Root, name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

func (r osRoot) Names(dir string) ([]string, error) {
	f, err := r.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

func (r osRoot) Create(name string, perm fs.FileMode) (File, error) {
	return openRegular(r.Root, name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
}

// openRegular opens a file, and nothing else that may stand in its place.
func openRegular(root *os.Root, name string, flag int, perm fs.FileMode) (*os.File, error) {
	// Without O_NONBLOCK a pipe would hang the open. To a regular file it makes no
	// difference.
	f, err := root.OpenFile(name, flag|unix.O_NONBLOCK, perm)
	if errors.Is(err, unix.ENXIO) { // a pipe that nobody reads, or a socket
		return nil, irregular(root, name)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = irregular(root, name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func irregular(root *os.Root, name string) error {
	return fmt.Errorf("%s is not a regular file", filepath.Join(root.Name(), name))
}

func (r osRoot) Mkdir(name string) error { return r.Root.Mkdir(name, 0o700) }

func (r osRoot) SyncDir(name string) error {
	f, err := r.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func (r osRoot) Lock(name string) (io.Closer, error) {
	f, err := r.OpenFile(name, os.O_RDWR|os.O_CREATE, privateFile)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrLocked
		} else {
			err = &fs.PathError{Op: "flock", Path: name, Err: err}
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
