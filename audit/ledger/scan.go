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
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/audit/journal/seekable"
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
	size  int64 // of the lines

	packed bool
	broken error // of a compressed one: why nothing in it can be found
}

const packedSuffix = ".zst"

// listSegments returns the journal's segments in the order of the log. The
// names are read here and not by package journal, for a verifier should not have
// to trust the writer's code.
//
// A segment may be there in two forms while it is being compressed: the plain one
// counts. The list is made twice, for one look may miss both.
func listSegments(root *os.Root) ([]segmentFile, error) {
	found := map[uint64]segmentFile{}
	for range 2 {
		names, err := namesIn(root)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			digits, ok := strings.CutPrefix(name, "segment-")
			if !ok {
				continue
			}
			digits, packed := strings.CutSuffix(digits, packedSuffix)
			digits, ok = strings.CutSuffix(digits, ".jsonl")
			first, err := strconv.ParseUint(digits, 10, 64)
			if !ok || err != nil || len(digits) != 20 {
				continue
			}
			if first > maxTreeSize {
				return nil, fmt.Errorf("%s begins beyond any log", name)
			}
			if was, known := found[first]; !known || was.packed {
				found[first] = segmentFile{name: name, first: first, packed: packed}
			}
		}
	}
	list := make([]segmentFile, 0, len(found))
	for _, s := range found {
		f, err := s.open(root)
		if isNotExist(err) {
			continue // pruned since
		}
		if err != nil {
			return nil, err
		}
		f.close()
		list = append(list, f.segmentFile)
	}
	slices.SortFunc(list, func(a, b segmentFile) int { return cmp.Compare(a.first, b.first) })
	return list, nil
}

func namesIn(root *os.Root) ([]string, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Readdirnames(-1)
}

// openedSegment is a segment being read.
type openedSegment struct {
	segmentFile
	io.ReaderAt
	file   *os.File
	unpack *seekable.Reader
}

// open opens the segment in the form that it has by now.
func (s segmentFile) open(root *os.Root) (*openedSegment, error) {
	f, err := openRegular(root, s.name, os.O_RDONLY, 0)
	if isNotExist(err) && !s.packed {
		s.name, s.packed = s.name+packedSuffix, true
		f, err = openRegular(root, s.name, os.O_RDONLY, 0)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	o := &openedSegment{segmentFile: s, ReaderAt: f, file: f}
	if !s.packed {
		o.segmentFile.size = info.Size()
		return o, nil
	}
	o.unpack, err = seekable.NewReader(f, info.Size())
	if _, damaged := errors.AsType[*seekable.FormatError](err); damaged {
		o.broken = err
		return o, nil
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	o.ReaderAt, o.segmentFile.size = o.unpack, o.unpack.Size()
	return o, nil
}

func (o *openedSegment) close() {
	if o.unpack != nil {
		o.unpack.Close()
	}
	_ = o.file.Close() // it was only read
}

// damagedFrame is a part of a compressed segment that cannot be read.
type damagedFrame struct {
	place
	first uint64 // its first entry
	err   error
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
//
// Parts of compressed segments that cannot be read are left out, and are in
// damaged when the iteration has ended.
func scan(ctx context.Context, root *os.Root, segments []segmentFile, damaged *[]damagedFrame) iter.Seq2[scanned, error] {
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
				if err := readBlocks(ctx, root, i, s, damaged, free, work, order); err != nil {
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
func readBlocks(ctx context.Context, root *os.Root, segment int, s segmentFile, damaged *[]damagedFrame, free <-chan *block, work, order chan<- *block) error {
	o, err := s.open(root)
	if err != nil {
		return err
	}
	defer o.close()
	// A writer may be at it: what was there when the segments were listed is what
	// is verified.
	size := min(s.size, o.size)
	if o.broken != nil {
		*damaged = append(*damaged, damagedFrame{place{segment, 0}, s.first, o.broken})
		size = 0
	}
	var rest []byte
	offset := int64(0) // of the block
	at := int64(0)     // of what is read next
	for eof := false; !eof; {
		var b *block
		select {
		case b = <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
		b.segment, b.offset, b.lines, b.ready = segment, offset, b.lines[:0], make(chan struct{})
		b.data = append(b.data[:0], rest...)
		var bad *seekable.FrameError
		// A line without end would grow the block for ever; what is longer than
		// any line is cut, and found malformed.
		for whole := false; !eof && !whole && bad == nil && len(b.data) < 4*blockBytes; {
			n := len(b.data)
			want := int(min(blockBytes, size-at))
			b.data = slices.Grow(b.data, want)
			m, err := io.ReadFull(io.NewSectionReader(o, at, int64(want)), b.data[n:n+want])
			b.data = b.data[:n+m]
			at += int64(m)
			short := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
			if bad, _ = errors.AsType[*seekable.FrameError](err); bad != nil {
				*damaged = append(*damaged, damagedFrame{place{segment, bad.Offset}, bad.Number, bad})
				at = bad.Offset + int64(bad.Size)
			} else if err != nil && !short {
				return err
			}
			eof = short || at >= size
			whole = bytes.IndexByte(b.data[n:], '\n') >= 0
		}
		end := len(b.data)
		if i := bytes.LastIndexByte(b.data, '\n'); !eof && bad == nil && i >= 0 {
			end = i + 1
		}
		rest = append(rest[:0], b.data[end:]...)
		b.data = b.data[:end]
		offset = at - int64(len(rest))
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
	if journal.IsPrune(&e) {
		s.pruned = e.Count
	}
}
