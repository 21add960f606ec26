package index

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
)

// setKey names a set of rows: of a posting or of an id.
type setKey struct {
	id    string // empty for a posting
	place int64  // of an id, or a posting's key
}

func (k setKey) chunk() int64 {
	if k.id == "" {
		return k.place & maxChunk
	}
	return chunkOfPlace(k.place)
}

// pendingSet is a set with what the database does not have yet.
type pendingSet struct {
	setKey
	rows  rowSet
	dirty bool
}

// pendingSets are the sets of the newest chunk, and those of older ones that
// this transaction has changed.
type pendingSets struct {
	sets  map[setKey]*pendingSet
	dirty []*pendingSet
	// tail is the newest chunk. Its sets stay in memory until it is full, and the
	// database need not be asked for others, unless the process has not seen the
	// chunk's beginning.
	tail, resumed int64

	postings, ids         *inserter
	findPosting, findID   *sql.Stmt
	findCall              *sql.Stmt
	postingOrder, idOrder []*pendingSet
}

func newPendingSets(ctx context.Context, c *sql.Conn) (p *pendingSets, err error) {
	p = &pendingSets{}
	p.postings, err = newInserter(ctx, c, `INSERT OR REPLACE INTO postings (key, rows)`, 2, "")
	if err != nil {
		return nil, err
	}
	p.ids, err = newInserter(ctx, c, `INSERT OR REPLACE INTO ids (id, place, rows)`, 3, "")
	if err != nil {
		return nil, err
	}
	for _, q := range []struct {
		to  **sql.Stmt
		sql string
	}{
		{&p.findPosting, `SELECT rows FROM postings WHERE key = ?`},
		{&p.findID, `SELECT rows FROM ids WHERE id = ? AND place = ?`},
		{&p.findCall, `SELECT place, rows FROM ids WHERE id = ? AND place BETWEEN ? AND ?`},
	} {
		if *q.to, err = c.PrepareContext(ctx, q.sql); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// reset forgets everything and goes on at an entry.
func (p *pendingSets) reset(cursor uint64) {
	p.sets = map[setKey]*pendingSet{}
	p.dirty = nil
	p.postings.reset()
	p.ids.reset()
	p.tail = chunkOf(cursor)
	p.resumed = p.tail
	if rowOf(cursor) == 0 {
		p.resumed--
	}
}

// set returns a set to be changed.
func (p *pendingSets) set(ctx context.Context, k setKey) (*pendingSet, error) {
	s := p.sets[k]
	if s == nil {
		s = &pendingSet{setKey: k}
		if chunk := k.chunk(); chunk != p.tail || chunk == p.resumed {
			if err := p.load(ctx, s); err != nil {
				return nil, err
			}
		}
		p.sets[k] = s
	}
	if !s.dirty {
		s.dirty = true
		p.dirty = append(p.dirty, s)
	}
	return s, nil
}

func (p *pendingSets) load(ctx context.Context, s *pendingSet) error {
	row := p.findPosting.QueryRowContext
	args := []any{s.place}
	if s.id != "" {
		row = p.findID.QueryRowContext
		args = []any{[]byte(s.id), s.place}
	}
	var b []byte
	err := row(ctx, args...).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		s.rows, err = decodeRowSet(b)
	}
	return err
}

func (p *pendingSets) add(ctx context.Context, k setKey, row uint16) error {
	s, err := p.set(ctx, k)
	if err == nil {
		s.rows.add(row)
	}
	return err
}

func (p *pendingSets) remove(ctx context.Context, k setKey, row uint16) error {
	s, err := p.set(ctx, k)
	if err == nil {
		s.rows.remove(row)
	}
	return err
}

// callRows returns the entries that are lines of a call, in two roles.
func (p *pendingSets) callRows(ctx context.Context, id string) (outcomes, intents []uint64, err error) {
	take := func(place int64, rows *rowSet) {
		to := &outcomes
		if idRole(place>>placeRoleShift) == roleIntent {
			to = &intents
		}
		for r := range rows.all {
			*to = append(*to, indexOf(chunkOfPlace(place), r))
		}
	}
	for _, role := range []idRole{roleOutcome, roleIntent} {
		if s := p.sets[setKey{id, idPlace(role, p.tail)}]; s != nil {
			take(s.place, &s.rows)
		}
	}
	found, err := p.findCall.QueryContext(ctx, []byte(id), idPlace(roleOutcome, 0), idPlace(roleIntent, maxChunk))
	if err != nil {
		return nil, nil, err
	}
	defer found.Close()
	for found.Next() {
		var place int64
		var b sql.RawBytes
		if err := found.Scan(&place, &b); err != nil {
			return nil, nil, err
		}
		if p.sets[setKey{id, place}] != nil {
			continue
		}
		rows, err := decodeRowSet(b)
		if err != nil {
			return nil, nil, err
		}
		take(place, &rows)
	}
	return outcomes, intents, found.Err()
}

// flush writes what has changed, in the order of the tables, so that each page
// is visited once.
func (p *pendingSets) flush(ctx context.Context) error {
	postings, ids := p.postingOrder[:0], p.idOrder[:0]
	for _, s := range p.dirty {
		s.dirty = false
		if s.id == "" {
			postings = append(postings, s)
		} else {
			ids = append(ids, s)
		}
	}
	p.dirty = p.dirty[:0]
	slices.SortFunc(postings, func(a, b *pendingSet) int { return cmp.Compare(a.place, b.place) })
	slices.SortFunc(ids, func(a, b *pendingSet) int {
		return cmp.Or(strings.Compare(a.id, b.id), cmp.Compare(a.place, b.place))
	})
	for _, s := range postings {
		if err := p.postings.add(ctx, s.place, encode(&s.rows)); err != nil {
			return err
		}
	}
	for _, s := range ids {
		if err := p.ids.add(ctx, []byte(s.id), s.place, encode(&s.rows)); err != nil {
			return err
		}
	}
	clear(postings)
	clear(ids)
	p.postingOrder, p.idOrder = postings[:0], ids[:0]
	return errors.Join(p.postings.flush(ctx), p.ids.flush(ctx))
}

// encode returns an encoding that is never nil, which would be NULL.
func encode(s *rowSet) []byte {
	return s.appendTo(make([]byte, 0, 2*len(s.list)+8*len(s.words)))
}

// advance drops from memory what is not of the chunk that grows, once it is
// flushed.
func (p *pendingSets) advance(tail int64) {
	if tail != p.tail {
		p.tail = tail
		clear(p.sets)
		return
	}
	for k := range p.sets {
		if k.chunk() != tail {
			delete(p.sets, k)
		}
	}
}
