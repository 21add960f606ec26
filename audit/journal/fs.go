package journal

import "io"

// FS is the file system as far as the journal needs it. The operating system's
// is the one to use; tests stand in others that fail.
type FS interface {
	// CreateDir opens the directory at path and creates it if it is absent.
	CreateDir(path string) (Dir, error)
	// OpenDir opens the directory at path.
	OpenDir(path string) (Dir, error)
}

// Dir is one open directory. Names are plain file names; nothing that they
// resolve to lies outside it. Errors satisfy errors.Is for [io/fs.ErrNotExist]
// and [io/fs.ErrExist].
type Dir interface {
	Names() ([]string, error)
	// OpenFile takes the flags of package os. New files have mode 0600.
	OpenFile(name string, flag int) (File, error)
	Stat(name string) (FileInfo, error)
	Rename(from, to string) error
	Remove(name string) error
	// Sync makes creations, renames and removals durable.
	Sync() error
	// Free returns the bytes that this process may still use.
	Free() (int64, error)
	// InPlace returns an error if the directory's path leads elsewhere by now.
	InPlace() error
	// Lock takes the directory for one writer, until the returned Closer is
	// closed or the process ends. If another holds it, the error is a
	// [*LockedError].
	Lock(name string) (io.Closer, error)
	Close() error
}

// File is one open file.
type File interface {
	io.Writer
	io.WriterAt
	io.ReaderAt
	io.Closer
	Stat() (FileInfo, error)
	Truncate(size int64) error
	// Sync makes the content durable, and as much else as reading it back needs.
	Sync() error
}

// FileInfo identifies a file.
type FileInfo struct {
	Dev, Ino uint64
	Size     int64
}

// LockedError says that a directory has a writer already.
type LockedError struct {
	Dir    string
	Holder string // its process id, if it is known
}

func (e *LockedError) Error() string {
	holder := "another process"
	if e.Holder != "" {
		holder = "process " + e.Holder
	}
	return "audit directory " + e.Dir + " is in use by " + holder +
		": stop it first, or set another audit.dir for this one"
}
