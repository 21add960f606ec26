package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// writer is what the writing goroutine alone knows.
type writer struct {
	seg *openSegment // nil: the next batch opens one

	// partial is the name of a segment that holds nothing but lines which are
	// still queued, because writing its first batch failed. It may be removed.
	partial string

	freeAt time.Time // when the free space was last looked at

	gathering gathering
}

// openSegment is the segment that is written to.
type openSegment struct {
	segment
	file  File
	id    FileInfo // device and inode of file
	size  int64    // bytes that are durable
	fresh bool     // the directory entry may not be durable yet
}

// run writes batches until the journal is closed and the queue is empty, or
// until Close gives up.
func (j *Journal) run() {
	defer close(j.finished)
	defer func() {
		j.stopPacking()
		<-j.packed
		j.closeErr = j.release()
	}()
	ticker := time.NewTicker(maintainEvery)
	defer ticker.Stop()
	for {
		j.gather()
		b, over := j.seal()
		switch {
		case over:
			return
		case b != nil:
			if !j.commit(b) {
				return
			}
			select {
			case <-ticker.C:
				j.maintain()
			default:
			}
		default:
			select {
			case <-j.kick:
			case <-ticker.C:
				j.maintain()
			case <-j.quit:
				return
			}
		}
	}
}

// commit makes b durable, however long that takes, unless Close gives up.
func (j *Journal) commit(b *batch) bool {
	var backoff time.Duration
	for {
		synced, err := j.write(b)
		if err == nil {
			entries, took := b.lines, time.Since(b.start)
			j.settle(b)
			j.w.gathering.note(entries, synced)
			j.observer.Committed(entries, took, synced)
			if time.Since(j.w.freeAt) >= freeEvery {
				j.checkFree()
			}
			return true
		}
		j.abandon(err)
		select {
		case <-j.quit:
			return false
		case <-time.After(backoff):
		}
		backoff = min(max(2*backoff, firstBackoff), maxBackoff)
		j.checkFree()
	}
}

// write tries once to make b durable and returns how long the sync took.
func (j *Journal) write(b *batch) (time.Duration, error) {
	w := &j.w
	if w.seg != nil && w.seg.size >= j.cfg.SegmentBytes {
		// All of it is durable: nothing that closing could report matters.
		_ = w.seg.file.Close()
		w.seg = nil
	}
	if w.seg == nil {
		seg, err := j.create(b.first)
		if err != nil {
			return 0, err
		}
		w.seg = seg
	}
	seg := w.seg
	if n, err := seg.file.Write(b.buf); err != nil {
		return 0, err
	} else if n < len(b.buf) {
		return 0, fmt.Errorf("write %s: %w", seg.name, io.ErrShortWrite)
	}
	syncing := time.Now()
	if err := seg.file.Sync(); err != nil {
		return 0, err
	}
	synced := time.Since(syncing)
	if seg.fresh {
		if err := j.dir.Sync(); err != nil {
			return 0, err
		}
	}
	size := seg.size + int64(len(b.buf))
	if err := j.inspect(seg, size); err != nil {
		return 0, err
	}
	seg.size, seg.fresh = size, false
	w.partial = ""
	return synced, nil
}

// create makes the segment that starts at index first.
func (j *Journal) create(first uint64) (*openSegment, error) {
	name := segmentName(first)
	if j.w.partial == name {
		if err := j.dir.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	const flags = os.O_RDWR | os.O_APPEND | os.O_CREATE | os.O_EXCL
	f, err := j.dir.OpenFile(name, flags)
	if errors.Is(err, fs.ErrExist) {
		// Not ours, and in the way.
		aside := asideName("surplus", first, time.Now())
		if err := j.dir.Rename(name, aside); err != nil {
			return nil, err
		}
		j.note(actionSurplus, 0, aside)
		f, err = j.dir.OpenFile(name, flags)
	}
	if err != nil {
		return nil, err
	}
	j.w.partial = name
	id, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &openSegment{segment: segment{name: name, first: first}, file: f, id: id, fresh: true}, nil
}

// abandon gives the open segment up after an error and begins to refuse.
func (j *Journal) abandon(err error) {
	reason := ReasonIOError
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		reason = ReasonDiskFull
	}
	replaced, isReplaced := errors.AsType[*replacedError](err)
	if isReplaced {
		reason = ReasonFileReplaced
	}
	j.log.Error("audit journal cannot commit", "dir", j.cfg.Dir, "reason", reason, "error", err)
	j.mu.Lock()
	j.begin(condFailing, reason+": "+err.Error())
	j.failing = reason
	j.mu.Unlock()

	seg := j.w.seg
	if seg == nil {
		return
	}
	j.w.seg = nil
	if isReplaced {
		j.w.partial = "" // what is at the path is not ours to remove
		j.salvage(seg, replaced)
	}
	_ = seg.file.Close() // it may repeat the error, and nothing else
}

// maintain notices what an idle journal would not.
func (j *Journal) maintain() {
	j.checkFree()
	err := j.dir.InPlace()
	j.mu.Lock()
	if err != nil {
		if !j.episode.holds[condMoved] {
			j.log.Error("audit directory was moved or deleted: put it back, or restart with another", "dir", j.cfg.Dir, "error", err)
		}
		j.begin(condMoved, ReasonFileReplaced+": "+err.Error())
	} else {
		j.end(condMoved)
	}
	j.mu.Unlock()

	if j.w.seg == nil {
		return
	}
	if err := j.inspect(j.w.seg, j.w.seg.size); err != nil {
		j.abandon(err)
		j.mu.Lock()
		j.flushNotes() // whose commit opens the next segment
		j.mu.Unlock()
	}
}

// checkFree looks at the free space and begins or ends to keep the reserve.
func (j *Journal) checkFree() {
	j.w.freeAt = time.Now()
	free, err := j.dir.Free()
	if err != nil {
		j.log.Error("audit journal cannot see the free space", "dir", j.cfg.Dir, "error", err)
		return
	}
	j.free.Store(free)
	j.mu.Lock()
	defer j.mu.Unlock()
	if free >= j.cfg.Reserve {
		j.end(condReserve)
		return
	}
	if !j.episode.holds[condReserve] {
		j.log.Error("audit journal refuses: disk nearly full", "dir", j.cfg.Dir, "free", free, "reserve", j.cfg.Reserve)
	}
	j.begin(condReserve, "less is free than the reserve")
}

func (j *Journal) release() error {
	j.keeping <- struct{}{}
	defer func() { <-j.keeping }()
	j.released = true
	var err error
	if j.w.seg != nil {
		err = j.w.seg.file.Close()
	}
	return errors.Join(err, j.lock.Close(), j.dir.Close())
}
