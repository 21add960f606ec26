package index

import (
	"context"
	"database/sql"
	"errors"
	"math"
)

// span is the time of a chunk's oldest and newest entry.
type span struct{ first, last int64 }

// places are the blocks and the spans that the writer has not flushed, and the
// block and chunk that grow.
type places struct {
	blocks map[int64]block
	dirty  map[int64]bool
	chunk  int64
	span   span
	moved  bool // span has changed

	// next is where the next line begins in its segment, or -1.
	next     int64
	segments []uint64

	insertBlock, insertChunk *inserter
	findBlock, findChunk     *sql.Stmt
}

func newPlaces(ctx context.Context, c *session) (p *places, err error) {
	p = &places{}
	if p.insertBlock, err = newInserter(ctx, c, `INSERT OR REPLACE INTO blocks (block, places)`, 2, ""); err != nil {
		return nil, err
	}
	if p.insertChunk, err = newInserter(ctx, c, `INSERT OR REPLACE INTO chunks (chunk, first, last)`, 3, ""); err != nil {
		return nil, err
	}
	if p.findBlock, err = c.PrepareContext(ctx, `SELECT places FROM blocks WHERE block = ?`); err != nil {
		return nil, err
	}
	p.findChunk, err = c.PrepareContext(ctx, `SELECT first, last FROM chunks WHERE chunk = ?`)
	return p, err
}

// reset forgets everything and goes on at an entry.
func (p *places) reset(ctx context.Context, cursor uint64, offset int64) error {
	p.blocks, p.dirty = map[int64]block{}, map[int64]bool{}
	p.moved, p.next = false, offset
	p.insertBlock.reset()
	p.insertChunk.reset()
	return p.enter(ctx, chunkOf(cursor))
}

// enter makes a chunk the one that grows.
func (p *places) enter(ctx context.Context, chunk int64) error {
	p.chunk = chunk
	p.span = span{math.MaxInt64, math.MinInt64}
	err := p.findChunk.QueryRowContext(ctx, chunk).Scan(&p.span.first, &p.span.last)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// add takes in an entry and the length of its line.
func (p *places) add(ctx context.Context, index uint64, micros int64, length int) error {
	if first, ok := holder(p.segments, index); ok && first == index {
		p.next = 0
	}
	b, err := p.load(ctx, blockOf(index))
	if err != nil {
		return err
	}
	p.blocks[blockOf(index)] = append(b, place{uint8(index & (blockRows - 1)), micros, p.next})
	p.dirty[blockOf(index)] = true
	p.span = span{min(p.span.first, micros), max(p.span.last, micros)}
	p.moved = true
	if p.next >= 0 {
		p.next += int64(length) + 1
	}
	return nil
}

// find returns the place of an entry.
func (p *places) find(ctx context.Context, index uint64) (place, error) {
	b, err := p.load(ctx, blockOf(index))
	if err != nil {
		return place{}, err
	}
	found, ok := b.find(index)
	if !ok {
		return place{}, damagedf("entry %d has no place", index)
	}
	return found, nil
}

func (p *places) load(ctx context.Context, n int64) (block, error) {
	if b, ok := p.blocks[n]; ok {
		return b, nil
	}
	var data []byte
	err := p.findBlock.QueryRowContext(ctx, n).Scan(&data)
	var b block
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return nil, err
	default:
		if b, err = decodeBlock(data); err != nil {
			return nil, err
		}
	}
	p.blocks[n] = b
	return b, nil
}

// relist looks which segments there are. Entries from index on that turn out to
// stand in a newer one than was known get their offsets right.
func (p *places) relist(segments []uint64, from, cursor uint64) {
	for _, first := range segments {
		if first < from || first > cursor {
			continue
		}
		if held, ok := holder(p.segments, first); ok && held == first {
			continue
		}
		begin := p.next
		if first < cursor {
			b := p.blocks[blockOf(first)]
			at, ok := b.find(first)
			if !ok {
				continue
			}
			begin = at.offset
		}
		if begin < 0 {
			continue
		}
		for n, b := range p.blocks {
			for i := range b {
				if uint64(n)<<blockBits|uint64(b[i].slot) >= first && b[i].offset >= 0 {
					b[i].offset -= begin
				}
			}
		}
		if p.next >= 0 {
			p.next -= begin
		}
	}
	p.segments = segments
}

// flush writes what has changed, and forgets all but the block that grows.
func (p *places) flush(ctx context.Context, cursor uint64) error {
	for n := range p.dirty {
		if err := p.insertBlock.add(ctx, n, p.blocks[n].appendTo(nil)); err != nil {
			return err
		}
	}
	clear(p.dirty)
	for n := range p.blocks {
		if n != blockOf(cursor) {
			delete(p.blocks, n)
		}
	}
	if p.moved {
		if err := p.insertChunk.add(ctx, p.chunk, p.span.first, p.span.last); err != nil {
			return err
		}
		p.moved = false
	}
	return errors.Join(p.insertBlock.flush(ctx), p.insertChunk.flush(ctx))
}
