package index

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// Where a SQLite file's header has what identifies it.
const (
	headerMagic       = "SQLite format 3\x00"
	headerVersion     = 60
	headerApplication = 68
	headerBytes       = 100
)

// asideName is where a file goes that is not an index, so that nobody's data is
// deleted. There is one: a second takes its place.
const asideName = fileName + ".foreign"

// sidecars are the files that SQLite keeps beside its own. Left behind, they
// would be taken for part of the next one.
func sidecars(path string) []string { return []string{path + "-wal", path + "-shm", path + "-journal"} }

// inspect looks at the file at path without changing it, and returns the reason
// for which it cannot be used, if there is one.
func inspect(path string) (reason string, err error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ReasonAbsent, nil
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return ReasonForeign, nil
	case info.Size() == 0:
		return ReasonAbsent, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	header := make([]byte, headerBytes)
	if _, err := io.ReadFull(f, header); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return ReasonForeign, nil
		}
		return "", err
	}
	switch {
	case string(header[:len(headerMagic)]) != headerMagic,
		binary.BigEndian.Uint32(header[headerApplication:]) != applicationID:
		return ReasonForeign, nil
	case binary.BigEndian.Uint32(header[headerVersion:]) != schemaVersion:
		return ReasonSchema, nil
	}
	return "", nil
}

// removeFile makes room for a new index. What is not an index is moved aside.
func removeFile(path, reason string) error {
	if reason == ReasonForeign {
		aside := filepath.Join(filepath.Dir(path), asideName)
		if err := os.Rename(path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, name := range append(sidecars(path), path) {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// create makes an empty index at path. It is made under another name, so that
// whoever is interrupted leaves none or a whole one.
func create(ctx context.Context, path string) (err error) {
	temp := path + ".new"
	for _, name := range append(sidecars(temp), temp) {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// SQLite's other files get the mode of this one.
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	db, conn, err := openDB(ctx, temp, 1, "page_size(8192)", "journal_mode(memory)", "synchronous(normal)")
	if err != nil {
		return err
	}
	for _, statement := range slices.Concat([]string{"BEGIN"}, schema, []string{"COMMIT"}) {
		if _, err = conn.ExecContext(ctx, statement); err != nil {
			break
		}
	}
	if err := errors.Join(err, conn.Close(), db.Close()); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// agrees reports whether an index that ends with a line of this hash before
// cursor is one of the log's, as the log is now.
func agrees(src Source, cursor uint64, hash []byte) (bool, error) {
	if cursor == 0 {
		return true, nil
	}
	if cursor > src.Size() {
		return false, nil
	}
	for line, err := range src.Read(cursor - 1) {
		if _, missing := errors.AsType[*journal.MissingError](err); missing {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("read entry %d: %w", cursor-1, err)
		}
		sum := sha256.Sum256(line.Bytes)
		return line.Index == cursor-1 && slices.Equal(sum[:], hash), nil
	}
	return false, nil
}
