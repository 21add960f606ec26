package journal

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal/seekable"
)

// source is the lines of a segment being read, however it is stored. Offsets are
// those of the lines, which compression does not change.
type source struct {
	io.ReaderAt
	segment
	size   int64 // of the lines
	file   File
	unpack *seekable.Reader // nil if the segment is stored as it is
}

// openSource opens a segment; one that was listed in the plain form may be
// compressed by now. The error is [fs.ErrNotExist] if it is gone, and a
// [*CorruptError] if nothing in it can be found.
func openSource(d Dir, s segment) (*source, error) {
	f, err := d.OpenFile(s.name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) && !s.packed {
		s.name, s.packed = packedName(s.first), true
		f, err = d.OpenFile(s.name, os.O_RDONLY)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	src := &source{ReaderAt: f, segment: s, size: info.Size, file: f}
	if !s.packed {
		return src, nil
	}
	src.unpack, err = seekable.NewReader(f, info.Size)
	if _, damaged := errors.AsType[*seekable.FormatError](err); damaged {
		err = src.corrupt(s.first, 0, err)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	src.ReaderAt, src.size = src.unpack, src.unpack.Size()
	return src, nil
}

func (s *source) close() error {
	if s.unpack != nil {
		s.unpack.Close()
	}
	return s.file.Close()
}

// seek returns the offset of a line whose index is at most want and near it, and
// that index.
func (s *source) seek(want uint64) (offset int64, index uint64) {
	if s.unpack == nil {
		return seek(s, s.size, s.first, want)
	}
	if offset, index = s.unpack.Seek(want); index < s.first || index > want {
		return 0, s.first // not what the journal writes: what stands there tells
	}
	return offset, index
}

func (s *source) corrupt(index uint64, offset int64, err error) error {
	return &CorruptError{File: s.name, Index: index, Offset: offset, Err: err}
}

// lineAt returns one line. The error is [fs.ErrNotExist] if the log does not
// have it.
func lineAt(d Dir, segs []segment, index uint64) (line []byte, err error) {
	i := holder(segs, index)
	if i < 0 {
		return nil, fs.ErrNotExist
	}
	src, err := openSource(d, segs[i])
	if err != nil {
		return nil, err
	}
	defer src.close()
	err = fs.ErrNotExist
	src.forward(index, index+1, func(l Line, readErr error) bool {
		line, err = append([]byte{}, l.Bytes...), readErr
		return false
	})
	return line, err
}

// eventAt is lineAt, parsed.
func eventAt(d Dir, segs []segment, index uint64) (audit.Event, error) {
	line, err := lineAt(d, segs, index)
	if err != nil {
		return audit.Event{}, err
	}
	return audit.ParseLine(line)
}
