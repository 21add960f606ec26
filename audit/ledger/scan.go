package ledger

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/gatepost-proxy/gatepost/audit"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"
)

const (
	// blockBytes is read at once and hashed by one goroutine; a block holds
	// whole lines.
	blockBytes = 1 << 20
	// blocksAhead bounds the memory: so many blocks are under way.
	blocksAhead = 8
)

// segmentFile is a file of the journal, by its name.
type segmentFile struct {
	name  string
	first uint64
	size  int64
}

// listSegments returns the journal's segments in the order of the log. The
// names are read here and not by package journal, for a verifier should not have
// to trust the writer's code.
func listSegments(root *os.Root) ([]segmentFile, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var list []segmentFile
	for _, name := range names {
		digits, ok := strings.CutPrefix(name, "segment-")
		if !ok {
			continue
		}
		digits, ok = strings.CutSuffix(digits, ".jsonl")
		first, err := strconv.ParseUint(digits, 10, 64)
		if !ok || err != nil || len(digits) != 20 {
			continue
		}
		if first > maxTreeSize {
			return nil, fmt.Errorf("%s begins beyond any log", name)
		}
		info, err := root.Stat(name)
		if err != nil {
			return nil, err
		}
		list = append(list, segmentFile{name, first, info.Size()})
	}
	slices.SortFunc(list, func(a, b segmentFile) int { return cmp.Compare(a.first, b.first) })
	return list, nil
}

// scanned is what one line of a segment is.
type scanned struct {
	segment int
	offset  int64 // in the segment
	length  int64 // with the newline

	index   uint64 // by its head
	hasHead bool
	hash    tlog.Hash
	bad     error // not a line that the journal writes

	torn   bool   // bad, and in a way that an interrupted write explains
	pruned uint64 // the line records that the entries before this one were pruned
}

// block is a run of whole lines of one segment.
type block struct {
	segment int
	offset  int64
	data    []byte
	lines   []scanned
	ready   chan struct{} // closed once lines is filled in
}

// scan yields the lines of all segments in order, hashed and parsed on all
// processors. At the end of each segment it yields one with length 0.
func scan(ctx context.Context, root *os.Root, segments []segmentFile) iter.Seq2[scanned, error] {
	return func(yield func(scanned, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		g, ctx := errgroup.WithContext(ctx)
		work := make(chan *block, blocksAhead)
		order := make(chan *block, blocksAhead)
		free := make(chan *block, 2*blocksAhead)
		for range cap(free) {
			free <- &block{}
		}
		g.Go(func() error {
			defer close(work)
			defer close(order)
			for i, s := range segments {
				if err := readBlocks(ctx, root, i, s, free, work, order); err != nil {
					return fmt.Errorf("read %s: %w", s.name, err)
				}
			}
			return nil
		})
		for range runtime.GOMAXPROCS(0) {
			g.Go(func() error {
				for b := range work {
					b.parse()
					close(b.ready)
				}
				return nil
			})
		}
		stopped := false
		for b := range order {
			<-b.ready
			for i := range b.lines {
				if !stopped && !yield(b.lines[i], nil) {
					stopped = true
					cancel()
				}
			}
			select {
			case free <- b:
			default:
			}
		}
		if err := g.Wait(); err != nil && !stopped {
			yield(scanned{}, err)
		}
	}
}

// readBlocks sends the blocks of a segment, the last one with what stands behind
// the last newline.
func readBlocks(ctx context.Context, root *os.Root, segment int, s segmentFile, free <-chan *block, work, order chan<- *block) error {
	f, err := root.Open(s.name)
	if err != nil {
		return err
	}
	defer f.Close()
	// A writer may be at it: what was there when the segments were listed is what
	// is verified.
	left := s.size
	var rest []byte
	offset := int64(0)
	for eof := false; !eof; {
		var b *block
		select {
		case b = <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
		b.segment, b.offset, b.lines, b.ready = segment, offset, b.lines[:0], make(chan struct{})
		b.data = append(b.data[:0], rest...)
		// A line without end would grow the block for ever; what is longer than
		// any line is cut, and found malformed.
		for whole := false; !eof && !whole && len(b.data) < 4*blockBytes; {
			n := len(b.data)
			want := int(min(blockBytes, left))
			b.data = slices.Grow(b.data, want)
			m, err := io.ReadFull(f, b.data[n:n+want])
			b.data = b.data[:n+m]
			left -= int64(m)
			short := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
			if err != nil && !short {
				return err
			}
			eof = short || left == 0
			whole = bytes.IndexByte(b.data[n:], '\n') >= 0
		}
		end := len(b.data)
		if i := bytes.LastIndexByte(b.data, '\n'); !eof && i >= 0 {
			end = i + 1
		}
		rest = append(rest[:0], b.data[end:]...)
		b.data = b.data[:end]
		offset += int64(end)
		if eof {
			b.lines = append(b.lines, scanned{segment: -1}) // parse puts the end mark here
		}
		select {
		case work <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case order <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

var (
	errNoNewline = errors.New("line does not end")
	errLongLine  = errors.New("line is longer than any entry")
)

// parse fills in the lines.
func (b *block) parse() {
	last := len(b.lines) > 0
	b.lines = b.lines[:0]
	offset := b.offset
	for rest := b.data; len(rest) > 0; {
		s := scanned{segment: b.segment, offset: offset}
		i := bytes.IndexByte(rest, '\n')
		line := rest
		if i < 0 {
			s.length = int64(len(rest))
			rest = nil
		} else {
			s.length = int64(i) + 1
			line, rest = rest[:i], rest[i+1:]
		}
		s.parse(line)
		if i < 0 {
			s.bad, s.torn = errNoNewline, true
		}
		b.lines = append(b.lines, s)
		offset += s.length
	}
	if last {
		b.lines = append(b.lines, scanned{segment: b.segment, offset: offset})
	}
}

func (s *scanned) parse(line []byte) {
	s.index, s.hasHead = audit.ParseHead(line)
	s.hash = tlog.RecordHash(line)
	if len(line) > audit.MaxLineBytes {
		s.bad = errLongLine
		return
	}
	if canonical(line) {
		return
	}
	e, err := audit.ParseLine(line)
	if err != nil {
		s.bad = err
		// A page that was never written reads as zeros, which no line contains.
		s.torn = bytes.IndexByte(line, 0) >= 0
		return
	}
	if e.Action == ActionPrune && (e.Kind == audit.KindSystem || e.Kind == audit.KindAdmin) {
		s.pruned = e.Count
	}
}
