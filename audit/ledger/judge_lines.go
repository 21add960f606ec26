package ledger

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// compareKept compares what was signed with the checkpoints that were kept
// elsewhere. Of many that contradict it, the first tells most; of many that are
// ahead, the last.
func (j *judgement) compareKept() {
	v, next := j.v, uint64(j.w.next)
	kept := v.report.Kept
	if n := len(kept) - 1; n >= 0 && kept[n].Checkpoint.Size > max(next, uint64(v.own)) {
		size := kept[n].Checkpoint.Size
		v.fault(Fault{
			Kind: FaultRolledBack, Entry: true, First: next, Last: size - 1, File: kept[n].File,
			Detail: fmt.Sprintf("the log has %d entries, but a checkpoint of %d was kept", next, size),
		})
	}
	agreed := uint64(0)
	for _, k := range kept {
		size := k.Checkpoint.Size
		if size == 0 {
			continue
		}
		root, ok := j.signedRoot(int64(size))
		switch {
		case !ok:
		case root == k.Checkpoint.Root:
			agreed = size
		default:
			v.fault(Fault{
				Kind: FaultFork, Entry: true, First: min(agreed, size-1), Last: size - 1, File: k.File,
				Detail: fmt.Sprintf("the kept checkpoint of %d entries has another root than this log has at that size: the log was rewritten and signed again, or there are two of it", size),
			})
			return
		}
	}
}

// signedRoot returns the root that the log has at a size: by the lines if they
// are sound, else by what was signed, whatever has become of the lines since.
func (j *judgement) signedRoot(size int64) (tlog.Hash, bool) {
	signed := int64(j.signed.Size)
	switch {
	case j.sound:
		root, ok := j.w.roots[size]
		return root, ok
	case size == signed:
		return j.signed.Root, true
	case size > signed:
		return tlog.Hash{}, false
	}
	root, err := tlog.TreeHash(size, j.v.store.hashes(j.signed.tree(), func() int64 { return signed }))
	return root, err == nil
}

// agreed returns the largest size of a kept checkpoint below the given one that
// the lines lead to: what is wrong with them comes behind it.
func (j *judgement) agreed(size int64) (lower int64) {
	for _, k := range j.v.report.Kept {
		n := int64(k.Checkpoint.Size)
		if root, ok := j.w.roots[n]; ok && n < size && root == k.Checkpoint.Root {
			lower = max(lower, n)
		}
	}
	return lower
}

func (j *judgement) judgeGaps() {
	named := map[int]bool{} // damaged frames that a gap is made of
	for _, g := range j.w.gaps {
		if g.start && j.w.pruned > 0 {
			pruned := min(g.to, j.w.pruned)
			j.v.report.Pruned = uint64(pruned)
			if pruned == g.to {
				continue
			}
			g.from = pruned
		}
		f := j.v.entryFault(FaultMissing, g.from, g.place)
		f.Last = uint64(g.to - 1)
		if moved := j.movedTo(g); moved >= 0 {
			f.Detail = fmt.Sprintf("stands in front of entry %d", moved)
			f.Kind = FaultMoved
		}
		for i, d := range j.v.damaged {
			if uint64(g.from) <= d.first && d.first < uint64(g.to) {
				if f.Kind != FaultChanged {
					f.Kind, f.File, f.Offset, f.Detail = FaultChanged, j.v.segments[d.segment].name, d.offset, d.err.Error()
				}
				named[i] = true
			}
		}
		j.v.fault(f)
	}
	for i, d := range j.v.damaged {
		if !named[i] {
			f := j.v.entryFault(FaultChanged, int64(d.first), d.place)
			f.Detail = d.err.Error()
			j.v.fault(f)
		}
	}
}

// movedTo returns where the one entry of a gap stands instead, or -1.
func (j *judgement) movedTo(g gap) int64 {
	if g.to-g.from != 1 {
		return -1
	}
	for _, o := range j.w.odd {
		if o.extra && o.line.hasHead && int64(o.line.index) == g.from {
			return o.at
		}
	}
	return -1
}

func (j *judgement) isMissing(index int64) bool {
	for _, g := range j.w.gaps {
		if g.from <= index && index < g.to {
			return true
		}
	}
	return false
}

// judgeOdd says what the lines are that have another index than their place
// calls for.
func (j *judgement) judgeOdd() {
	for _, o := range j.w.odd {
		if o.extra {
			j.v.fault(j.extraLine(o))
		} else {
			j.wrongLine(o)
		}
	}
}

// isEntry reports whether a line is the entry that it calls itself.
func (j *judgement) isEntry(o oddLine) bool {
	if !o.line.hasHead {
		return false
	}
	leaf, known := j.leaf(int64(o.line.index))
	if !known {
		return int64(o.line.index) < o.at
	}
	return leaf == o.line.hash
}

// wrongLine judges a line that stands in the place of another.
func (j *judgement) wrongLine(o oddLine) {
	n, ok := j.changed[o.at]
	if !ok {
		kind := FaultChanged
		if leaf, known := j.leaf(o.at); known && leaf == o.line.hash {
			kind = FaultMalformed // it was signed like this
		}
		n = len(j.v.faults)
		j.changed[o.at] = n
		j.v.fault(j.v.entryFault(kind, o.at, place{o.line.segment, o.line.offset}))
	}
	if n == len(j.v.faults) || !o.line.hasHead {
		return
	}
	f := &j.v.faults[n]
	f.Detail = fmt.Sprintf("calls itself entry %d", o.line.index)
	if f.Kind == FaultChanged && j.isEntry(o) {
		f.Kind, f.Other = FaultMoved, o.line.index
		f.Detail = fmt.Sprintf("entry %d stands in its place", o.line.index)
	}
}

// extraLine judges a line that stands in front of the entry that is due.
func (j *judgement) extraLine(o oddLine) Fault {
	f := j.v.entryFault(FaultInserted, o.at, place{o.line.segment, o.line.offset})
	switch {
	case j.isEntry(o) && j.isMissing(int64(o.line.index)):
		f.Kind, f.Other = FaultMoved, o.line.index
		f.Detail = fmt.Sprintf("entry %d stands in front of it", o.line.index)
	case j.isEntry(o):
		f.Kind, f.Other = FaultDuplicated, o.line.index
		f.Detail = fmt.Sprintf("entry %d stands in front of it once more", o.line.index)
	case o.line.bad != nil:
		f.Detail = "a line stands in front of it that is no entry: " + o.line.bad.Error()
	default:
		f.Detail = fmt.Sprintf("a line stands in front of it that calls itself entry %d", o.line.index)
	}
	return f
}

func (j *judgement) judgeMalformed() {
	for _, m := range j.w.malformed {
		if n, ok := j.changed[m.index]; ok {
			if n < len(j.v.faults) && j.v.faults[n].Detail == "" {
				j.v.faults[n].Detail = m.err.Error()
			}
			continue
		}
		f := j.v.entryFault(FaultMalformed, m.index, m.place)
		f.Detail = m.err.Error()
		j.v.fault(f)
	}
}
