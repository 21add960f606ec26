package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	"modernc.org/sqlite" // the driver
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// applicationID marks a SQLite file as an index of gatepost's: "gpix".
	applicationID = 0x67706978
	// schemaVersion changes with every change of what the tables mean. An index
	// of another version is rebuilt.
	schemaVersion = 2
)

// Values appear once, in names; everything else speaks of them by number.
// postings has the rows of each value, a chunk at a time, and with that answers
// any combination of filters by intersection: no combination needs an index of
// its own, and none reads more than a chunk's 2 KiB for each filter and chunk.
// ids does the same for values that seldom appear twice. Counts and uses are
// kept up as entries come in, so that nobody has to count later.
var schema = []string{
	`CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID`,
	`CREATE TABLE names (id INTEGER PRIMARY KEY, field INTEGER NOT NULL, text BLOB NOT NULL, UNIQUE (field, text))`,
	`CREATE VIRTUAL TABLE words USING fts5(text, content='', columnsize=0, detail=none, tokenize='trigram')`,
	`CREATE TABLE postings (key INTEGER PRIMARY KEY, rows BLOB NOT NULL)`,                                                                               // see postingKey
	`CREATE TABLE ids (run INTEGER NOT NULL, id BLOB NOT NULL, place INTEGER NOT NULL, rows BLOB NOT NULL, PRIMARY KEY (run, id, place)) WITHOUT ROWID`, // see idRole
	`CREATE TABLE blocks (block INTEGER PRIMARY KEY, places BLOB NOT NULL)`,
	`CREATE TABLE chunks (chunk INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL)`, // microseconds
	`CREATE TABLE verdicts (id BLOB PRIMARY KEY, states BLOB NOT NULL) WITHOUT ROWID`,
	`CREATE TABLE intents (id BLOB PRIMARY KEY, entry INTEGER NOT NULL) WITHOUT ROWID`, // of calls without outcome
	`CREATE TABLE counts (level INTEGER NOT NULL, start INTEGER NOT NULL, name INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (level, start, name)) WITHOUT ROWID`,
	`CREATE TABLE uses (name INTEGER PRIMARY KEY, field INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, calls INTEGER NOT NULL, refused INTEGER NOT NULL)`,
	`CREATE INDEX uses_last ON uses (field, last)`,
	fmt.Sprintf(`PRAGMA application_id = %d`, applicationID),
	fmt.Sprintf(`PRAGMA user_version = %d`, schemaVersion),
}

// Keys of meta.
const (
	metaCursor  = "cursor"  // entries that are indexed, and the index of the next
	metaLast    = "last"    // SHA-256 of the last line that is indexed
	metaOffset  = "offset"  // where the next line begins in its segment, or -1
	metaWaiting = "waiting" // calls that have a verdict and no outcome yet
)

// openWriting opens the one connection that writes. With synchronous=normal the
// file is consistent after a power failure too, although the newest transactions
// may be gone: they are taken from the log again. The disk is waited for when
// the write-ahead log is copied back, which only the follower does.
func openWriting(ctx context.Context, path string) (*sql.DB, *sql.Conn, error) {
	return openDB(ctx, path, 1,
		"page_size(8192)", "journal_mode(wal)", "synchronous(normal)", "busy_timeout(5000)",
		"cache_size(-65536)", "wal_autocheckpoint(8192)", "journal_size_limit(134217728)", "temp_store(memory)")
}

// readers is how many queries run at a time.
const readers = 4

func openReading(ctx context.Context, path string) (*sql.DB, error) {
	db, conn, err := openDB(ctx, path, readers,
		"query_only(1)", "busy_timeout(5000)", "cache_size(-16384)", "temp_store(memory)")
	if err != nil {
		return nil, err
	}
	return db, conn.Close()
}

func openDB(ctx context.Context, path string, conns int, pragmas ...string) (*sql.DB, *sql.Conn, error) {
	q := url.Values{"_pragma": pragmas}
	if conns > 1 {
		q.Set("mode", "ro")
	}
	name := (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, conn, nil
}

// damagedError says that the file holds what the index did not write.
type damagedError struct{ text string }

func (e *damagedError) Error() string { return "index is damaged: " + e.text }

func damagedf(format string, args ...any) error {
	return &damagedError{fmt.Sprintf(format, args...)}
}

// isDamaged reports whether err means that the file holds something else than
// was written, in contrast to a disk that is full or busy.
func isDamaged(err error) bool {
	if _, ok := errors.AsType[*damagedError](err); ok {
		return true
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch code := e.Code(); code & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_MISMATCH:
		return true
	default:
		return code == sqlite3.SQLITE_IOERR_SHORT_READ
	}
}

// isUnusable is isDamaged for the writer, whose statements are all constant: if
// one of them is wrong, a table is absent or different.
func isUnusable(err error) bool {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT:
			return true
		}
	}
	return isDamaged(err)
}
