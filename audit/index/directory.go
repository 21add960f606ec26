package index

import (
	"errors"
	"iter"
	"math"

	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// Directory returns the log in a directory as it is now, for processes that are
// not its writer.
func Directory(dir string) (Source, error) {
	d := directory{dir: dir}
	for line, err := range journal.ReadDirBackward(dir, math.MaxUint64) {
		if _, missing := errors.AsType[*journal.MissingError](err); missing {
			continue
		}
		if err != nil {
			return nil, err
		}
		d.size = line.Index + 1
		break
	}
	return d, nil
}

// directory is a log as it was when size was found out.
type directory struct {
	dir  string
	size uint64
}

// Read ends at the size: what a writer adds meanwhile may not be durable yet.
func (d directory) Read(from uint64) iter.Seq2[journal.Line, error] {
	return func(yield func(journal.Line, error) bool) {
		if from >= d.size {
			return
		}
		for line, err := range journal.ReadDir(d.dir, from) {
			if err == nil && line.Index >= d.size || !yield(line, err) {
				return
			}
		}
	}
}

func (d directory) Size() uint64 { return d.size }

// Watch returns nil: the size never grows.
func (d directory) Watch() <-chan struct{} { return nil }

// growing is a log to which somebody may be adding: a line that an index has is
// durable, wherever it stands.
type growing struct{ directory }

func (g growing) Read(from uint64) iter.Seq2[journal.Line, error] {
	return journal.ReadDir(g.dir, from)
}
