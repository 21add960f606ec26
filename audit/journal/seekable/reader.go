package seekable

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sort"

	"github.com/klauspost/compress/zstd"
)

var errForeign = errors.New("not a file of gatepost's")

// FormatError says that a file has no sound table of its frames, so that nothing
// in it can be found.
type FormatError struct{ Err error }

func (e *FormatError) Error() string { return "compressed file is damaged: " + e.Err.Error() }
func (e *FormatError) Unwrap() error { return e.Err }

// FrameError says that a frame is not what was written.
type FrameError struct {
	Number uint64 // the frame's
	Offset int64  // of its first byte in the content
	Size   int    // of its content
	Err    error
}

func (e *FrameError) Error() string {
	return fmt.Sprintf("compressed frame %d is damaged: %v", e.Number, e.Err)
}
func (e *FrameError) Unwrap() error { return e.Err }

// Reader reads a file's content at any place.
type Reader struct {
	from    io.ReaderAt
	frames  []frame
	size    int64
	decoder *zstd.Decoder
	stored  []byte
	// cached are the frames last read: whoever reads backward in pieces meets each
	// twice.
	cached [2]content
}

// content is that of one frame.
type content struct {
	frame int
	data  []byte // nil: of none
}

// NewReader opens a file of the given size. Its table is checked, its frames are
// when they are read. If it is not a sound table, the error is a [*FormatError].
func NewReader(from io.ReaderAt, size int64) (*Reader, error) {
	frames, err := readTable(from, size)
	if err != nil {
		return nil, err
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(FrameBytes))
	if err != nil {
		return nil, err
	}
	r := &Reader{from: from, frames: frames, decoder: decoder}
	if n := len(frames); n > 0 {
		r.size = frames[n-1].offset + int64(frames[n-1].size)
	}
	return r, nil
}

func readTable(from io.ReaderAt, size int64) ([]frame, error) {
	if size < int64(trailerBytes(0)) {
		return nil, &FormatError{fmt.Errorf("%d bytes are no whole file", size)}
	}
	var footer [footerBytes]byte
	if err := readFull(from, footer[:], size-footerBytes); err != nil {
		return nil, err
	}
	count := int64(binary.LittleEndian.Uint32(footer[:]))
	if binary.LittleEndian.Uint32(footer[5:]) != magicFooter || count > size/(ourEntry+tableEntry) {
		return nil, &FormatError{errors.New("it does not end with a table of its frames")}
	}
	storedBytes := size - int64(trailerBytes(int(count)))
	if storedBytes < 0 {
		return nil, &FormatError{fmt.Errorf("a table of %d frames does not fit into it", count)}
	}
	trailer := make([]byte, trailerBytes(int(count)))
	if err := readFull(from, trailer, storedBytes); err != nil {
		return nil, err
	}
	frames, err := parseTrailer(trailer, int(count), storedBytes)
	if err != nil {
		return nil, &FormatError{err}
	}
	return frames, nil
}

func readFull(from io.ReaderAt, b []byte, offset int64) error {
	n, err := from.ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Close frees the memory. It does not close the file.
func (r *Reader) Close() { r.decoder.Close() }

// Size returns the bytes of the content.
func (r *Reader) Size() int64 { return r.size }

// Seek returns the offset and the number of the last frame whose number is at
// most the one given, or of the first.
func (r *Reader) Seek(number uint64) (offset int64, first uint64) {
	if len(r.frames) == 0 {
		return 0, 0
	}
	i := sort.Search(len(r.frames), func(i int) bool { return r.frames[i].number > number })
	f := r.frames[max(i-1, 0)]
	return f.offset, f.number
}

// ReadAt reads content. The error is a [*FrameError] if a frame that it needs is
// damaged; what was read are the bytes before.
func (r *Reader) ReadAt(b []byte, offset int64) (n int, err error) {
	if offset < 0 {
		return 0, errors.New("read before the beginning")
	}
	i := sort.Search(len(r.frames), func(i int) bool { return r.frames[i].offset+int64(r.frames[i].size) > offset })
	for ; n < len(b); i++ {
		if i >= len(r.frames) {
			return n, io.EOF
		}
		data, err := r.content(i)
		if err != nil {
			return n, err
		}
		n += copy(b[n:], data[offset+int64(n)-r.frames[i].offset:])
	}
	return n, nil
}

// content returns that of a frame, valid until the next call but one.
func (r *Reader) content(i int) ([]byte, error) {
	if r.cached[0].data != nil && r.cached[0].frame == i {
		return r.cached[0].data, nil
	}
	r.cached[0], r.cached[1] = r.cached[1], r.cached[0]
	if r.cached[0].data != nil && r.cached[0].frame == i {
		return r.cached[0].data, nil
	}
	data, err := r.decode(i, r.cached[0].data[:0])
	if err != nil {
		r.cached[0].data = nil
		return nil, err
	}
	r.cached[0] = content{i, data}
	return data, nil
}

func (r *Reader) decode(i int, to []byte) ([]byte, error) {
	f := r.frames[i]
	if cap(r.stored) < f.stored {
		r.stored = make([]byte, maxStored)
	}
	stored := r.stored[:f.stored]
	fail := func(err error) ([]byte, error) { return nil, &FrameError{f.number, f.offset, f.size, err} }
	if err := readFull(r.from, stored, f.storedAt); errors.Is(err, io.ErrUnexpectedEOF) {
		return fail(err)
	} else if err != nil {
		return nil, err
	}
	if sum := crc32.Checksum(stored, castagnoli); sum != f.checksum {
		return fail(fmt.Errorf("checksum %08x instead of %08x", sum, f.checksum))
	}
	if cap(to) < f.size {
		to = make([]byte, 0, FrameBytes)
	}
	data, err := r.decoder.DecodeAll(stored, to)
	if err != nil {
		return fail(err)
	}
	if len(data) != f.size {
		return fail(fmt.Errorf("%d bytes instead of %d", len(data), f.size))
	}
	return data, nil
}
