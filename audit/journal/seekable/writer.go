package seekable

import (
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Writer writes a file, frame by frame.
type Writer struct {
	to      io.Writer
	encoder *zstd.Encoder
	frames  []frame
	buf     []byte
}

// NewWriter begins a file.
func NewWriter(to io.Writer) (*Writer, error) {
	// Each frame stands for itself: its decoder needs no more memory than its
	// content, and its content has a checksum in it.
	encoder, err := zstd.NewWriter(nil,
		zstd.WithEncoderConcurrency(1), zstd.WithSingleSegment(true), zstd.WithEncoderCRC(true), zstd.WithWindowSize(FrameBytes))
	if err != nil {
		return nil, err
	}
	return &Writer{to: to, encoder: encoder}, nil
}

// Frame adds content of 1 to [FrameBytes] bytes, with a number that is larger
// than that of the frame before.
func (w *Writer) Frame(number uint64, content []byte) error {
	if len(content) == 0 || len(content) > FrameBytes {
		return fmt.Errorf("frame of %d bytes", len(content))
	}
	if n := len(w.frames); n > 0 && number <= w.frames[n-1].number {
		return fmt.Errorf("frame %d after frame %d", number, w.frames[n-1].number)
	}
	w.buf = w.encoder.EncodeAll(content, w.buf[:0])
	if err := w.write(w.buf); err != nil {
		return err
	}
	w.frames = append(w.frames, frame{
		number: number, size: len(content), stored: len(w.buf), checksum: crc32.Checksum(w.buf, castagnoli),
	})
	return nil
}

// Close writes the table. It does not close what is written to.
func (w *Writer) Close() error {
	if err := w.encoder.Close(); err != nil {
		return err
	}
	return w.write(appendTrailer(w.buf[:0], w.frames))
}

func (w *Writer) write(b []byte) error {
	n, err := w.to.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}
