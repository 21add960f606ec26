package trail

import (
	"context"
	"fmt"
	"sync"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// readers is how many files are uncompressed at a time, ahead of the sink.
const readers = 2

// reading is a file being read ahead.
type reading struct {
	file    *file
	batches chan []cloudtrail.Record
	content content // complete when batches is closed
}

// readLogs reads files and hands over their records, in the files' order. The
// error is the sink's or ctx's; what is wrong with a file stays in its content.
func (s *Source) readLogs(ctx context.Context, files []*file, sink cloudtrail.Sink) error {
	if len(files) == 0 {
		return nil
	}
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan *reading, readers-1)
	running.Go(func() {
		defer close(queue)
		for _, f := range files {
			r := &reading{file: f, batches: make(chan []cloudtrail.Record, 1)}
			select {
			case queue <- r:
				running.Go(func() { r.run(ctx) })
			case <-ctx.Done():
				return
			}
		}
	})
	for r := range queue {
		for batch := range r.batches {
			if err := sink.Records(ctx, s.config.Now(), batch); err != nil {
				return fmt.Errorf("hand over records of %s: %w", r.file.path, err)
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		s.take(ctx, r.file.content, r.content, r.file.path)
	}
	return ctx.Err()
}

func (r *reading) run(ctx context.Context) {
	defer close(r.batches)
	r.content = readLog(ctx, r.file.path, func(batch []cloudtrail.Record) error {
		select {
		case r.batches <- batch:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// take keeps what was found in a file.
func (s *Source) take(ctx context.Context, kept *content, found content, path string) {
	if found.err != nil && (kept.err == nil || kept.err.Error() != found.err.Error()) {
		s.config.Logger.WarnContext(ctx, "file of the trail cannot be read", "path", path, "error", found.err)
	}
	kept.poll = s.polls
	kept.sum, kept.err, kept.digest = found.sum, found.err, found.digest
	kept.records, kept.oldest, kept.newest = found.records, found.oldest, found.newest
}

// load reads a digest, if it is not held.
func (s *Source) load(ctx context.Context, f *file) *content {
	if f.digest != nil || f.err != nil && f.poll == s.polls {
		return f.content
	}
	var c content
	data, sum, err := readSmall(ctx, f.path, maxDigestBytes)
	if ctx.Err() != nil {
		return &content{err: ctx.Err()} // which says nothing of the file
	}
	if err == nil {
		c.digest, err = parseDigest(data, f.name)
	}
	c.sum, c.err = sum, err
	s.take(ctx, f.content, c, f.path)
	if f.kind == digest && f.digest != nil {
		s.loaded = append(s.loaded, f)
	}
	return f.content
}
