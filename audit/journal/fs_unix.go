//go:build linux || darwin || freebsd

package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

type osFS struct{}

func (f osFS) CreateDir(path string) (Dir, error) {
	if err := createDir(path); err != nil {
		return nil, err
	}
	return f.OpenDir(path)
}

// createDir is os.MkdirAll, and durable: what a directory holds is lost with its
// own entry.
func createDir(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return &fs.PathError{Op: "mkdir", Path: path, Err: unix.ENOTDIR}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := createDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.Open(parent)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (osFS) OpenDir(path string) (Dir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	self, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &osDir{path: path, root: root, self: self}, nil
}

// osDir reaches its files through a root, so that neither a name nor a symbolic
// link leads out of the directory.
type osDir struct {
	path string
	root *os.Root
	self *os.File
}

func (d *osDir) Names() ([]string, error) {
	// A fresh descriptor each time: the position in a directory is shared by all
	// users of one.
	f, err := d.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

func (d *osDir) OpenFile(name string, flag int) (File, error) {
	// Without O_NONBLOCK a pipe in the file's place would hang the open. To a regular
	// file it makes no difference.
	f, err := d.root.OpenFile(name, flag|unix.O_NONBLOCK, 0o600)
	if errors.Is(err, unix.ENXIO) { // a pipe that nobody reads, or a socket
		return nil, d.irregular(name)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = d.irregular(name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return osFile{f}, nil
}

func (d *osDir) irregular(name string) error {
	return fmt.Errorf("%s is not a regular file", filepath.Join(d.path, name))
}

func (d *osDir) Stat(name string) (FileInfo, error) {
	var st unix.Stat_t
	err := unix.Fstatat(int(d.self.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return FileInfo{}, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return fileInfo(&st), nil
}

func (d *osDir) Rename(from, to string) error { return d.root.Rename(from, to) }
func (d *osDir) Remove(name string) error     { return d.root.Remove(name) }
func (d *osDir) Sync() error                  { return d.self.Sync() }
func (d *osDir) Close() error                 { return errors.Join(d.self.Close(), d.root.Close()) }

func (d *osDir) Free() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(d.self.Fd()), &st); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: d.path, Err: err}
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

func (d *osDir) InPlace() error {
	ours, err := d.self.Stat()
	if err != nil {
		return err
	}
	found, err := os.Stat(d.path)
	if err != nil {
		return err
	}
	if !os.SameFile(ours, found) {
		return fmt.Errorf("%s is another directory now", d.path)
	}
	return nil
}

func (d *osDir) Lock(name string) (io.Closer, error) {
	f, err := d.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, &fs.PathError{Op: "flock", Path: name, Err: err}
		}
		var pid [20]byte
		n, _ := f.ReadAt(pid[:], 0) // for the message only
		return nil, &LockedError{Dir: d.path, Holder: strings.TrimSpace(string(pid[:n]))}
	}
	// The content helps whoever finds the directory locked; the lock holds
	// without it, on a full disk for one.
	if f.Truncate(0) == nil {
		_, _ = f.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	}
	return f, nil
}

type osFile struct{ *os.File }

func (f osFile) Stat() (FileInfo, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return FileInfo{}, &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return fileInfo(&st), nil
}

func (f osFile) Sync() error { return syncData(f.File) }

func fileInfo(st *unix.Stat_t) FileInfo {
	return FileInfo{Dev: uint64(st.Dev), Ino: st.Ino, Size: st.Size}
}
