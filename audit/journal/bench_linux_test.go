package journal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// hit is the event of a cache hit as the proxy records it.
func hit(n int) audit.Event {
	return audit.Event{
		ID: audit.NewID(time.Now()), Kind: audit.KindOutcome, Principal: "installer-fra1",
		AccessKeyID: "GPK7Q2M4X6ZB3N5C8V1L", SourceIP: "127.0.0.1", SourcePort: uint16(n),
		UserAgent: "aws-sdk-go-v2/1.47.7 ua/2.1 os/linux lang/go#1.26.8 md/GOOS#linux md/GOARCH#amd64 api/outposts#1.60.2 m/E,g",
		Operation: "GetConnection", ReadOnly: true, Region: "us-west-2", ConnectionID: "aB+/c9==",
		Decision: audit.Allow, Cache: audit.CacheHit,
		Fill:     &audit.Fill{EventID: "019aae5f-0000-7abc-8def-0123456789ab", RequestID: "b8e7a8d1-9c11-4d2e-8f0d-1a2b3c4d5e6f", AgeMS: 42},
		Upstream: &audit.Upstream{Account: "123456789012", IdentityARN: "arn:aws:sts::123456789012:assumed-role/gatepost/installer-fra1", AccessKeyID: "ASIAIOSFODNN7EXAMPLE", Endpoint: "https://outposts.us-west-2.amazonaws.com"},
		Status:   200, ErrorClass: audit.ErrorClassNone,
		ResponseSHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", ResponseBytes: 512, DurationUS: 480,
	}
}

// batches records the size of every batch.
type batches struct {
	mu    sync.Mutex
	sizes []int
}

func (b *batches) Committed(entries int, _, _ time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sizes = append(b.sizes, entries)
}
func (b *batches) take() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	sizes := b.sizes
	b.sizes = nil
	return sizes
}

func (b *batches) Appended(audit.Kind) {}
func (b *batches) Refused(string)      {}

// BenchmarkCommit appends from many goroutines, then writes and syncs batches of
// the very same sizes in a bare loop, and reports the ratio of the two.
func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			dir := b.TempDir()
			seen := &batches{}
			j, err := journal.Open(b.Context(), journal.Config{Dir: filepath.Join(dir, "log"), Origin: "bench", CommitTimeout: time.Minute, Observer: seen})
			if err != nil {
				b.Fatal(err)
			}
			defer j.Close(b.Context())
			event := hit(1)
			lineBytes := len(audit.AppendLine(nil, &event)) + len("bench") + 6

			// Short rounds in turn, and the median of their ratios, because the speed
			// of a shared disk changes from one second to the next.
			const round = 200 * time.Millisecond
			var ratios, commits, bares []float64
			for b.Loop() {
				seen.take()
				n, took := appendFor(b, j, writers, round)
				sizes := seen.take()
				ours := float64(n) / took.Seconds()
				bare := float64(n) / bareLoop(b, dir, sizes, lineBytes).Seconds()
				ratios = append(ratios, ours/bare)
				commits = append(commits, ours)
				bares = append(bares, bare)
			}
			b.ReportMetric(median(commits), "commits/s")
			b.ReportMetric(median(bares), "bare/s")
			b.ReportMetric(median(ratios), "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func appendFor(b *testing.B, j *journal.Journal, writers int, d time.Duration) (int, time.Duration) {
	var n atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for w := range writers {
		wg.Go(func() {
			e := hit(w)
			for time.Since(start) < d {
				e.Time = time.Now()
				if _, err := j.Append(b.Context(), &e); err != nil {
					b.Error(err)
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return int(n.Load()), time.Since(start)
}

func bareLoop(b *testing.B, dir string, sizes []int, lineBytes int) time.Duration {
	path := filepath.Join(dir, "bare")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	for i := range buf {
		buf[i] = 'x'
	}
	start := time.Now()
	for _, n := range sizes {
		if _, err := f.Write(buf[:min(n*lineBytes, len(buf))]); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start)
}

func BenchmarkAppendAllocs(b *testing.B) {
	j, err := journal.Open(b.Context(), journal.Config{Dir: b.TempDir(), Origin: "bench", CommitTimeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close(b.Context())
	for _, writers := range []int{1, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(max(1, writers/2))
			b.RunParallel(func(pb *testing.PB) {
				e := hit(1)
				for pb.Next() {
					if _, err := j.Append(b.Context(), &e); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
