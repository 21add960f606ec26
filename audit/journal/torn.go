package journal

import (
	"bytes"
	"io"
)

// sectorBytes is the smallest unit that any disk writes, and divides every page
// and block size.
const sectorBytes = 512

// isTorn reports whether what stands from offset from to the end of a segment,
// and does not begin with a sound line, can be what an interrupted write left:
//
//   - it is no longer than a batch, because a batch is written only when the one
//     before is durable; and
//   - it is one line that does not end; or
//   - the first line has a hole: bytes of zero, which no line contains, where a
//     page was never written although a later one was. A hole ends at a sector's
//     boundary or with the file, and begins at such a boundary or, in the page
//     where the batch began, with the line.
//
// Anything else, a changed character above all, was done to the log.
func isTorn(f io.ReaderAt, from, size int64) (bool, error) {
	if size-from > MaxBatchBytes {
		return false, nil
	}
	rest := make([]byte, size-from)
	if _, err := f.ReadAt(rest, from); err != nil {
		return false, err
	}
	newline := bytes.IndexByte(rest, '\n')
	if newline < 0 {
		return true, nil
	}
	for i := 0; i < newline; i++ {
		if rest[i] != 0 {
			continue
		}
		start := i
		for rest[i] == 0 { // ends at the newline at the latest
			i++
		}
		if (start == 0 || (from+int64(start))%sectorBytes == 0) && (from+int64(i))%sectorBytes == 0 {
			return true, nil
		}
	}
	return false, nil
}
