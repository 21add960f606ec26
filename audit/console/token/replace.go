package token

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// replace puts text in the place of a file, or of none when old is nil, so that
// whoever opens it, after a crash too, finds either all of one or all of the other.
func replace(path string, text []byte, old fs.FileInfo) error {
	dir := filepath.Dir(path)
	temp, err := writeTemp(dir, text, old)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncDir(dir)
}

// writeTemp makes a durable file, or none.
func writeTemp(dir string, text []byte, old fs.FileInfo) (path string, err error) {
	f, err := os.CreateTemp(dir, ".tokens-*.tmp") // 0600
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

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// lockRetry is how long an editor waits before it asks for the lock again; edits
// take milliseconds.
const lockRetry = 20 * time.Millisecond

// lock holds an exclusive lock on a file that it makes if needed. The file is
// never removed: an editor that waits for it would then hold a lock on nothing.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil // which unlocks
		}
		if err != syscall.EWOULDBLOCK && err != syscall.EINTR {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("wait for another editor's lock %s: %w", path, context.Cause(ctx))
		case <-time.After(lockRetry):
		}
	}
}
