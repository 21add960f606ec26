package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// replacedError says that the file at a segment's path is not what the journal
// left there.
type replacedError struct {
	name   string
	damage damage
}

type damage string

const (
	damageDeleted   damage = "was deleted"
	damageOther     damage = "is another file now"
	damageTruncated damage = "was truncated"
	damageAppended  damage = "was appended to"
)

func (e *replacedError) Error() string { return e.name + " " + string(e.damage) }

// inspect compares the file at the segment's path with the open one. The open
// descriptor keeps its inode from being used again, so that equal numbers mean
// the same file.
func (j *Journal) inspect(seg *openSegment, size int64) error {
	found, err := j.dir.Stat(seg.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &replacedError{seg.name, damageDeleted}
	case err != nil:
		return err
	case found.Dev != seg.id.Dev || found.Ino != seg.id.Ino:
		return &replacedError{seg.name, damageOther}
	case found.Size < size:
		return &replacedError{seg.name, damageTruncated}
	case found.Size > size:
		return &replacedError{seg.name, damageAppended}
	}
	return nil
}

// salvage saves what was durable in a segment that somebody else touched, and
// takes note of what happened and of what is lost.
func (j *Journal) salvage(seg *openSegment, e *replacedError) {
	end := j.size.Load() // durable entries of seg are those from seg.first to here
	if seg.size == 0 {
		j.note(actionFileReplaced, 0, e.Error())
		return
	}
	kept, from := end, seg.size
	detail := e.Error()
	switch e.damage {
	case damageDeleted, damageOther:
		if err := j.restore(seg); err != nil {
			kept = seg.first
			j.log.Error("audit segment cannot be restored", "segment", seg.name, "error", err)
			break
		}
		detail += "; restored from the open file"
	case damageTruncated:
		kept, from = j.readable(seg, end)
		detail += j.cutForeign(seg, kept, from)
	case damageAppended:
		detail += j.cutForeign(seg, kept, from)
	}
	if kept == end {
		j.note(actionFileReplaced, 0, detail)
		return
	}
	lost := Range{kept, end - 1}
	j.mu.Lock()
	j.lost = append(j.lost, lost)
	j.mu.Unlock()
	j.log.Error("DURABLE AUDIT ENTRIES ARE LOST: somebody else changed a segment; restore it from a copy",
		"dir", j.cfg.Dir, "segment", seg.name, "damage", string(e.damage), "first", lost.First, "last", lost.Last)
	j.note(actionFileReplaced, end-kept, lossDetail(lost, detail))
}

// restore puts the durable part of the segment back at its path, from the open
// descriptor, which outlives the name. Another file there is kept aside.
func (j *Journal) restore(seg *openSegment) error {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	temp := "restore-" + seg.name
	f, err := j.dir.OpenFile(temp, flags)
	if err != nil {
		return err
	}
	err = copyRange(f, seg.file, 0, seg.size)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, j.dir.Remove(temp))
	}
	aside := asideName("replaced", seg.first, time.Now())
	if err := j.dir.Rename(seg.name, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, j.dir.Remove(temp))
	}
	if err := j.dir.Rename(temp, seg.name); err != nil {
		return err
	}
	return j.dir.Sync()
}

// readable returns the index behind the last entry that can still be read from
// the start of the segment, at most end, and the offset behind it.
func (j *Journal) readable(seg *openSegment, end uint64) (uint64, int64) {
	r := newLineReader(seg.file, 0)
	for index := seg.first; index < end; index++ {
		at := r.offset
		line, err := r.next()
		if err == nil {
			_, err = parse(line, index)
		}
		if err != nil {
			return index, at
		}
	}
	return end, r.offset
}

// cutForeign keeps aside what stands in the segment behind the log's own lines,
// and says so. If that fails, the next Open does it.
func (j *Journal) cutForeign(seg *openSegment, index uint64, from int64) string {
	info, err := seg.file.Stat()
	if err == nil && info.Size == from {
		return ""
	}
	c := cut{segment: seg.segment, index: index, from: from, size: info.Size, what: "surplus"}
	if err == nil {
		var name string
		if name, err = c.apply(j.dir); err == nil {
			return "; what is not part of the log is kept in " + name
		}
	}
	j.log.Error("audit segment keeps an end that is not part of the log", "segment", seg.name, "from", from, "error", err)
	return ""
}

// lossDetail is the detail of an event that records lost entries.
func lossDetail(lost Range, what string) string {
	return fmt.Sprintf("lost %d-%d: %s", lost.First, lost.Last, what)
}

func parseLossDetail(detail string) (lost Range, ok bool) {
	n, err := fmt.Sscanf(detail, "lost %d-%d:", &lost.First, &lost.Last)
	return lost, n == 2 && err == nil
}

// note keeps a system event until writing works again.
func (j *Journal) note(action string, count uint64, detail string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.notes = append(j.notes, systemEvent(action, count, detail))
}

// flushNotes queues what note kept. j.mu is held.
func (j *Journal) flushNotes() {
	for i := range j.notes {
		j.enqueueEvent(&j.notes[i])
	}
	j.notes = nil
}
