package journal

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/gatepost-proxy/gatepost/audit"
)

const (
	// maxLookupFiles bounds the segments that a Lookup holds open.
	maxLookupFiles = 16
	// usualLine is what is read of a segment at first. Few lines are longer.
	usualLine = 2 << 10
)

// Lookup reads single lines of a directory, for those who know where in its
// segment a line begins. It saves a search; for what it does not find, there is
// Read. It belongs to one goroutine.
type Lookup struct {
	dir     Dir
	segs    []segment
	sources map[uint64]*source // by first index
	buf     []byte
}

// NewLookup looks which segments there are now.
func NewLookup(dir string) (*Lookup, error) {
	d, err := osFS{}.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	segs, err := listSegments(d)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return &Lookup{dir: d, segs: segs, sources: map[uint64]*source{}}, nil
}

// Starts returns the index of the first line of each segment, ascending.
func (l *Lookup) Starts() []uint64 {
	starts := make([]uint64, len(l.segs))
	for i, s := range l.segs {
		starts[i] = s.first
	}
	return starts
}

// Line returns the line of an entry, without its newline, if it begins at the
// offset in the lines of its segment. Compression does not change offsets.
func (l *Lookup) Line(index uint64, offset int64) ([]byte, bool) {
	i := holder(l.segs, index)
	if i < 0 || offset < 0 {
		return nil, false
	}
	src := l.sources[l.segs[i].first]
	if src == nil {
		var err error
		if src, err = openSource(l.dir, l.segs[i]); err != nil {
			return nil, false
		}
		if len(l.sources) >= maxLookupFiles {
			l.closeSources()
		}
		l.sources[src.first] = src
	}
	for _, size := range []int{usualLine, longestLine} {
		l.buf = slices.Grow(l.buf[:0], size)[:size]
		n, err := src.ReadAt(l.buf, offset)
		if err != nil && n == 0 {
			return nil, false
		}
		line := l.buf[:n]
		if got, ok := audit.ParseHead(line); !ok || got != index {
			return nil, false
		}
		if before, _, ok := bytes.Cut(line, []byte{'\n'}); ok {
			return slices.Clone(before), true
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, false
		}
	}
	return nil, false
}

func (l *Lookup) closeSources() {
	for _, src := range l.sources {
		_ = src.close()
	}
	clear(l.sources)
}

// Close ends the use of the directory.
func (l *Lookup) Close() error {
	l.closeSources()
	return l.dir.Close()
}
