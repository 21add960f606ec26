package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
)

// Segment is a file of the log: the entries from First on, up to the next one's.
type Segment struct {
	First uint64
	Bytes int64 // on the disk
}

// Segments returns the segments of a directory, in the order of the log. It takes
// no lock.
func Segments(dir string) ([]Segment, error) {
	d, err := osFS{}.OpenDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read audit directory: %w", err)
	}
	defer d.Close()
	segs, err := listSegments(d)
	if err != nil {
		return nil, err
	}
	list := make([]Segment, 0, len(segs))
	for _, s := range segs {
		var bytes int64
		for _, name := range []string{segmentName(s.first), packedName(s.first)} {
			info, err := d.Stat(name)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("read audit directory: %w", err)
			}
			bytes += info.Size
		}
		// The newest may be empty; another one without a byte was pruned meanwhile.
		if bytes > 0 || s == segs[len(segs)-1] {
			list = append(list, Segment{s.first, bytes})
		}
	}
	return list, nil
}

// Prune removes the segments of which every entry stands before the Count of an
// event, the oldest first. The event is the durable entry at the index given, has
// the action [ActionPrune], and is of kind admin or system: a log tells what was
// removed from it, before it is. The newest segment always stays.
//
// Whoever calls it answers for what is removed: package ledger has the rules. If
// it is interrupted, or a file cannot be removed, what is left is still part of
// the log, and the next call removes it.
func (j *Journal) Prune(record uint64) (segments int, err error) {
	j.keeping <- struct{}{}
	defer func() { <-j.keeping }()
	if j.released {
		return 0, &Unavailable{Reason: ReasonClosed}
	}
	if record >= j.size.Load() {
		return 0, fmt.Errorf("prune: entry %d is not durable", record)
	}
	segs, err := listSegments(j.dir)
	if err != nil {
		return 0, fmt.Errorf("prune: %w", err)
	}
	e, err := eventAt(j.dir, segs, record)
	if err != nil {
		return 0, fmt.Errorf("prune: read entry %d: %w", record, err)
	}
	if !IsPrune(&e) || e.Count > record {
		return 0, fmt.Errorf("prune: entry %d does not record one", record)
	}
	if prunedBefore(j.dir, segs) < e.Count {
		if err := writePruned(j.dir, record); err != nil {
			return 0, fmt.Errorf("prune: %w", err)
		}
	}
	for i, s := range segs {
		if i == len(segs)-1 || segs[i+1].first > e.Count {
			break
		}
		// One at a time, so that no crash leaves a hole with older ones before it.
		err := errors.Join(removeIfThere(j.dir, segmentName(s.first)), removeIfThere(j.dir, packedName(s.first)))
		if err == nil {
			err = j.dir.Sync()
		}
		if err != nil {
			return segments, fmt.Errorf("prune: %w", err)
		}
		segments++
	}
	return segments, nil
}

// checkFront accepts that the log begins with an entry other than the first, if
// it records why.
func (r *recovery) checkFront(d Dir, segs []segment) error {
	first := segs[0].first
	pruned := prunedBefore(d, segs)
	if pruned < first {
		// What is kept in a file for quick reading may be lost, or an older one's.
		if e, ok := findPrune(d, first); ok && e.Count > pruned {
			pruned, r.pruned = e.Count, e.Index
		}
	}
	if pruned >= first {
		return nil
	}
	return checkLoss(d, segs, Range{pruned, first - 1})
}

// noPrune is what recovery.pruned is if the file prunedName is right.
const noPrune = math.MaxUint64
