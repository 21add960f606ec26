package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"modernc.org/sqlite" // the driver
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// applicationID marks a SQLite file as an archive of gatepost's: "gpct".
	applicationID = 0x67706374
	schemaVersion = 1
)

var schema = []string{
	`CREATE TABLE records (event_id TEXT PRIMARY KEY, time INTEGER NOT NULL, seen INTEGER NOT NULL, record TEXT NOT NULL) WITHOUT ROWID`, // seconds, microseconds
	`CREATE INDEX records_time ON records (time)`,
	`CREATE TABLE places (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID`,
	fmt.Sprintf(`PRAGMA application_id = %d`, applicationID),
	fmt.Sprintf(`PRAGMA user_version = %d`, schemaVersion),
}

// unusableError says that a file holds no archive that could be lost by starting
// anew.
type unusableError struct{ text string }

func (e *unusableError) Error() string { return "unusable: " + e.text }

// openWriting opens a file and makes the tables of one that is new. A place may be
// stored only when what was read before it is, so commits are synced.
func openWriting(ctx context.Context, path string) (*sql.DB, error) {
	// SQLite's other files get the mode of this one.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return open(ctx, path, "rw", "synchronous(full)", "busy_timeout(5000)")
}

func openReading(ctx context.Context, path string) (*sql.DB, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, &unusableError{"absent"}
	}
	return open(ctx, path, "ro", "query_only(1)", "busy_timeout(5000)")
}

func open(ctx context.Context, path, mode string, pragmas ...string) (_ *sql.DB, err error) {
	name := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: url.Values{"mode": {mode}, "_pragma": pragmas}.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			db.Close()
			err = classify(err)
		}
	}()
	db.SetMaxOpenConns(1)
	var application, version, tables int
	for pragma, value := range map[string]*int{"application_id": &application, "user_version": &version} {
		if err := db.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(value); err != nil {
			return nil, err
		}
	}
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil {
		return nil, err
	}
	switch {
	case application == applicationID && version == schemaVersion:
		var state string
		if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&state); err != nil {
			return nil, err
		}
		if state != "ok" {
			return nil, &unusableError{state}
		}
		return db, nil
	case application == applicationID:
		return nil, &unusableError{fmt.Sprintf("version %d", version)}
	case tables > 0 || application != 0:
		return nil, errors.New("is a database of something else: move it away")
	case mode == "ro":
		return nil, &unusableError{"empty"}
	}
	// Stays with the file. Before it was known to be ours it must not be touched.
	if _, err := db.ExecContext(ctx, "PRAGMA journal_mode=wal"); err != nil {
		return nil, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	for _, statement := range schema {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
	}
	return db, tx.Commit()
}

// isFull tells whether SQLite had no room.
func isFull(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqlite3.SQLITE_FULL
}

// classify finds the errors that say that the file is not what was written.
func classify(err error) error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT:
			return &unusableError{err.Error()}
		}
		if e.Code() == sqlite3.SQLITE_IOERR_SHORT_READ {
			return &unusableError{err.Error()}
		}
	}
	return err
}

// aside is added to the name of a file that is replaced: nobody's data is deleted.
// There is one: a second takes its place.
const aside = ".unusable"

// setAside makes room for a new archive. The sidecars of the old one would be
// taken for part of it.
func setAside(path string) error {
	for _, sidecar := range []string{"-wal", "-shm", "-journal"} {
		if err := os.Remove(path + sidecar); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return os.Rename(path, path+aside)
}
