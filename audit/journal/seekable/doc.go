// Package seekable keeps a file compressed and still readable at any place: the
// zstd seekable format. A file is a row of independent zstd frames, each of at
// most [FrameBytes] of content, with a table of them at the end, in frames that
// other programs skip: `zstd -d` and log agents read it like any other .zst.
//
//	w, err := seekable.NewWriter(f)
//	err = w.Frame(0, lines) // lines 0 to 411, say
//	err = w.Frame(412, more)
//	err = w.Close()
//
//	r, err := seekable.NewReader(f, size)
//	n, err := r.ReadAt(buf, offset) // in the content
//	offset, first := r.Seek(500)
//
// # Promises
//
// Beside the table that the format has, gatepost's own holds two things for each
// frame: a number that its caller gives it and finds it by, which is the index
// of its first line, and a checksum of its bytes as they are stored. So no byte
// of a file can change by accident without an error, and nothing is returned
// from a frame that is not whole; what other frames hold can still be read.
//
// Whoever changes a file on purpose can make the checksums fit. They are no
// proof of anything.
//
// # Concurrency
//
// A Writer and a Reader belong to one goroutine each. Any number of Readers may
// read one file.
package seekable
