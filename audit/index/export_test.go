package index

import (
	"bytes"
	"context"
	"testing"
	"time"
)

// Step brings the index to where the journal is, as Run does.
func (x *Index) Step(ctx context.Context) error {
	x.working.Lock()
	defer x.working.Unlock()
	return x.step(ctx, nil)
}

// AddWithoutCommit takes in what the journal has, and leaves the transaction
// open.
func (x *Index) AddWithoutCommit(ctx context.Context) error {
	x.working.Lock()
	defer x.working.Unlock()
	for line, err := range x.cfg.Source.Read(x.w.cursor) {
		if err != nil {
			return err
		}
		if err := x.w.add(ctx, line); err != nil {
			return err
		}
	}
	return x.w.flush(ctx)
}

// SetBudget changes how long a query looks.
func (r *Reader) SetBudget(d time.Duration) { r.budget = d }

// SetTransaction changes how many entries a transaction has at most.
func (x *Index) SetTransaction(n int) { x.transaction = n }

// ChunkRows is how many entries a chunk has.
const ChunkRows = chunkRows

func MatchExpression(q string) string      { return matchExpression(q) }
func IndexedText(s string) string          { return indexedText(s) }
func ParseCursor(s string) (uint64, error) { return parseCursor(s) }
func EncodeCursor(before uint64) string    { return encodeCursor(before) }
func IDKey(id string) string               { return idKey(id) }
func HasIDPrefix(id, prefix string) bool   { return hasIDPrefix(id, prefix) }
func ContainsFold(s, part string) bool     { return containsFold(s, part) }

// InRange reports whether an id's key is in one of the ranges of a prefix.
func InRange(id, prefix string) bool {
	for _, r := range idRanges(prefix) {
		if k := idKey(id); r.low <= k && k < r.high {
			return true
		}
	}
	return false
}

// DecodeAll decodes b as everything that is stored, and encodes what it accepts.
func DecodeAll(t *testing.T, b []byte) {
	if s, err := decodeRowSet(b); err == nil {
		var m bitmap
		if err := m.unite(b); err != nil {
			t.Errorf("%x is a set of rows to one and not to the other: %v", b, err)
		}
		if got := s.appendTo(nil); !bytes.Equal(got, b) {
			t.Errorf("set of rows %x becomes %x", b, got)
		}
		n := 0
		for r := range s.all {
			if m[r/64]&(1<<(r%64)) == 0 {
				t.Errorf("%d is not in %x", r, b)
			}
			n++
		}
		for range m.descending {
			n--
		}
		if n != 0 {
			t.Errorf("%x has %d rows more one way than the other", b, n)
		}
	}
	if c, err := decodeCallState(b); err == nil {
		if again, err := decodeCallState(c.appendTo(nil)); err != nil || len(again.attempts) != len(c.attempts) {
			t.Errorf("state %x: %v, %v", b, again, err)
		}
	}
	if p, err := decodeBlock(b); err == nil {
		if again, err := decodeBlock(p.appendTo(nil)); err != nil || len(again) != len(p) {
			t.Errorf("block %x: %v, %v", b, again, err)
		}
	}
	_, _, _ = parseCallerText(string(b))
}
