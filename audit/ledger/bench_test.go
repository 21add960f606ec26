package ledger_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// benchLog makes a log of the given size in segments of 50,000 entries.
func benchLog(b *testing.B, size int) (dir string) {
	b.Helper()
	dir = b.TempDir()
	const each = 50_000
	var buf []byte
	for first := 0; first < size; first += each {
		buf = buf[:0]
		for i := first; i < min(first+each, size); i++ {
			buf = append(append(buf, line(uint64(i), "")...), '\n')
		}
		if err := os.WriteFile(filepath.Join(dir, segmentName(first)), buf, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	l, err := ledger.Open(b.Context(), ledger.Config{
		Dir: dir, Origin: origin, Source: &dirSource{dir: dir, size: uint64(size)}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := l.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	return dir
}

// hashFiles reads and hashes the segments with SHA-256 on one processor, which
// is the least that any verifier has to do.
func hashFiles(b *testing.B, dir string) (bytes int64) {
	b.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "segment-*"))
	if err != nil {
		b.Fatal(err)
	}
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, buf)
		if err != nil {
			b.Fatal(err)
		}
		bytes += n
		_ = f.Close()
	}
	h.Sum(nil)
	return bytes
}

// Verify beside plain SHA-256 over the same bytes: the ratio is of their times.
func BenchmarkVerify(b *testing.B) {
	for _, size := range []int{100_000, 400_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			dir := benchLog(b, size)
			var bytes int64
			var hashing, verifying time.Duration
			for b.Loop() {
				began := time.Now()
				bytes = hashFiles(b, dir)
				hashing += time.Since(began)
				began = time.Now()
				r, err := ledger.Verify(b.Context(), ledger.VerifyOptions{Dir: dir})
				verifying += time.Since(began)
				if err != nil || r.Verdict != ledger.Sound || r.Size != uint64(size) {
					b.Fatalf("%+v, %v", r, err)
				}
			}
			b.SetBytes(bytes)
			b.ReportMetric(float64(size)*float64(b.N)/verifying.Seconds(), "events/s")
			b.ReportMetric(float64(bytes)*float64(b.N)/hashing.Seconds()/1e6, "sha256-MB/s")
			b.ReportMetric(float64(bytes)*float64(b.N)/verifying.Seconds()/1e6, "verify-MB/s")
			b.ReportMetric(verifying.Seconds()/hashing.Seconds(), "verify/sha256")
		})
	}
}

// Following a journal that is behind by many entries, with tiles and checkpoint
// on disk.
func BenchmarkFollow(b *testing.B) {
	const size = 200_000
	dir := benchLog(b, size)
	var bytes int64
	var following time.Duration
	for b.Loop() {
		bytes = hashFiles(b, dir)
		l, err := ledger.Open(b.Context(), ledger.Config{
			Dir: b.TempDir(), Origin: origin, Source: &dirSource{dir: dir, size: size}, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		if err := l.Step(b.Context()); err != nil {
			b.Fatal(err)
		}
		following += time.Since(began)
		if c, _ := l.Checkpoint(); c.Size != size {
			b.Fatalf("checkpoint is %+v", c)
		}
		_ = l.Close(b.Context())
	}
	b.SetBytes(bytes)
	b.ReportMetric(size*float64(b.N)/following.Seconds(), "entries/s")
}

// One checkpoint over one new entry: what an interval of little activity costs.
func BenchmarkCheckpoint(b *testing.B) {
	src := newMemSource(nil)
	l, err := ledger.Open(b.Context(), ledger.Config{
		Dir: b.TempDir(), Origin: origin, Source: src, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close(b.Context())
	for i := uint64(0); b.Loop(); i++ {
		src.grow(line(i, ""))
		if err := l.Step(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProve(b *testing.B) {
	const size = 100_000
	dir := benchLog(b, size)
	l, err := ledger.Open(b.Context(), ledger.Config{
		Dir: dir, Origin: origin, Source: &dirSource{dir: dir, size: size}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close(b.Context())
	i := uint64(0)
	for b.Loop() {
		if _, err := l.Prove(b.Context(), i*7919%size); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
