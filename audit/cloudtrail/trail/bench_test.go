package trail_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	kgzip "github.com/klauspost/compress/gzip"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/trail"
)

// realistic is a log file of other services' records, with one of ours among a
// hundred.
func realistic(w io.Writer, records int) (int64, error) {
	r := rand.New(rand.NewPCG(1, 2))
	var n int64
	write := func(format string, args ...any) {
		m, _ := fmt.Fprintf(w, format, args...)
		n += int64(m)
	}
	write(`{"Records":[`)
	for i := range records {
		if i > 0 {
			write(",")
		}
		source := []string{"sts", "ec2", "s3", "kms", "logs", "monitoring"}[r.IntN(6)]
		if i%100 == 99 {
			source = "outposts"
		}
		write(`{"eventVersion":"1.11","userIdentity":{"type":"AssumedRole","principalId":"AROA%016X:session-%d","arn":"arn:aws:sts::111122223333:assumed-role/role-%d/session-%d","accountId":"111122223333","accessKeyId":"ASIA%016X","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA%016X","arn":"arn:aws:iam::111122223333:role/role-%d","accountId":"111122223333","userName":"role-%d"},"attributes":{"creationDate":"2026-11-26T00:00:00Z","mfaAuthenticated":"false"}}},"eventTime":"2026-11-26T00:%02d:%02dZ","eventSource":"%s.amazonaws.com","eventName":"Describe%d","awsRegion":"us-west-2","sourceIPAddress":"10.%d.%d.%d","userAgent":"aws-sdk-go-v2/1.48.0 ua/2.1 os/linux lang/go#1.26.8 md/GOOS#linux md/GOARCH#amd64 api/%s#1.60.2 m/E,e","requestParameters":{"resource":"arn:aws:x:::%x"},"responseElements":null,"requestID":"%08x-%04x-4%03x-8%03x-%012x","eventID":"%08x-%04x-4%03x-8%03x-%012x","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"%s.us-west-2.amazonaws.com"}}`,
			r.Uint64(), i, r.IntN(9), i, r.Uint64(), r.Uint64(), r.IntN(9), r.IntN(9), r.IntN(60), r.IntN(60), source, r.IntN(40), r.IntN(255), r.IntN(255), r.IntN(255), source, r.Uint64(),
			r.Uint32(), r.IntN(1<<16), r.IntN(1<<12), r.IntN(1<<12), r.Uint64()>>16, r.Uint32(), r.IntN(1<<16), r.IntN(1<<12), r.IntN(1<<12), r.Uint64()>>16, source)
	}
	write(`]}`)
	return n, nil
}

// large writes files of about 30 MB each, and returns their size uncompressed.
func large(b *testing.B, dir string, files int) (total int64) {
	b.Helper()
	for i := range files {
		path := filepath.Join(dir, fmt.Sprintf("111122223333_CloudTrail_us-west-2_%s_%d.json.gz", day.Add(time.Duration(i)*5*time.Minute).Format("20060102T1504Z"), i))
		f, err := os.Create(path)
		if err != nil {
			b.Fatal(err)
		}
		z := gzip.NewWriter(f)
		n, err := realistic(z, 20_000)
		if err != nil {
			b.Fatal(err)
		}
		total += n
		if err := z.Close(); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
	return total
}

// BenchmarkRead is everything that is done to log files: uncompressed, hashed,
// split, filtered, handed over.
func BenchmarkRead(b *testing.B) {
	for _, files := range []int{1, 4} {
		b.Run(fmt.Sprintf("files=%d", files), func(b *testing.B) {
			dir := b.TempDir()
			b.SetBytes(large(b, dir, files))
			b.ReportAllocs()
			for b.Loop() {
				s, err := trail.New(trail.Config{Paths: []string{dir}, Offline: true})
				if err != nil {
					b.Fatal(err)
				}
				to := &sink{}
				if err := s.Poll(b.Context(), time.Time{}, to); err != nil || len(to.records) != files*200 {
					b.Fatal(len(to.records), err)
				}
			}
		})
	}
}

func BenchmarkGzip(b *testing.B) {
	dir := b.TempDir()
	size := large(b, dir, 1)
	paths, _ := filepath.Glob(filepath.Join(dir, "*"))
	for name, open := range map[string]func(io.Reader) (io.Reader, error){
		"std":       func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"klauspost": func(r io.Reader) (io.Reader, error) { return kgzip.NewReader(r) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				f, err := os.Open(paths[0])
				if err != nil {
					b.Fatal(err)
				}
				z, err := open(f)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, z); err != nil {
					b.Fatal(err)
				}
				f.Close()
			}
		})
	}
}

// BenchmarkScan is a poll that finds nothing new among many files.
func BenchmarkScan(b *testing.B) {
	dir := b.TempDir()
	const files = 20_000
	for i := range files {
		at := day.Add(time.Duration(i) * 10 * time.Second)
		d := filepath.Join(dir, at.Format("2006/01/02"))
		if err := os.MkdirAll(d, 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, fmt.Sprintf("111122223333_CloudTrail_us-west-2_%s_%d.json", at.Format("20060102T1504Z"), i)), []byte(`{"Records":[]}`), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	c := &clock{day.Add(72 * time.Hour)}
	s, err := trail.New(trail.Config{Paths: []string{dir}, Now: c.Now, Places: places{}})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Poll(b.Context(), day, &sink{}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := s.Poll(b.Context(), day, &sink{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/files, "µs/file")
}
