package journal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal/seekable"
)

// recovery is what Open found and did.
type recovery struct {
	next   uint64        // index of the next line
	seg    *openSegment  // where it goes, or nil for a new segment
	events []audit.Event // to be recorded before the start
	pruned uint64        // index of the event of a prune that the file prunedName does not name
}

// cut is a part at the end of a segment that is not part of the log.
type cut struct {
	segment
	index      uint64 // of the line that would stand at from
	from, size int64
	what       string // in the name of the file that keeps it
	action     string
}

// recoverDir checks the directory and, if nothing is wrong that an interrupted
// write does not explain, repairs what one left. The checks come first, so that a
// refusal leaves everything as it was.
func recoverDir(d Dir, log *slog.Logger) (recovery, error) {
	segs, err := listSegments(d)
	if err != nil || len(segs) == 0 {
		return recovery{pruned: noPrune}, err
	}
	r := recovery{pruned: noPrune}
	var cuts []cut
	next, stopped := segs[0].first, false
	if next > 0 {
		if err := r.checkFront(d, segs); err != nil {
			return recovery{}, err
		}
	}
	for i, s := range segs {
		var c cut
		if i < len(segs)-1 {
			end := segs[i+1].first
			var bad *CorruptError
			c, next, bad, err = checkSealed(d, s, end)
			if err == nil && next < end {
				err = checkLoss(d, segs, Range{next, end - 1})
				if err != nil && bad != nil {
					err = damaged(bad)
				}
			}
		} else {
			c, next, stopped, err = checkLast(d, s)
		}
		if err != nil {
			return recovery{}, err
		}
		if c.from < c.size {
			cuts = append(cuts, c)
		}
	}

	r.next = next
	if r.pruned != noPrune {
		if err := writePruned(d, r.pruned); err != nil {
			// It only saves readers a search.
			log.Warn("audit journal: what was pruned will look missing to those who read the log", "error", err)
		}
	}
	for _, c := range cuts {
		name, err := c.apply(d)
		if err != nil {
			return recovery{}, fmt.Errorf("keep the end of %s aside: %w", c.name, err)
		}
		log.Warn("audit segment had an end that is not part of the log", "segment", c.name,
			"bytes", c.size-c.from, "kept_in", name)
		r.events = append(r.events, systemEvent(c.action, uint64(c.size-c.from), name))
	}
	unknown, err := unknownOutcomes(d, segs, next)
	if err != nil {
		return recovery{}, err
	}
	r.events = append(r.events, unknown...)

	last := segs[len(segs)-1]
	if last.packed {
		return r, nil // it cannot be added to, and was complete when it was compressed
	}
	if !stopped {
		if err := rewriteEnd(d, last); err != nil {
			return recovery{}, fmt.Errorf("write the end of %s again: %w", last.name, err)
		}
	}
	r.seg, err = reopen(d, last)
	return r, err
}

// checkSealed checks a segment that another follows, by its first and last line.
// It returns what stands behind the last of the log's lines that is there, up to
// that before end, the index behind that line, and what is wrong with the line
// that should follow, if there is one.
func checkSealed(d Dir, s segment, end uint64) (c cut, next uint64, bad *CorruptError, err error) {
	src, err := openSource(d, s)
	if damage, ok := errors.AsType[*CorruptError](err); ok {
		return cut{}, s.first, damage, nil
	}
	if err != nil {
		return cut{}, s.first, nil, err
	}
	defer src.close()
	rest := func(index uint64, from int64) cut {
		if src.packed {
			return cut{} // there is nothing that an interrupted write could have left
		}
		return cut{segment: s, index: index, from: from, size: src.size, what: "surplus", action: actionSurplus}
	}
	r := newLineReader(src, 0)
	if line, err := r.next(); err == nil {
		if _, err := parse(line, s.first); err != nil {
			return rest(s.first, 0), s.first, &CorruptError{s.name, s.first, 0, err}, nil
		}
	}
	if pos, last, ok, err := lastLine(src, src.size); err == nil && ok && last == end-1 && pos == src.size {
		return cut{}, end, nil, nil
	} else if _, damaged := errors.AsType[*seekable.FrameError](err); err != nil && !damaged {
		return cut{}, s.first, nil, err
	}

	offset, index := src.seek(end)
	r = newLineReader(src, offset)
	for ; index < end; index++ {
		at := r.offset
		line, err := r.next()
		if errors.Is(err, io.EOF) || errors.Is(err, errPartialLine) {
			return rest(index, at), index, nil, nil
		}
		if err == nil {
			_, err = parse(line, index)
		}
		if err != nil {
			return rest(index, at), index, &CorruptError{s.name, index, at, err}, nil
		}
	}
	return rest(end, r.offset), end, nil, nil
}

// checkLast checks every line of the newest segment. It returns the remains of an
// interrupted write, the index behind the last sound line, and whether that line
// says that the journal was closed.
func checkLast(d Dir, s segment) (c cut, next uint64, stopped bool, err error) {
	src, err := openSource(d, s)
	if damage, ok := errors.AsType[*CorruptError](err); ok {
		err = damaged(damage)
	}
	if err != nil {
		return cut{}, s.first, false, err
	}
	defer src.close()
	r := newLineReader(src, 0)
	for next = s.first; ; next++ {
		at := r.offset
		line, err := r.next()
		if errors.Is(err, io.EOF) {
			return cut{}, next, stopped, nil
		}
		var e audit.Event
		if err == nil {
			e, err = parse(line, next)
		}
		if err == nil {
			stopped = e.Kind == audit.KindSystem && e.Action == actionStop
			continue
		}
		torn := false
		if !src.packed {
			var readErr error
			if torn, readErr = isTorn(src, at, src.size); readErr != nil {
				return cut{}, next, false, readErr
			}
		}
		if !torn {
			return cut{}, next, false, damaged(&CorruptError{s.name, next, at, err})
		}
		return cut{segment: s, index: next, from: at, size: src.size, what: "torn", action: actionTornTail}, next, false, nil
	}
}

func parse(line []byte, index uint64) (audit.Event, error) {
	if got, ok := audit.ParseHead(line); ok && got != index {
		return audit.Event{}, fmt.Errorf("line is that of entry %d", got)
	}
	return audit.ParseLine(line)
}

// damaged says what to do about an entry that no interrupted write explains.
func damaged(e *CorruptError) error {
	return fmt.Errorf("audit log is damaged: %w; an interrupted write cannot have done this: "+
		"run `gatepost audit verify`, restore the file from a copy, or move the directory aside to begin a new log", e)
}

// checkLoss accepts missing entries only if the log itself, further on, records
// their loss.
func checkLoss(d Dir, segs []segment, missing Range) error {
	accepted := false
	forward(d, missing.Last+1, math.MaxUint64, func(l Line, err error) bool {
		if err != nil {
			return isMissing(err)
		}
		if !peek(l.Bytes).is(audit.KindSystem) {
			return true
		}
		e, err := audit.ParseLine(l.Bytes)
		if err != nil || e.Action != actionFileReplaced {
			return err == nil
		}
		lost, ok := parseLossDetail(e.Detail)
		accepted = ok && lost.First <= missing.First && missing.Last <= lost.Last
		return !accepted
	})
	if accepted {
		return nil
	}
	i := max(holder(segs, missing.First), 0)
	return fmt.Errorf("audit log is damaged: %w (in or before %s): restore the file from a copy, "+
		"or move the directory aside to begin a new log", &MissingError{Range: missing}, segs[min(i+1, len(segs)-1)].name)
}

// apply copies the cut to a file of its own and, once that is durable, takes it
// off the segment. It returns the file's name.
func (c cut) apply(d Dir) (string, error) {
	f, err := d.OpenFile(c.name, os.O_RDWR)
	if err != nil {
		return "", err
	}
	defer f.Close()
	name := asideName(c.what, c.index, time.Now())
	aside, err := d.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return "", err
	}
	err = copyRange(aside, f, c.from, c.size)
	if err == nil {
		err = aside.Sync()
	}
	if err := errors.Join(err, aside.Close()); err != nil {
		// A start that is tried over and over on a full disk must not fill it.
		return "", errors.Join(err, d.Remove(name))
	}
	if err := d.Sync(); err != nil {
		return "", err
	}
	if err := f.Truncate(c.from); err != nil {
		return "", err
	}
	return name, f.Sync()
}

// rewriteEnd writes the last batch's worth of a segment again, in place, byte for
// byte. The run that did not get to its stop event may have seen a sync fail:
// then those bytes are still in the page cache, taken for clean, but not on the
// disk, and no later sync would bring them there.
func rewriteEnd(d Dir, s segment) error {
	f, err := d.OpenFile(s.name, os.O_RDWR)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	start := max(0, info.Size-MaxBatchBytes)
	end := make([]byte, info.Size-start)
	if len(end) > 0 {
		if _, err := f.ReadAt(end, start); err != nil {
			return err
		}
		if _, err := f.WriteAt(end, start); err != nil {
			return err
		}
	}
	// The entry of a segment that was created and never synced, too.
	return errors.Join(f.Sync(), d.Sync())
}

func reopen(d Dir, s segment) (*openSegment, error) {
	f, err := d.OpenFile(s.name, os.O_RDWR|os.O_APPEND)
	if err != nil {
		return nil, err
	}
	id, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &openSegment{segment: s, file: f, id: id, size: id.Size}, nil
}
