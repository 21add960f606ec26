package trail

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"syscall"
	"time"

	// Three times as fast as the standard library's; see BenchmarkGzip.
	"github.com/klauspost/compress/gzip"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// file is a file as the newest scan saw it.
type file struct {
	name
	path  string
	size  int64
	mtime time.Time
	*content
}

// content is what was found in a file. It holds as long as the file's size and
// time stay.
type content struct {
	size  int64
	mtime time.Time
	first time.Time // when the file was first seen like this
	scan  int       // the newest that saw it

	poll           int    // the newest that read it; 0 is none
	sum            string // SHA-256 of what it holds uncompressed, hexadecimal; "" if it cannot be read
	records        int    // of ours
	oldest, newest time.Time
	err            error
	digest         *digestFile
}

// batchRecords bounds what is handed over at a time.
const batchRecords = 500

// readLog hands over our records of a log file, in batches, and returns what it
// holds. Emit keeps the batch.
func readLog(ctx context.Context, path string, emit func([]cloudtrail.Record) error) content {
	var c content
	sum, err := readPlain(ctx, path, func(r io.Reader) error {
		d := cloudtrail.NewDecoder(r)
		var batch []cloudtrail.Record
		var malformed error
		for {
			r, err := d.Next()
			if m, ok := errors.AsType[*cloudtrail.MalformedError](err); ok {
				if malformed == nil {
					malformed = m
				}
				continue
			}
			if err != nil || len(batch) == batchRecords {
				if len(batch) > 0 {
					if err := emit(batch); err != nil {
						return err
					}
				}
				batch = nil
			}
			if err == io.EOF {
				return malformed
			}
			if err != nil {
				return err
			}
			batch = append(batch, r)
			if c.records == 0 || r.EventTime.Before(c.oldest) {
				c.oldest = r.EventTime
			}
			if c.records == 0 || r.EventTime.After(c.newest) {
				c.newest = r.EventTime
			}
			c.records++
		}
	})
	c.sum, c.err = sum, err
	return c
}

// readSmall returns what a file of at most limit bytes holds. Of a larger one it
// reads no more than shows that.
func readSmall(ctx context.Context, path string, limit int64) (data []byte, sum string, err error) {
	sum, err = readPlain(ctx, path, func(r io.Reader) error {
		if data, err = io.ReadAll(io.LimitReader(r, limit+1)); err == nil && int64(len(data)) > limit {
			err = fmt.Errorf("more than %d bytes", limit)
		}
		return err
	})
	return data, sum, err
}

// readPlain gives read the uncompressed content of a file, and returns its hash if
// read succeeds, which has to read to the end for that. Nothing is read beyond an
// error, nor when ctx is done: what is behind may be as large as the disk, or larger.
func readPlain(ctx context.Context, path string, read func(io.Reader) error) (sum string, err error) {
	// The file that was seen may be a pipe by now, which would hang an open without
	// O_NONBLOCK.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("is not a regular file")
	}
	// Beneath gzip too, of which an endless file can be empty when uncompressed.
	raw := bufio.NewReaderSize(interrupted{ctx, f}, 64<<10)
	var plain io.Reader = raw
	// What a file's name says of its compression is not always so: some tools
	// uncompress while they copy.
	if magic, _ := raw.Peek(2); string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(raw)
		if err != nil {
			return "", fmt.Errorf("gzip: %w", err)
		}
		plain = z
	}
	h := hashing{interrupted{ctx, plain}, sha256.New()}
	if err := read(h); err != nil {
		return "", err
	}
	return h.sum(), nil
}

type hashing struct {
	r io.Reader
	h hash.Hash
}

func (h hashing) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.h.Write(p[:n])
	return n, err
}

func (h hashing) sum() string { return hex.EncodeToString(h.h.Sum(nil)) }

// interrupted ends a reading when ctx is done.
type interrupted struct {
	ctx context.Context
	r   io.Reader
}

func (i interrupted) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}
