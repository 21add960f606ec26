package index

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

// queryBudget is how long a query looks before it returns what it has and where
// to go on. Only what no set of rows can answer takes that long.
const queryBudget = 50 * time.Millisecond

var (
	// ErrUnusable says that a directory has no index of its log.
	ErrUnusable = errors.New("no usable index")
	// ErrNotFound says that no entry is what was asked for.
	ErrNotFound = errors.New("no such event")
)

// Reader answers queries. Its methods may be called from any number of
// goroutines, while the index grows; each call sees the index at one moment.
type Reader struct {
	dir    string
	src    Source
	budget time.Duration
	report func() // is told that the index does not fit the log

	// mu is held for reading by queries, and for writing while db changes.
	mu sync.RWMutex
	db *sql.DB
}

// OpenReader opens the index of a log that no process follows, or another one
// does. The error is [ErrUnusable] if there is none that fits the log.
func OpenReader(ctx context.Context, dir string) (*Reader, error) {
	path := filepath.Join(dir, fileName)
	reason, err := inspect(path)
	if err != nil {
		return nil, fmt.Errorf("open audit index: %w", err)
	}
	if reason != "" {
		return nil, fmt.Errorf("open audit index: %w: %s", ErrUnusable, reason)
	}
	r := &Reader{dir: dir, src: growing{directory{dir: dir}}, budget: queryBudget, report: func() {}}
	if r.db, err = openReading(ctx, path); err != nil {
		return nil, fmt.Errorf("open audit index: %w", unusable(err))
	}
	if err := r.check(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open audit index: %w", unusable(err)), r.Close())
	}
	return r, nil
}

func unusable(err error) error {
	if isUnusable(err) {
		return fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	return err
}

// check compares the index with the log.
func (r *Reader) check(ctx context.Context) error {
	cursor, hash, err := r.position(ctx)
	if err != nil {
		return err
	}
	// The index first: the log is never behind it.
	src, err := Directory(r.dir)
	if err != nil {
		return err
	}
	same, err := agrees(src, cursor, hash)
	if err == nil && !same {
		err = fmt.Errorf("%w: %s", ErrUnusable, ReasonRolledBack)
	}
	return err
}

func (r *Reader) position(ctx context.Context) (cursor uint64, hash []byte, err error) {
	err = r.view(ctx, func(v *view) error {
		var n int64
		if n, err = v.cursor(ctx); err != nil {
			return err
		}
		cursor = uint64(n)
		err := v.tx.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = ?`, metaLast).Scan(&hash)
		if errors.Is(err, sql.ErrNoRows) && n == 0 {
			return nil
		}
		if err == nil && len(hash) != sha256.Size {
			return damagedf("cursor %d", n)
		}
		return err
	})
	return cursor, hash, err
}

// Position returns the number of entries that the index has, as it is now.
func (r *Reader) Position(ctx context.Context) (uint64, error) {
	cursor, _, err := r.position(ctx)
	return cursor, err
}

// Close closes the file. Queries that run are waited for.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.db == nil {
		return nil
	}
	err := r.db.Close()
	r.db = nil
	return err
}

// use makes db the one to ask.
func (r *Reader) use(db *sql.DB) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.db = db
}

// view is the index at one moment, and the log beside it.
type view struct {
	tx    *sql.Tx
	lines *lines
	// prepared statements of this view, by text; none is used twice at a time.
	prepared map[string]*sql.Stmt
	blockNo  int64
	block    block
}

// view calls f with the index as it is now.
func (r *Reader) view(ctx context.Context, f func(*view) error) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.db == nil {
		return errClosed
	}
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	v := &view{tx: tx, lines: newLines(r.src, r.dir), prepared: map[string]*sql.Stmt{}, blockNo: -1}
	err = f(v)
	v.lines.close()
	// Nothing was written: there is nothing that ending it could lose.
	_ = tx.Rollback()
	if isDamaged(err) {
		r.report()
	}
	return err
}

// prepare prepares a statement once.
func (v *view) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	s := v.prepared[query]
	if s == nil {
		var err error
		if s, err = v.tx.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
		v.prepared[query] = s
	}
	return s, nil
}

// one asks for one row.
func (v *view) one(ctx context.Context, query string, args []any, to ...any) error {
	s, err := v.prepare(ctx, query)
	if err != nil {
		return err
	}
	return s.QueryRowContext(ctx, args...).Scan(to...)
}

func (v *view) cursor(ctx context.Context) (n int64, err error) {
	err = v.one(ctx, `SELECT value FROM meta WHERE key = ?`, []any{metaCursor}, &n)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return n, err
}

// name returns the number of a value, or 0.
func (v *view) name(ctx context.Context, f field, text string) (id int64, err error) {
	err = v.one(ctx, `SELECT id FROM names WHERE field = ? AND text = ?`, []any{int64(f), []byte(text)}, &id)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return id, err
}

func (v *view) text(ctx context.Context, id int64) (string, error) {
	var b []byte
	err := v.one(ctx, `SELECT text FROM names WHERE id = ?`, []any{id}, &b)
	if errors.Is(err, sql.ErrNoRows) {
		err = damagedf("no name %d", id)
	}
	return string(b), err
}

// place returns where an entry is.
func (v *view) place(ctx context.Context, index uint64) (place, bool, error) {
	if n := blockOf(index); n != v.blockNo {
		var data []byte
		err := v.one(ctx, `SELECT places FROM blocks WHERE block = ?`, []any{n}, &data)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return place{}, false, err
		}
		if v.block, err = decodeBlock(data); err != nil {
			return place{}, false, err
		}
		v.blockNo = n
	}
	p, ok := v.block.find(index)
	return p, ok, nil
}

// call returns what verdicts say about a call.
func (v *view) call(ctx context.Context, id string) (callState, error) {
	var b []byte
	err := v.one(ctx, `SELECT states FROM verdicts WHERE id = ?`, []any{[]byte(idKey(id))}, &b)
	if errors.Is(err, sql.ErrNoRows) {
		return callState{}, nil
	}
	if err != nil {
		return callState{}, err
	}
	return decodeCallState(b)
}

// Entry is an entry of the log as a query returns it.
type Entry struct {
	Line  []byte // as it stands in the log, without its newline
	Event audit.Event
	// State is what verdicts say about a call by now: that of its last attempt, or
	// what the call implies as long as there is none, see Filter. Of other events it
	// is their own.
	State string

	// Of an entry that was found among the findings:

	Call         *Entry           // that it is about, if the log has it
	Acknowledged *Acknowledgement // nil if nobody has
}

// Acknowledgement says who has seen a finding. If several have, it is the newest.
type Acknowledgement struct {
	ID   string // of the event that records it
	By   string // the Principal of that
	At   time.Time
	Note string
}

// entry reads an entry. The error is errGone if the log does not have it any
// more, and an *unreadableError if what it has is none.
func (v *view) entry(ctx context.Context, index uint64) (Entry, error) {
	at, ok, err := v.place(ctx, index)
	if err != nil {
		return Entry{}, err
	}
	if !ok {
		return Entry{}, damagedf("entry %d has no place", index)
	}
	line, err := v.lines.read(index, at.offset)
	if err != nil {
		return Entry{}, err
	}
	e, err := audit.ParseLine(line)
	if err != nil {
		return Entry{}, &unreadableError{index, err}
	}
	return Entry{Line: line, Event: e, State: e.State}, nil
}

// state fills in the state of an entry that is a line of a call.
func (v *view) state(ctx context.Context, e *Entry) error {
	if !isCall(e.Event.Kind) {
		return nil
	}
	e.State = ImpliedState(&e.Event)
	if e.Event.ID == "" {
		return nil
	}
	state, err := v.call(ctx, e.Event.ID)
	if err != nil {
		return err
	}
	if len(state.attempts) > 0 {
		e.State, err = v.text(ctx, state.shown())
		return err
	}
	if e.Event.Kind == audit.KindOutcome {
		return nil
	}
	outcome, err := v.newest(ctx, e.Event.ID, roleOutcome, roleOutcome, nil)
	if err == nil && outcome != nil {
		e.State = ImpliedState(&outcome.Event)
	}
	return err
}

// callOf returns the call that an event is about, by its outcome if there is one,
// or nil.
func (v *view) callOf(ctx context.Context, e *audit.Event) (*Entry, error) {
	call, err := v.newest(ctx, e.Of, roleOutcome, roleOutcome, nil)
	if err == nil && call == nil {
		call, err = v.newest(ctx, e.Of, roleIntent, roleIntent, nil)
	}
	if err != nil || call == nil {
		return nil, err
	}
	return call, v.state(ctx, call)
}

// acknowledgement returns the newest one of a finding.
func (v *view) acknowledgement(ctx context.Context, e *audit.Event) (*Acknowledgement, error) {
	if e.ID == "" {
		return nil, nil
	}
	found, err := v.newest(ctx, e.ID, roleOf, roleOf, func(a *audit.Event) bool {
		return a.Kind == audit.KindAdmin && a.Action == ActionFindingAcknowledged && a.Index > e.Index
	})
	if err != nil || found == nil {
		return nil, err
	}
	a := &found.Event
	return &Acknowledgement{ID: a.ID, By: a.Principal, At: a.Time, Note: a.Detail}, nil
}

// newest returns the newest entry to which an id is what the roles from first to
// last say, and that fits; or nil.
func (v *view) newest(ctx context.Context, id string, first, last idRole, fits func(*audit.Event) bool) (*Entry, error) {
	indices, err := v.roleRows(ctx, id, first, last)
	if err != nil {
		return nil, err
	}
	for _, index := range slices.Backward(indices) {
		e, err := v.entry(ctx, index)
		if _, unreadable := errors.AsType[*unreadableError](err); unreadable || errors.Is(err, errGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if fits == nil || fits(&e.Event) {
			return &e, nil
		}
	}
	return nil, nil
}
