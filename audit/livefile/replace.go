package livefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// replace puts text in the place of a file, or of none when old is nil, so that
// whoever opens it, after a crash too, finds either all of one or all of the other.
// syncDir makes the names in a directory durable.
func replace(path string, text []byte, old fs.FileInfo, syncDir func(dir string) error) error {
	dir := filepath.Dir(path)
	temp, err := writeTemp(dir, text, old)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := syncDir(dir); err != nil {
		return fmt.Errorf("%s is changed, but may not be after a crash: %w", path, err)
	}
	return nil
}

// writeTemp makes a durable file, or none.
func writeTemp(dir string, text []byte, old fs.FileInfo) (path string, err error) {
	f, err := os.CreateTemp(dir, ".gatepost-*.tmp") // 0600
	if err != nil {
		return "", err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if old != nil {
		if err := likeBefore(f, old); err != nil {
			return "", err
		}
	}
	if _, err := f.Write(text); err != nil {
		return "", err
	}
	return f.Name(), f.Sync()
}

// likeBefore gives a file the owner and mode of the one that it replaces. An
// administrator's edit must not take the file away from the account that gatepost
// runs as.
func likeBefore(f *os.File, old fs.FileInfo) error {
	before, ok := old.Sys().(*syscall.Stat_t)
	if !ok {
		return f.Chmod(old.Mode().Perm())
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	now, ok := info.Sys().(*syscall.Stat_t)
	if !ok || now.Uid != before.Uid || now.Gid != before.Gid {
		if err := f.Chown(int(before.Uid), int(before.Gid)); err != nil {
			return err
		}
	}
	return f.Chmod(old.Mode().Perm())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
