package index

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// stream is one condition of a query: the rows that satisfy it, chunk by chunk,
// from the newest to the oldest.
type stream interface {
	// seek goes to the newest chunk at or before the one given in which there may
	// be rows. It never goes back up. -1 is the end.
	seek(chunk int64) (int64, error)
	// retain keeps the rows of m that satisfy the condition, in the chunk where
	// seek has gone.
	retain(m *bitmap) error
	close()
}

const noChunk = -1

// pausedError says that a stream has found nothing from chunk on upwards.
type pausedError struct{ chunk int64 }

func (e *pausedError) Error() string { return "query takes too long" }

// postingStream has the entries with one value. It asks for a run of chunks at a
// time.
type postingStream struct {
	ctx   context.Context
	ask   *sql.Stmt
	name  int64
	run   int64 // that found is of
	found *sql.Rows
	chunk int64
	rows  sql.RawBytes // of chunk; valid until the next step
}

func (v *view) postings(ctx context.Context, name, from int64) (*postingStream, error) {
	ask, err := v.tx.PrepareContext(ctx, `SELECT key, rows FROM postings WHERE key BETWEEN ? AND ? ORDER BY key DESC`)
	if err != nil {
		return nil, err
	}
	return &postingStream{ctx: ctx, ask: ask, name: name, run: from>>runBits + 1, chunk: from + 1}, nil
}

func (s *postingStream) seek(chunk int64) (int64, error) {
	for s.chunk > chunk {
		if s.found == nil || s.run > chunk>>runBits {
			if err := s.enter(min(s.run-1, chunk>>runBits), chunk); err != nil {
				return noChunk, err
			}
		}
		if s.found.Next() {
			var key int64
			if err := s.found.Scan(&key, &s.rows); err != nil {
				return noChunk, err
			}
			s.chunk = chunkOfPosting(key)
			continue
		}
		if err := errors.Join(s.found.Err(), s.found.Close()); err != nil {
			return noChunk, err
		}
		s.found = nil
		if s.run == 0 {
			s.chunk = noChunk
		}
	}
	return s.chunk, nil
}

// enter asks for the chunks of a run up to a chunk.
func (s *postingStream) enter(run, chunk int64) (err error) {
	s.close()
	last := min(chunk, run<<runBits|(runChunks-1))
	s.run = run
	s.found, err = s.ask.QueryContext(s.ctx, postingKey(s.name, run<<runBits), postingKey(s.name, last))
	return err
}

func (s *postingStream) retain(m *bitmap) error {
	var own bitmap
	if err := own.unite(s.rows); err != nil {
		return err
	}
	m.retain(&own)
	return nil
}

func (s *postingStream) close() {
	if s.found != nil {
		_ = s.found.Close()
		s.found = nil
	}
}

// chunkRowSet is an encoded set and where it belongs.
type chunkRowSet struct {
	chunk int64
	rows  []byte
}

// listStream has entries that are all in memory, sorted with the newest chunk
// first; a chunk may come several times.
type listStream struct {
	sets []chunkRowSet
}

func newListStream(sets []chunkRowSet) *listStream {
	slices.SortStableFunc(sets, func(a, b chunkRowSet) int { return int(b.chunk - a.chunk) })
	return &listStream{sets}
}

func (s *listStream) seek(chunk int64) (int64, error) {
	for len(s.sets) > 0 && s.sets[0].chunk > chunk {
		s.sets = s.sets[1:]
	}
	if len(s.sets) == 0 {
		return noChunk, nil
	}
	return s.sets[0].chunk, nil
}

func (s *listStream) retain(m *bitmap) error {
	own, err := s.united()
	if err == nil {
		m.retain(own)
	}
	return err
}

func (s *listStream) united() (*bitmap, error) {
	var own bitmap
	for _, set := range s.sets {
		if set.chunk != s.sets[0].chunk {
			break
		}
		if err := own.unite(set.rows); err != nil {
			return nil, err
		}
	}
	return &own, nil
}

func (s *listStream) close() {}

// unionStream has the entries that satisfy one of several conditions.
type unionStream struct {
	streams []stream
	at      []int64
	chunk   int64
}

func newUnionStream(streams ...stream) stream {
	if len(streams) == 1 {
		return streams[0]
	}
	return &unionStream{streams: streams, at: make([]int64, len(streams))}
}

func (s *unionStream) seek(chunk int64) (int64, error) {
	s.chunk = noChunk
	var paused *pausedError
	for i, one := range s.streams {
		at, err := one.seek(chunk)
		if p, ok := errors.AsType[*pausedError](err); ok {
			paused, at = p, noChunk
		} else if err != nil {
			return noChunk, err
		}
		s.at[i] = at
		s.chunk = max(s.chunk, at)
	}
	if paused != nil && s.chunk < paused.chunk {
		return noChunk, paused
	}
	return s.chunk, nil
}

func (s *unionStream) retain(m *bitmap) error {
	var own bitmap
	for i, one := range s.streams {
		if s.at[i] != s.chunk {
			continue
		}
		part := *m
		if err := one.retain(&part); err != nil {
			return err
		}
		for i := range own {
			own[i] |= part[i]
		}
	}
	*m = own
	return nil
}

func (s *unionStream) close() {
	for _, one := range s.streams {
		one.close()
	}
}

// manyStream has the entries with one of many values. It looks a window of
// chunks at a time, each twice as long as the one before, up to a run: the first entries are
// found at once if there are many, and few are found with few questions.
type manyStream struct {
	ctx    context.Context
	tx     *sql.Tx
	names  string // JSON
	until  time.Time
	window listStream
	low    int64 // all chunks from low on have been looked at
	width  int64
}

func (v *view) many(ctx context.Context, names []int64, from int64, until time.Time) (*manyStream, error) {
	list, err := json.Marshal(names)
	if err != nil {
		return nil, err
	}
	return &manyStream{ctx: ctx, tx: v.tx, names: string(list), until: until, low: from + 1, width: 1}, nil
}

func (s *manyStream) seek(chunk int64) (int64, error) {
	for {
		if at, _ := s.window.seek(chunk); at != noChunk {
			return at, nil
		}
		// A window that lies above the chunk would be looked at for nothing.
		s.low = min(s.low, chunk+1)
		if s.low <= 0 {
			return noChunk, nil
		}
		if err := s.load(); err != nil {
			return noChunk, err
		}
		if len(s.window.sets) == 0 && s.low > 0 && time.Now().After(s.until) {
			return noChunk, &pausedError{s.low}
		}
	}
}

func (s *manyStream) load() error {
	high := s.low - 1
	// A window does not leave its run, which bounds the memory too.
	s.low = max(high>>runBits<<runBits, s.low-s.width)
	s.width *= 2
	// CROSS JOIN keeps the order: the values outside, a range of keys for each.
	found, err := s.tx.QueryContext(s.ctx, `SELECT p.key, p.rows FROM json_each(?) n CROSS JOIN postings p
		ON p.key BETWEEN (n.value << ?) + ? AND (n.value << ?) + ?`,
		s.names, runBits, postingKey(0, s.low), runBits, postingKey(0, high))
	if err != nil {
		return err
	}
	defer found.Close()
	var sets []chunkRowSet
	for found.Next() {
		var key int64
		var rows []byte
		if err := found.Scan(&key, &rows); err != nil {
			return err
		}
		sets = append(sets, chunkRowSet{chunkOfPosting(key), rows})
	}
	s.window = *newListStream(sets)
	return found.Err()
}

func (s *manyStream) retain(m *bitmap) error { return s.window.retain(m) }
func (s *manyStream) close()                 {}

// timeStream has the entries of a time, to the microsecond.
type timeStream struct {
	ctx          context.Context
	v            *view
	since, until int64 // inclusive
	found        *sql.Rows
	chunk        int64
	span         span
}

func (v *view) times(ctx context.Context, since, until, from int64) (*timeStream, error) {
	found, err := v.tx.QueryContext(ctx, `SELECT chunk, first, last FROM chunks
		WHERE chunk <= ? AND last >= ? AND first <= ? ORDER BY chunk DESC`, from, since, until)
	if err != nil {
		return nil, err
	}
	return &timeStream{ctx: ctx, v: v, since: since, until: until, found: found, chunk: from + 1}, nil
}

func (s *timeStream) seek(chunk int64) (int64, error) {
	for s.chunk > chunk {
		if !s.found.Next() {
			s.chunk = noChunk
			return noChunk, s.found.Err()
		}
		if err := s.found.Scan(&s.chunk, &s.span.first, &s.span.last); err != nil {
			return noChunk, err
		}
	}
	return s.chunk, nil
}

// retain looks at entries one by one only in a chunk that lies partly outside.
func (s *timeStream) retain(m *bitmap) error {
	if s.since <= s.span.first && s.span.last <= s.until {
		return nil
	}
	for r := range m.descending {
		at, ok, err := s.v.place(s.ctx, indexOf(s.chunk, r))
		if err != nil {
			return err
		}
		if !ok || at.micros < s.since || at.micros > s.until {
			m[r/64] &^= 1 << (r % 64)
		}
	}
	return nil
}

func (s *timeStream) close() { _ = s.found.Close() }
