package index

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
)

// postingSet is the rows of a value in a chunk, with what the database does not
// have yet.
type postingSet struct {
	key   int64
	rows  rowSet
	dirty bool
}

// idSet is the rows of an id in a role, in the newest chunk.
type idSet struct {
	id    string // its key, see idKey
	place int64
	rows  rowSet
	small [2]uint16 // what rows begin with: few ids have more
	dirty bool
}

// pendingSets are the sets of the newest chunk, and the postings of older ones
// that the transaction has changed.
type pendingSets struct {
	// tail is the newest chunk. Its sets stay in memory until it is full, and the
	// database need not be asked for others, unless the process has not seen the
	// chunk's beginning.
	tail, resumed int64
	// generation changes when sets are dropped that others may point to.
	generation int

	postings map[int64]*postingSet
	ids      map[string]*idSet // by role and key
	older    bool              // there are postings of older chunks
	changed  struct {
		postings []*postingSet
		ids      []*idSet
	}
	key []byte

	insertPosting, insertID        *inserter
	findPosting, findID, findOwnID *sql.Stmt
}

func newPendingSets(ctx context.Context, c *session) (p *pendingSets, err error) {
	p = &pendingSets{}
	p.insertPosting, err = newInserter(ctx, c, `INSERT OR REPLACE INTO postings (key, rows)`, 2, "")
	if err != nil {
		return nil, err
	}
	p.insertID, err = newInserter(ctx, c, `INSERT OR REPLACE INTO ids (run, id, place, rows)`, 4, "")
	if err != nil {
		return nil, err
	}
	for _, q := range []struct {
		to  **sql.Stmt
		sql string
	}{
		{&p.findPosting, `SELECT rows FROM postings WHERE key = ?`},
		{&p.findID, `SELECT rows FROM ids WHERE run = ? AND id = ? AND place = ?`},
		{&p.findOwnID, `SELECT place, rows FROM ids WHERE run = 0 AND id = ? AND place BETWEEN ? AND ?`},
	} {
		if *q.to, err = c.PrepareContext(ctx, q.sql); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// reset forgets everything and goes on at an entry.
func (p *pendingSets) reset(cursor uint64) {
	p.postings, p.ids = map[int64]*postingSet{}, map[string]*idSet{}
	p.changed.postings, p.changed.ids = nil, nil
	p.older = false
	p.generation++
	p.insertPosting.reset()
	p.insertID.reset()
	p.tail = chunkOf(cursor)
	p.resumed = p.tail
	if rowOf(cursor) == 0 {
		p.resumed--
	}
}

// known reports whether the database has nothing of a chunk that is not in
// memory.
func (p *pendingSets) known(chunk int64) bool { return chunk == p.tail && chunk != p.resumed }

// posting returns the rows of a value in a chunk, to be changed.
func (p *pendingSets) posting(ctx context.Context, name, chunk int64) (*postingSet, error) {
	s, err := p.look(ctx, name, chunk)
	if err == nil {
		p.touch(s)
	}
	return s, err
}

// look returns the rows of a value in a chunk. Touch them before they are changed.
func (p *pendingSets) look(ctx context.Context, name, chunk int64) (*postingSet, error) {
	key := postingKey(name, chunk)
	s := p.postings[key]
	if s == nil {
		s = &postingSet{key: key}
		if !p.known(chunk) {
			if err := loadRows(&s.rows, p.findPosting.QueryRowContext(ctx, key)); err != nil {
				return nil, err
			}
		}
		p.postings[key] = s
		p.older = p.older || chunk != p.tail
	}
	return s, nil
}

// touch says that a posting is about to be changed.
func (p *pendingSets) touch(s *postingSet) {
	if !s.dirty {
		s.dirty = true
		p.changed.postings = append(p.changed.postings, s)
	}
}

// addID adds an entry of the newest chunk to the rows of an id.
func (p *pendingSets) addID(ctx context.Context, role idRole, id string, row uint16) error {
	p.key = appendIDKey(append(p.key[:0], byte(role)), id)
	s := p.ids[string(p.key)]
	if s == nil {
		key := string(p.key)
		s = &idSet{id: key[1:], place: idPlace(role, p.tail)}
		s.rows.list = s.small[:0]
		if !p.known(p.tail) {
			err := loadRows(&s.rows, p.findID.QueryRowContext(ctx, role.run(p.tail), []byte(s.id), s.place))
			if err != nil {
				return err
			}
		}
		p.ids[key] = s
	}
	if !s.dirty {
		s.dirty = true
		p.changed.ids = append(p.changed.ids, s)
	}
	s.rows.add(row)
	return nil
}

func loadRows(to *rowSet, found *sql.Row) error {
	var b []byte
	err := found.Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		*to, err = decodeRowSet(b)
	}
	return err
}

// callRows returns the entries that are lines of a call, in two roles.
func (p *pendingSets) callRows(ctx context.Context, id string) (outcomes, intents []uint64, err error) {
	err = p.ownRows(ctx, id, roleOutcome, roleIntent, func(role idRole, index uint64) {
		if role == roleIntent {
			intents = append(intents, index)
		} else {
			outcomes = append(outcomes, index)
		}
	})
	return outcomes, intents, err
}

// ownRows calls take with the entries that have an id as their own, in the roles
// from first to last.
func (p *pendingSets) ownRows(ctx context.Context, id string, first, last idRole, take func(idRole, uint64)) error {
	all := func(place int64, rows *rowSet) {
		for r := range rows.all {
			take(idRole(place>>placeRoleShift), indexOf(chunkOfPlace(place), r))
		}
	}
	var inMemory [roleOther + 1]bool
	for role := first; role <= last; role++ {
		p.key = append(append(p.key[:0], byte(role)), id...)
		if s := p.ids[string(p.key)]; s != nil {
			all(s.place, &s.rows)
			inMemory[role] = true
		}
	}
	found, err := p.findOwnID.QueryContext(ctx, []byte(id), idPlace(first, 0), idPlace(last, maxChunk))
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		var place int64
		var b sql.RawBytes
		if err := found.Scan(&place, &b); err != nil {
			return err
		}
		if chunkOfPlace(place) == p.tail && inMemory[place>>placeRoleShift] {
			continue
		}
		rows, err := decodeRowSet(b)
		if err != nil {
			return err
		}
		all(place, &rows)
	}
	return found.Err()
}

// flush writes what has changed, in the order of the tables, so that each page
// is visited once.
func (p *pendingSets) flush(ctx context.Context) error {
	postings, ids := p.changed.postings, p.changed.ids
	slices.SortFunc(postings, func(a, b *postingSet) int { return cmp.Compare(a.key, b.key) })
	for _, s := range postings {
		s.dirty = false
		if err := p.insertPosting.add(ctx, s.key, encode(&s.rows)); err != nil {
			return err
		}
	}
	slices.SortFunc(ids, func(a, b *idSet) int {
		return cmp.Or(cmp.Compare(a.run(), b.run()), strings.Compare(a.id, b.id), cmp.Compare(a.place, b.place))
	})
	for _, s := range ids {
		s.dirty = false
		if err := p.insertID.add(ctx, s.run(), []byte(s.id), s.place, encode(&s.rows)); err != nil {
			return err
		}
	}
	clear(postings)
	clear(ids)
	p.changed.postings, p.changed.ids = postings[:0], ids[:0]
	return errors.Join(p.insertPosting.flush(ctx), p.insertID.flush(ctx))
}

func (s *idSet) run() int64 { return idRole(s.place >> placeRoleShift).run(chunkOfPlace(s.place)) }

// encode returns an encoding that is never nil, which would be NULL.
func encode(s *rowSet) []byte {
	return s.appendTo(make([]byte, 0, 2*len(s.list)+8*len(s.words)))
}

// advance drops from memory what is not of the chunk that grows, once it is
// flushed.
func (p *pendingSets) advance(tail int64) {
	if tail != p.tail {
		p.tail = tail
		p.generation++
		clear(p.postings)
		clear(p.ids)
	} else if p.older {
		p.generation++
		for key := range p.postings {
			if chunkOfPosting(key) != tail {
				delete(p.postings, key)
			}
		}
	}
	p.older = false
}
