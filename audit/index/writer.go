package index

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// maxTransaction is how many entries a transaction takes at most: the more, the
// fewer pages are written for each, and the more memory they need.
const maxTransaction = 4 * chunkRows

// writer takes entries into the database. One goroutine owns it.
//
// What a chunk's entries have in common is gathered in memory and written when a
// transaction ends, which is when the chunk is full, or the journal has no more.
type writer struct {
	db   *sql.DB
	conn *session
	dir  string

	names    *namer
	sets     *pendingSets
	places   *places
	verdicts *verdicts
	intents  *intents
	tallies  *tallies
	setMeta  *inserter
	getMeta  *sql.Stmt

	begun   bool
	from    uint64 // the first entry of the transaction
	cursor  uint64 // the next entry to come
	last    []byte // the line before it
	stored  []byte // SHA-256 of the line before the stored cursor
	entries int    // of the transaction
	unread  int    // of those, lines that are no events
}

// openWriter opens the file at path, which holds the tables.
func openWriter(ctx context.Context, dir, path string) (w *writer, err error) {
	w = &writer{dir: dir}
	db, conn, err := openWriting(ctx, path)
	if err != nil {
		return nil, err
	}
	w.db, w.conn = db, &session{Conn: conn}
	if err := w.prepare(ctx); err != nil {
		return nil, errors.Join(err, w.close(ctx))
	}
	return w, nil
}

func (w *writer) prepare(ctx context.Context) (err error) {
	if w.names, err = newNamer(ctx, w.conn); err != nil {
		return err
	}
	if w.sets, err = newPendingSets(ctx, w.conn); err != nil {
		return err
	}
	if w.places, err = newPlaces(ctx, w.conn); err != nil {
		return err
	}
	if w.verdicts, err = newVerdicts(ctx, w.conn); err != nil {
		return err
	}
	if w.intents, err = newIntents(ctx, w.conn); err != nil {
		return err
	}
	if w.tallies, err = newTallies(ctx, w.conn); err != nil {
		return err
	}
	if w.setMeta, err = newInserter(ctx, w.conn, `INSERT OR REPLACE INTO meta (key, value)`, 2, ""); err != nil {
		return err
	}
	if w.getMeta, err = w.conn.PrepareContext(ctx, `SELECT value FROM meta WHERE key = ?`); err != nil {
		return err
	}
	return w.load(ctx)
}

// load goes back to what the database holds.
func (w *writer) load(ctx context.Context) error {
	var cursor, waiting int64
	offset := int64(-1)
	w.stored = nil
	for _, m := range []struct {
		key string
		to  any
	}{{metaCursor, &cursor}, {metaWaiting, &waiting}, {metaOffset, &offset}, {metaLast, &w.stored}} {
		if err := w.getMeta.QueryRowContext(ctx, m.key).Scan(m.to); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	if cursor < 0 || cursor > 0 && len(w.stored) != sha256.Size {
		return damagedf("cursor %d", cursor)
	}
	w.cursor, w.entries, w.unread = uint64(cursor), 0, 0
	w.setMeta.reset()
	w.tallies.reset()
	w.verdicts.reset(waiting)
	w.sets.reset(w.cursor)
	return errors.Join(w.names.load(ctx, w.conn), w.intents.load(ctx, w.conn), w.places.reset(ctx, w.cursor, offset))
}

func (w *writer) close(ctx context.Context) error {
	var err error
	if w.begun {
		_, err = w.conn.ExecContext(ctx, "ROLLBACK")
	}
	return errors.Join(err, w.conn.Close(), w.db.Close())
}

// begin starts a transaction unless there is one.
func (w *writer) begin(ctx context.Context) error {
	if w.begun {
		return nil
	}
	if _, err := w.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	w.begun, w.from = true, w.cursor
	w.places.segments = listSegments(w.dir)
	return nil
}

// flush writes what has gathered in memory, inside the transaction.
func (w *writer) flush(ctx context.Context) error {
	w.places.relist(listSegments(w.dir), w.from, w.cursor)
	return errors.Join(w.sets.flush(ctx), w.places.flush(ctx, w.cursor))
}

// commit ends the transaction; nothing of it is in the database before.
func (w *writer) commit(ctx context.Context) error {
	if !w.begun {
		return nil
	}
	sum := sha256.Sum256(w.last)
	for _, step := range []func(context.Context) error{
		w.flush,
		w.verdicts.flush,
		w.intents.flush,
		w.tallies.flush,
		func(ctx context.Context) error {
			return errors.Join(
				w.setMeta.add(ctx, metaCursor, int64(w.cursor)),
				w.setMeta.add(ctx, metaLast, sum[:]),
				w.setMeta.add(ctx, metaOffset, w.places.next),
				w.setMeta.add(ctx, metaWaiting, w.verdicts.waiting),
				w.setMeta.flush(ctx))
		},
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if _, err := w.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return err
	}
	w.begun, w.entries, w.unread, w.stored = false, 0, 0, sum[:]
	return w.enter(ctx, chunkOf(w.cursor))
}

// enter makes a chunk the one that grows. What is in memory is flushed.
func (w *writer) enter(ctx context.Context, chunk int64) error {
	w.sets.advance(chunk)
	if chunk == w.places.chunk {
		return nil
	}
	return w.places.enter(ctx, chunk)
}

// rollback undoes the transaction, in memory too.
func (w *writer) rollback(ctx context.Context) error {
	if w.begun {
		w.begun = false
		if _, err := w.conn.ExecContext(ctx, "ROLLBACK"); err != nil && isDamaged(err) {
			return err
		}
	}
	return w.load(ctx)
}

// add takes in an entry. If it is not the next, those before it are gone.
func (w *writer) add(ctx context.Context, line journal.Line) error {
	if line.Index < w.cursor || chunkOf(line.Index) > maxChunk {
		return fmt.Errorf("entry %d comes after entry %d", line.Index, w.cursor)
	}
	if line.Index > w.cursor {
		w.places.next = -1
	}
	if err := w.begin(ctx); err != nil {
		return err
	}
	if chunk := chunkOf(line.Index); chunk != w.places.chunk {
		if err := w.flush(ctx); err != nil {
			return err
		}
		if err := w.enter(ctx, chunk); err != nil {
			return err
		}
	}
	w.cursor = line.Index + 1
	w.entries++
	w.last = append(w.last[:0], line.Bytes...)

	e, err := audit.ParseLine(line.Bytes)
	if err != nil {
		// It has no place and no values: queries pass it by, and verify names it.
		w.unread++
		if w.places.next >= 0 {
			w.places.next += int64(len(line.Bytes)) + 1
		}
		return nil
	}
	if err := w.places.add(ctx, line.Index, e.Time.UnixMicro(), len(line.Bytes)); err != nil {
		return err
	}
	if err := w.addValues(ctx, line.Index, &e); err != nil {
		return err
	}
	if err := w.addIDs(ctx, line.Index, &e); err != nil {
		return err
	}
	switch e.Kind {
	case audit.KindOutcome, audit.KindIntent:
		return w.addCall(ctx, line.Index, &e)
	case audit.KindVerdict:
		return w.addVerdict(ctx, line.Index, &e)
	case audit.KindFinding:
		return w.addFinding(ctx, line.Index, &e)
	case audit.KindAdmin:
		if e.Action == ActionFindingAcknowledged && e.Of != "" {
			return w.addAcknowledgement(ctx, &e)
		}
	}
	return nil
}

// post adds an entry of the newest chunk to the rows of a value, and returns the
// value's number.
func (w *writer) post(ctx context.Context, f field, text string, index uint64) (int64, error) {
	v, err := w.names.value(ctx, f, text)
	if err != nil {
		return 0, err
	}
	if v.set == nil || v.generation != w.sets.generation {
		if v.set, err = w.sets.posting(ctx, v.name, w.sets.tail); err != nil {
			return 0, err
		}
		v.generation = w.sets.generation
	}
	w.sets.touch(v.set)
	v.set.rows.add(rowOf(index))
	return v.name, nil
}

// mark adds an entry to the rows of a value.
func (w *writer) mark(ctx context.Context, name int64, index uint64) error {
	s, err := w.sets.posting(ctx, name, chunkOf(index))
	if err == nil {
		s.rows.add(rowOf(index))
	}
	return err
}

// unmark takes an entry out of the rows of a value, and reports whether it was in
// them.
func (w *writer) unmark(ctx context.Context, name int64, index uint64) (was bool, err error) {
	s, err := w.sets.look(ctx, name, chunkOf(index))
	if err != nil || !s.rows.has(rowOf(index)) {
		return false, err
	}
	w.sets.touch(s)
	s.rows.remove(rowOf(index))
	return true, nil
}

func isListed(k audit.Kind) bool { return k != audit.KindIntent && k != audit.KindVerdict }

func (w *writer) addValues(ctx context.Context, index uint64, e *audit.Event) error {
	if isListed(e.Kind) {
		if _, err := w.post(ctx, fieldListed, "", index); err != nil {
			return err
		}
	}
	for _, v := range [...]struct {
		field field
		text  string
	}{
		{fieldKind, string(e.Kind)},
		{fieldPrincipal, e.Principal},
		{fieldConnection, e.ConnectionID},
		{fieldOperation, e.Operation},
		{fieldRegion, e.Region},
		{fieldDecision, string(e.Decision)},
		{fieldCache, string(e.Cache)},
		{fieldErrorClass, string(e.ErrorClass)},
		{fieldUserAgent, e.UserAgent},
		{fieldAccessKey, e.AccessKeyID},
	} {
		if v.text == "" {
			continue
		}
		if _, err := w.post(ctx, v.field, v.text, index); err != nil {
			return err
		}
	}
	if e.State == "" || isCall(e.Kind) {
		return nil
	}
	state, err := w.post(ctx, fieldState, e.State, index)
	if err == nil && e.Kind == audit.KindFinding {
		w.tallies.count(e.Time.UnixMicro(), state, 1)
	}
	return err
}

// isCall holds for the kinds whose state is what verdicts say.
func isCall(k audit.Kind) bool { return k == audit.KindOutcome || k == audit.KindIntent }

func (w *writer) addIDs(ctx context.Context, index uint64, e *audit.Event) error {
	own := roleOther
	switch e.Kind {
	case audit.KindOutcome:
		own = roleOutcome
	case audit.KindIntent:
		own = roleIntent
	}
	for role, id := range idsOf(e, own) {
		if err := w.sets.addID(ctx, role, id, rowOf(index)); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) tally(ctx context.Context, index uint64, micros int64, e *audit.Event) error {
	w.tallies.count(micros, allCalls, 1)
	refused := e.Decision == audit.Deny
	for _, v := range [...]struct {
		field field
		text  string
		use   bool
	}{
		{fieldCache, string(e.Cache), false},
		{fieldErrorClass, string(e.ErrorClass), false},
		{fieldConnection, e.ConnectionID, true},
		{fieldCaller, callerOf(e), true},
	} {
		if v.text == "" {
			continue
		}
		name, err := w.names.id(ctx, v.field, v.text)
		if err != nil {
			return err
		}
		if v.use {
			w.tallies.use(name, v.field, index, refused)
		} else {
			w.tallies.count(micros, name, 1)
		}
	}
	return nil
}

func callerOf(e *audit.Event) string {
	if e.Principal == "" && e.AccessKeyID == "" {
		return ""
	}
	return callerText(e.Principal, e.AccessKeyID)
}
