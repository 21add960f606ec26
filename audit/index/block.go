package index

import "encoding/binary"

// A block says of each of so many consecutive entries when it is from and where
// its line stands, in about eight bytes an entry. Reading one costs one row of
// the database, decoding it less than that.
const (
	blockBits = 7
	blockRows = 1 << blockBits
)

func blockOf(index uint64) int64 { return int64(index >> blockBits) }

// place is what a block knows of an entry.
type place struct {
	slot   uint8 // index modulo blockRows
	micros int64 // time, floored to a microsecond since 1970
	// offset is where the line begins in its segment, or -1. It is a hint that
	// saves a search: whoever uses it looks whether the line there is the right one.
	offset int64
}

// block has the places of the entries that exist, by slot.
type block []place

func (b block) appendTo(dst []byte) []byte {
	var prev place
	for _, p := range b {
		dst = append(dst, p.slot)
		dst = binary.AppendVarint(dst, p.micros-prev.micros)
		dst = binary.AppendVarint(dst, p.offset-prev.offset)
		prev = p
	}
	return dst
}

func decodeBlock(data []byte) (block, error) {
	b := make(block, 0, blockRows)
	var prev place
	for len(data) > 0 {
		p := place{slot: data[0]}
		data = data[1:]
		if p.slot >= blockRows || len(b) > 0 && p.slot <= prev.slot {
			return nil, damagedf("block is not in order")
		}
		for _, v := range []struct{ to, from *int64 }{{&p.micros, &prev.micros}, {&p.offset, &prev.offset}} {
			delta, n := binary.Varint(data)
			if n <= 0 {
				return nil, damagedf("block ends early")
			}
			*v.to = *v.from + delta
			data = data[n:]
		}
		b = append(b, p)
		prev = p
	}
	return b, nil
}

// find returns the place of an entry.
func (b block) find(index uint64) (place, bool) {
	slot := uint8(index & (blockRows - 1))
	for _, p := range b {
		if p.slot == slot {
			return p, true
		}
	}
	return place{}, false
}
