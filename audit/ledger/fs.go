package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
)

// FS is the file system as far as the ledger needs it. The operating system's
// is the one to use; tests stand in others that fail.
type FS interface {
	// CreateRoot opens the directory at path and creates it if it is absent,
	// durably and with mode 0700.
	CreateRoot(path string) (Root, error)
	// OpenRoot opens the directory at path.
	OpenRoot(path string) (Root, error)
}

// Root is one open directory. Names are relative and slash-separated; nothing
// that they resolve to lies outside it. Errors satisfy errors.Is for
// [fs.ErrNotExist] and [fs.ErrExist].
type Root interface {
	ReadFile(name string) ([]byte, error)
	// Names returns the names in a directory, in any order.
	Names(dir string) ([]string, error)
	Stat(name string) (fs.FileInfo, error)
	// Create opens a file for writing and empties it if it exists.
	Create(name string, perm fs.FileMode) (File, error)
	Mkdir(name string) error
	Rename(from, to string) error
	// RemoveAll removes a file, or a directory with all that it holds. It is no
	// error if there is none.
	RemoveAll(name string) error
	// SyncDir makes creations, renames and removals in a directory durable.
	SyncDir(name string) error
	// Lock takes a file for one holder, until the returned Closer is closed or
	// the process ends. If another holds it, the error is [ErrLocked].
	Lock(name string) (io.Closer, error)
	Close() error
}

// File is a file being written.
type File interface {
	io.WriteCloser
	// Sync makes the content durable.
	Sync() error
}

// ErrLocked says that another process follows the log already.
var ErrLocked = errors.New("the ledger's directory is in use by another process")

const (
	privateFile fs.FileMode = 0o600
	publicFile  fs.FileMode = 0o644
)

// replaceFile makes name hold data, or leaves it as it was. The new content is
// durable when it returns, the name is so after a SyncDir.
func replaceFile(root Root, name string, data []byte, perm fs.FileMode) error {
	r, err := prepare(root, name, data, perm)
	if err != nil {
		return err
	}
	return r.finish()
}

// replacement is new content that is written, but neither durable nor in place.
type replacement struct {
	root Root
	name string
	file File
}

func prepare(root Root, name string, data []byte, perm fs.FileMode) (*replacement, error) {
	r := &replacement{root: root, name: name}
	var err error
	if r.file, err = root.Create(r.temp(), perm); err != nil {
		return nil, err
	}
	n, err := r.file.Write(data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return nil, r.discard(err)
	}
	return r, nil
}

func (r *replacement) temp() string { return r.name + ".tmp" }

// finish makes the content durable and puts it in place.
func (r *replacement) finish() error {
	if err := r.file.Sync(); err != nil {
		return r.discard(err)
	}
	err := r.file.Close()
	r.file = nil
	if err == nil {
		err = r.root.Rename(r.temp(), r.name)
	}
	if err != nil {
		return r.discard(err)
	}
	return nil
}

// discard removes what a failure left: it would be overwritten the next time, but
// on a full disk it should not lie about until then.
func (r *replacement) discard(why error) error {
	var closed error
	if r.file != nil {
		closed = r.file.Close()
	}
	if why != nil {
		why = fmt.Errorf("write %s: %w", r.name, why)
	}
	return errors.Join(why, closed, r.root.RemoveAll(r.temp()))
}

// replaceFileDurably is replaceFile with the name made durable too.
func replaceFileDurably(root Root, name string, data []byte, perm fs.FileMode) error {
	if err := replaceFile(root, name, data, perm); err != nil {
		return err
	}
	if err := root.SyncDir(path.Dir(name)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
