package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal/seekable"
)

const (
	// A segment is compressed when it has been closed for an hour: by then those
	// who follow the log, programs that ship its files among them, have read it.
	packAge = time.Hour
	// packEvery is how often is looked whether there is one.
	packEvery = time.Minute
	// packKeep is how many segments, counted from the newest, stay as they are.
	packKeep = 2

	// Compressing rests for so many times as long as it works, so that it takes a
	// fifth of one processor at most.
	packRest = 4
	// packRetry is when a segment that could not be compressed is tried again.
	packRetry = time.Hour

	// packSync is after how many frames what is written is synced: a sync of more at
	// once would hold up the log's own on the same disk.
	packSync = 16

	packPrefix = "packing-" // of the name of a file that is being written
)

// errNotWhole says that a segment holds something else than the lines that belong
// to it. It stays as it is, for Open and verify to deal with.
var errNotWhole = errors.New("not exactly the lines of the log")

// packer compresses closed segments, in the background, one at a time.
type packer struct {
	j     *Journal
	after map[uint64]time.Time // when to try again, by segment
	clean bool                 // nothing is left of an earlier process
}

// pack runs until ctx is done.
func (j *Journal) pack(ctx context.Context) {
	defer close(j.packed)
	p := &packer{j: j, after: map[uint64]time.Time{}}
	ticker := time.NewTicker(j.cfg.packEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := p.pass(ctx); err != nil && ctx.Err() == nil {
			j.log.Warn("audit segments are not compressed", "error", err)
		}
	}
}

// pass compresses all segments that are due.
func (p *packer) pass(ctx context.Context) error {
	if err := p.cleanUp(); err != nil {
		return err
	}
	segs, err := listSegments(p.j.dir)
	if err != nil {
		return err
	}
	for i := 0; i+packKeep < len(segs) && ctx.Err() == nil; i++ {
		s, next := segs[i], segs[i+1].first
		if s.packed || time.Now().Before(p.after[s.first]) {
			continue
		}
		// The next one's first entry tells when this one was closed.
		e, err := eventAt(p.j.dir, segs, next)
		if err == nil && time.Since(e.Time) < p.j.cfg.packAge {
			return nil
		}
		if err == nil {
			err = p.one(ctx, s, next)
		}
		switch {
		case err == nil:
			delete(p.after, s.first)
		case errors.Is(err, errNotWhole):
			p.after[s.first] = time.Now().Add(math.MaxInt64)
			p.j.log.Warn("audit segment is not compressed", "segment", s.name, "error", err)
		case ctx.Err() == nil:
			p.after[s.first] = time.Now().Add(packRetry)
			p.j.log.Warn("audit segment is not compressed", "segment", s.name, "error", err)
		}
	}
	return nil
}

// cleanUp removes what an earlier process was writing.
func (p *packer) cleanUp() error {
	if p.clean {
		return nil
	}
	names, err := p.j.dir.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, packPrefix) {
			if err := removeIfThere(p.j.dir, name); err != nil {
				return err
			}
		}
	}
	p.clean = true
	return nil
}

// one compresses a segment whose lines end before index end. The plain form is
// removed only when the compressed one is durable, in its place, and was read
// back and found to be the same.
func (p *packer) one(ctx context.Context, s segment, end uint64) error {
	j := p.j
	j.keeping <- struct{}{}
	defer func() { <-j.keeping }()
	plain, err := openSource(j.dir, s)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // pruned meanwhile
	}
	if err != nil {
		return err
	}
	defer plain.close()
	if plain.packed {
		return nil
	}
	name, temp := packedName(s.first), packPrefix+packedName(s.first)
	if _, err := j.dir.Stat(name); err == nil {
		// A crash came between the last two steps; or it is anything else, and is
		// replaced if the plain form is whole.
		if err := p.compare(ctx, plain, name); err == nil {
			return p.replace(plain, name)
		} else if ctx.Err() != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if free := j.free.Load(); free < plain.size {
		return fmt.Errorf("%d bytes are free, and %d may be needed", free, plain.size)
	}
	stored, err := p.write(ctx, plain, end, temp)
	if err == nil {
		err = p.compare(ctx, plain, temp)
	}
	if err == nil {
		err = j.dir.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, removeIfThere(j.dir, temp))
	}
	if err := p.replace(plain, name); err != nil {
		return err
	}
	j.log.Info("audit segment is compressed", "segment", s.name, "bytes", plain.size, "to", stored)
	return nil
}

// write compresses the lines into a new file and makes it durable.
func (p *packer) write(ctx context.Context, plain *source, end uint64, name string) (stored int64, err error) {
	if err := removeIfThere(p.j.dir, name); err != nil {
		return 0, err
	}
	f, err := p.j.dir.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w, err := seekable.NewWriter(f)
	if err != nil {
		return 0, err
	}
	buf := make([]byte, seekable.FrameBytes)
	index := plain.first
	for offset, frames := int64(0), 1; offset < plain.size; frames++ {
		began := time.Now()
		chunk := buf[:min(int64(len(buf)), plain.size-offset)]
		if n, err := plain.ReadAt(chunk, offset); err != nil && (!errors.Is(err, io.EOF) || n < len(chunk)) {
			return 0, err
		}
		chunk = chunk[:bytes.LastIndexByte(chunk, '\n')+1] // longer than any line
		first := index
		for line := range bytes.Lines(chunk) {
			if got, ok := audit.ParseHead(line); !ok || got != index || index >= end {
				return 0, errNotWhole
			}
			index++
		}
		if len(chunk) == 0 {
			return 0, errNotWhole
		}
		if err := w.Frame(first, chunk); err != nil {
			return 0, err
		}
		offset += int64(len(chunk))
		if frames%packSync == 0 {
			if err := f.Sync(); err != nil {
				return 0, err
			}
		}
		if err := rest(ctx, began); err != nil {
			return 0, err
		}
	}
	if index != end {
		return 0, errNotWhole
	}
	if err := w.Close(); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	return info.Size, err
}

// compare returns an error unless a compressed file holds what the plain one
// holds.
func (p *packer) compare(ctx context.Context, plain *source, name string) error {
	packed, err := openSource(p.j.dir, segment{name, plain.first, true})
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	defer packed.close()
	info, err := plain.file.Stat()
	if err != nil {
		return err
	}
	if packed.size != info.Size {
		return fmt.Errorf("read back: %s holds %d bytes, not %d", name, packed.size, info.Size)
	}
	want, got := make([]byte, seekable.FrameBytes), make([]byte, seekable.FrameBytes)
	for offset := int64(0); offset < info.Size; {
		began := time.Now()
		n := min(int64(len(want)), info.Size-offset)
		for _, half := range []struct {
			from io.ReaderAt
			to   []byte
		}{{plain, want[:n]}, {packed, got[:n]}} {
			if m, err := half.from.ReadAt(half.to, offset); int64(m) < n {
				return fmt.Errorf("read back: %w", err)
			}
		}
		if !bytes.Equal(want[:n], got[:n]) {
			return fmt.Errorf("read back: %s differs behind byte %d", name, offset)
		}
		offset += n
		if err := rest(ctx, began); err != nil {
			return err
		}
	}
	return nil
}

// replace removes the plain form once the name of the compressed one is durable.
func (p *packer) replace(plain *source, name string) error {
	if err := p.j.dir.Sync(); err != nil {
		return err
	}
	if err := p.j.dir.Remove(plain.name); err != nil {
		return err
	}
	return p.j.dir.Sync()
}

// rest waits in proportion to the work since a time, or until ctx is done.
func rest(ctx context.Context, began time.Time) error {
	pause := time.NewTimer(packRest * time.Since(began))
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-pause.C:
		return nil
	}
}
