package archive

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// FileName is the archive's file in the audit directory.
const FileName = "cloudtrail.sqlite"

// ErrAbsent says that a directory has no archive.
var ErrAbsent = errors.New("no archive of CloudTrail records")

// Config says where an archive is.
type Config struct {
	Dir    string       // the audit directory
	Logger *slog.Logger // nil discards
}

// Archive is an open archive. It is a [cloudtrail.Places].
type Archive struct {
	db *sql.DB
}

// Open opens the archive of a directory and makes one if there is none. A file
// that is damaged or of another version is set aside for an empty one, which the
// logger is told; a database of something else is an error.
func Open(ctx context.Context, c Config) (*Archive, error) {
	log := c.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	path := filepath.Join(c.Dir, FileName)
	db, err := openWriting(ctx, path)
	if reason, ok := errors.AsType[*unusableError](err); ok {
		log.WarnContext(ctx, "archive of CloudTrail records starts anew", slog.String("file", path), slog.String("reason", reason.text))
		if err := setAside(path); err != nil {
			return nil, fmt.Errorf("set %s aside: %w", path, err)
		}
		db, err = openWriting(ctx, path)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &Archive{db}, nil
}

// OpenReader opens an archive to read from. The error is [ErrAbsent] if there is
// none, or none that this version can read.
func OpenReader(ctx context.Context, dir string) (*Archive, error) {
	path := filepath.Join(dir, FileName)
	db, err := openReading(ctx, path)
	if _, ok := errors.AsType[*unusableError](err); ok {
		return nil, ErrAbsent
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &Archive{db}, nil
}

// Put keeps records, which were seen at a time. One that is there already stays as
// it is: an eventID names one record, and a correction has its own.
func (a *Archive) Put(ctx context.Context, seen time.Time, records []cloudtrail.Record) error {
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	put, err := tx.PrepareContext(ctx, `INSERT OR IGNORE INTO records (event_id, time, seen, record) VALUES (?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer put.Close()
	for i := range records {
		text, err := json.Marshal(&records[i])
		if err != nil {
			return fmt.Errorf("encode record %s: %w", records[i].EventID, err)
		}
		if _, err := put.ExecContext(ctx, records[i].EventID, records[i].EventTime.Unix(), seen.UnixMicro(), string(text)); err != nil {
			return fmt.Errorf("keep record %s: %w", records[i].EventID, err)
		}
	}
	return tx.Commit()
}

// Record returns the JSON of a record by its eventID, or nil if it was not kept.
func (a *Archive) Record(ctx context.Context, eventID string) (json.RawMessage, error) {
	var text string
	err := a.db.QueryRowContext(ctx, `SELECT record FROM records WHERE event_id = ?`, eventID).Scan(&text)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read record %s: %w", eventID, err)
	}
	return json.RawMessage(text), nil
}

// Since yields the records of calls from a time on, with when each was first seen,
// the call that completed first first.
func (a *Archive) Since(ctx context.Context, from time.Time) iter.Seq2[Seen, error] {
	return func(yield func(Seen, error) bool) {
		rows, err := a.db.QueryContext(ctx, `SELECT seen, record FROM records WHERE time >= ? ORDER BY time, event_id`, from.Unix())
		if err != nil {
			yield(Seen{}, fmt.Errorf("read records: %w", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var at int64
			var text []byte
			var s Seen
			if err := rows.Scan(&at, &text); err != nil {
				yield(Seen{}, fmt.Errorf("read records: %w", err))
				return
			}
			if err := json.Unmarshal(text, &s.Record); err != nil {
				yield(Seen{}, fmt.Errorf("decode record: %w", err))
				return
			}
			s.At = time.UnixMicro(at)
			if !yield(s, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(Seen{}, fmt.Errorf("read records: %w", err))
		}
	}
}

// Older counts the records of calls that completed before a time.
func (a *Archive) Older(ctx context.Context, before time.Time) (n int64, err error) {
	if err := a.db.QueryRowContext(ctx, `SELECT count(*) FROM records WHERE time < ?`, before.Unix()).Scan(&n); err != nil {
		return 0, fmt.Errorf("count records: %w", err)
	}
	return n, nil
}

// Prune removes those records, and returns how many they were. Nothing of them
// stays in the file. For a while that takes as much room again as what stays; on a
// disk that has not got it the file keeps its size.
func (a *Archive) Prune(ctx context.Context, before time.Time) (n int64, err error) {
	if _, err := a.db.ExecContext(ctx, `PRAGMA secure_delete = on`); err != nil {
		return 0, fmt.Errorf("prune records: %w", err)
	}
	result, err := a.db.ExecContext(ctx, `DELETE FROM records WHERE time < ?`, before.Unix())
	if err != nil {
		return 0, fmt.Errorf("prune records: %w", err)
	}
	if n, err = result.RowsAffected(); err != nil || n == 0 {
		return n, err
	}
	if _, err := a.db.ExecContext(ctx, `VACUUM`); err != nil && !isFull(err) {
		return n, fmt.Errorf("prune records: %w", err)
	}
	return n, nil
}

// Seen is a record, and when a source first gave it.
type Seen struct {
	Record cloudtrail.Record
	At     time.Time
}

// Place returns what SetPlace kept under a name, or nil.
func (a *Archive) Place(ctx context.Context, name string) ([]byte, error) {
	var value []byte
	err := a.db.QueryRowContext(ctx, `SELECT value FROM places WHERE name = ?`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read place %s: %w", name, err)
	}
	return value, nil
}

// SetPlace keeps a value, durably, in place of the one before.
func (a *Archive) SetPlace(ctx context.Context, name string, value []byte) error {
	if _, err := a.db.ExecContext(ctx, `INSERT OR REPLACE INTO places (name, value) VALUES (?, ?)`, name, value); err != nil {
		return fmt.Errorf("keep place %s: %w", name, err)
	}
	return nil
}

// Close closes the file. Calls that run are waited for.
func (a *Archive) Close() error { return a.db.Close() }
