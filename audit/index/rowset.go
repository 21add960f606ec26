package index

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// Rows are kept in chunks: so many consecutive entries of the log, each known
// by its offset in the chunk. A set of all of a chunk's rows takes 2 KiB, which
// is little enough to rewrite the newest a few times a second, and large enough
// that ten million entries are 611 chunks.
const (
	chunkBits = 14
	chunkRows = 1 << chunkBits
	setWords  = chunkRows / 64
	setBytes  = chunkRows / 8
	// maxList is how many rows a set holds as a list. A longer list would take
	// more room than the bitmap, and the length of an encoding tells which it is.
	maxList = setBytes/2 - 1
)

func chunkOf(index uint64) int64 { return int64(index >> chunkBits) }
func rowOf(index uint64) uint16  { return uint16(index & (chunkRows - 1)) }

func indexOf(chunk int64, row uint16) uint64 { return uint64(chunk)<<chunkBits | uint64(row) }

// rowSet is a set of rows of one chunk, for the writer. A long one is a bitmap,
// and stays one.
type rowSet struct {
	list  []uint16 // ascending
	words []uint64
}

func (s *rowSet) add(r uint16) {
	if s.words != nil {
		s.words[r/64] |= 1 << (r % 64)
		return
	}
	at := len(s.list)
	if at > 0 && s.list[at-1] >= r {
		var found bool
		if at, found = slices.BinarySearch(s.list, r); found {
			return
		}
	}
	s.list = slices.Insert(s.list, at, r)
	if len(s.list) > maxList {
		s.words = make([]uint64, setWords)
		for _, r := range s.list {
			s.words[r/64] |= 1 << (r % 64)
		}
		s.list = nil
	}
}

func (s *rowSet) remove(r uint16) {
	if s.words != nil {
		s.words[r/64] &^= 1 << (r % 64)
	} else if at, found := slices.BinarySearch(s.list, r); found {
		s.list = slices.Delete(s.list, at, at+1)
	}
}

func (s *rowSet) has(r uint16) bool {
	if s.words != nil {
		return s.words[r/64]&(1<<(r%64)) != 0
	}
	_, found := slices.BinarySearch(s.list, r)
	return found
}

// all yields the rows.
func (s *rowSet) all(yield func(uint16) bool) {
	for i, w := range s.words {
		for ; w != 0; w &= w - 1 {
			if !yield(uint16(64*i + bits.TrailingZeros64(w))) {
				return
			}
		}
	}
	for _, r := range s.list {
		if !yield(r) {
			return
		}
	}
}

func (s *rowSet) appendTo(dst []byte) []byte {
	for _, w := range s.words {
		dst = binary.LittleEndian.AppendUint64(dst, w)
	}
	for _, r := range s.list {
		dst = binary.LittleEndian.AppendUint16(dst, r)
	}
	return dst
}

func decodeRowSet(b []byte) (rowSet, error) {
	var s rowSet
	if len(b) == setBytes {
		s.words = make([]uint64, setWords)
		for i := range s.words {
			s.words[i] = binary.LittleEndian.Uint64(b[8*i:])
		}
		return s, nil
	}
	if err := checkList(b); err != nil {
		return s, err
	}
	s.list = make([]uint16, len(b)/2)
	for i := range s.list {
		s.list[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return s, nil
}

func checkList(b []byte) error {
	if len(b)%2 != 0 || len(b)/2 > maxList {
		return damagedf("row set of %d bytes", len(b))
	}
	last := -1
	for i := 0; i < len(b); i += 2 {
		r := int(binary.LittleEndian.Uint16(b[i:]))
		if r <= last || r >= chunkRows {
			return damagedf("row set is not in order")
		}
		last = r
	}
	return nil
}

// bitmap is a set of rows of one chunk, for queries.
type bitmap [setWords]uint64

// unite adds the rows of an encoded set.
func (m *bitmap) unite(b []byte) error {
	if len(b) == setBytes {
		for i := range m {
			m[i] |= binary.LittleEndian.Uint64(b[8*i:])
		}
		return nil
	}
	if err := checkList(b); err != nil {
		return err
	}
	for i := 0; i < len(b); i += 2 {
		r := binary.LittleEndian.Uint16(b[i:])
		m[r/64] |= 1 << (r % 64)
	}
	return nil
}

// retain keeps the rows that other has too.
func (m *bitmap) retain(other *bitmap) {
	for i := range m {
		m[i] &= other[i]
	}
}

// retainBelow keeps the rows before r; r may be chunkRows.
func (m *bitmap) retainBelow(r int) {
	if r >= chunkRows {
		return
	}
	m[r/64] &= 1<<(r%64) - 1
	clear(m[r/64+1:])
}

func (m *bitmap) fill() {
	for i := range m {
		m[i] = ^uint64(0)
	}
}

// descending yields the rows from the last to the first.
func (m *bitmap) descending(yield func(uint16) bool) {
	for i := len(m) - 1; i >= 0; i-- {
		for w := m[i]; w != 0; {
			bit := 63 - bits.LeadingZeros64(w)
			if !yield(uint16(64*i + bit)) {
				return
			}
			w &^= 1 << bit
		}
	}
}
