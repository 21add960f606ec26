package seekable

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// FrameBytes is the most content that a frame holds, and so what reading one
// byte costs. Frames four times as large are smaller by a few percent only.
const FrameBytes = 256 << 10

// The end of a file is two skippable frames. The first is gatepost's: a tag, the
// number and the checksum of each frame, and a checksum over both skippable
// frames. The second is the seek table of the zstd seekable format, version 0.1.0:
// stored size and content size of each frame, how many there are, a byte of
// flags, of which none is set, and a magic number. All numbers are little-endian.
const (
	magicOurs   = 0x184D2A50
	magicTable  = 0x184D2A5E
	magicFooter = 0x8F92EAB1
	tag         = "gatepost"

	skippableHead = 8 // magic number and size
	ourEntry      = 8 + 4
	checksumBytes = 4
	tableEntry    = 4 + 4
	footerBytes   = 4 + 1 + 4

	// maxStored bounds a frame: content that does not compress is stored as it is,
	// with a few bytes around it.
	maxStored = FrameBytes + 1<<10
)

// castagnoli is the polynomial that processors compute.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frame is one entry of the table.
type frame struct {
	number   uint64 // its caller's
	offset   int64  // in the content
	size     int    // of the content
	storedAt int64
	stored   int
	checksum uint32 // of the bytes as stored
}

func ourBytes(frames int) int     { return skippableHead + len(tag) + frames*ourEntry + checksumBytes }
func tableBytes(frames int) int   { return skippableHead + frames*tableEntry + footerBytes }
func trailerBytes(frames int) int { return ourBytes(frames) + tableBytes(frames) }

// appendTrailer appends the end of a file with these frames.
func appendTrailer(b []byte, frames []frame) []byte {
	le := binary.LittleEndian
	start := len(b)
	b = le.AppendUint32(b, magicOurs)
	b = le.AppendUint32(b, uint32(ourBytes(len(frames))-skippableHead))
	b = append(b, tag...)
	for _, f := range frames {
		b = le.AppendUint64(b, f.number)
		b = le.AppendUint32(b, f.checksum)
	}
	at := len(b)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint32(b, magicTable)
	b = le.AppendUint32(b, uint32(tableBytes(len(frames))-skippableHead))
	for _, f := range frames {
		b = le.AppendUint32(b, uint32(f.stored))
		b = le.AppendUint32(b, uint32(f.size))
	}
	b = le.AppendUint32(b, uint32(len(frames)))
	b = append(b, 0)
	b = le.AppendUint32(b, magicFooter)
	le.PutUint32(b[at:], crc32.Checksum(b[start:], castagnoli))
	return b
}

// parseTrailer reads the end of a file, of which the frames take so many bytes.
func parseTrailer(b []byte, count int, storedBytes int64) ([]frame, error) {
	le := binary.LittleEndian
	at := ourBytes(count) - checksumBytes
	sum := le.Uint32(b[at:])
	le.PutUint32(b[at:], 0)
	if got := crc32.Checksum(b, castagnoli); got != sum {
		return nil, fmt.Errorf("the table of its frames has checksum %08x instead of %08x", got, sum)
	}
	ours, table := b[:ourBytes(count)], b[ourBytes(count):]
	if le.Uint32(ours) != magicOurs || int(le.Uint32(ours[4:])) != len(ours)-skippableHead ||
		string(ours[skippableHead:skippableHead+len(tag)]) != tag ||
		le.Uint32(table) != magicTable || int(le.Uint32(table[4:])) != len(table)-skippableHead ||
		table[len(table)-5] != 0 {
		return nil, errForeign
	}
	ours, table = ours[skippableHead+len(tag):], table[skippableHead:]
	frames := make([]frame, count)
	var offset, storedAt int64
	for i := range frames {
		f := frame{
			number: le.Uint64(ours[i*ourEntry:]), checksum: le.Uint32(ours[i*ourEntry+8:]),
			offset: offset, storedAt: storedAt,
			stored: int(le.Uint32(table[i*tableEntry:])), size: int(le.Uint32(table[i*tableEntry+4:])),
		}
		if f.size < 1 || f.size > FrameBytes || f.stored < 1 || f.stored > maxStored || i > 0 && f.number <= frames[i-1].number {
			return nil, fmt.Errorf("the table has an impossible frame %d", i)
		}
		offset, storedAt = offset+int64(f.size), storedAt+int64(f.stored)
		frames[i] = f
	}
	if storedAt != storedBytes {
		return nil, fmt.Errorf("the frames take %d bytes by the table, and %d in the file", storedAt, storedBytes)
	}
	return frames, nil
}
