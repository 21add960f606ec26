package trail_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/trail"
)

// promptly is a small part of the time in which what these tests lay out can be
// read.
const promptly = 10 * time.Second

// pollPromptly is a poll that may not take long.
func pollPromptly(t *testing.T, ctx context.Context, s *trail.Source, to cloudtrail.Sink) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- s.Poll(ctx, day, to) }()
	select {
	case err := <-done:
		return err
	case <-time.After(promptly):
		t.Fatal("a file is read on and on")
		return nil
	}
}

// A file that is no file of a trail, or is larger than one can be, is not read
// beyond what shows that.
func TestHugeFile(t *testing.T) {
	for _, tt := range []struct {
		name string
		file func(b *bucketCopy) string
		want string
	}{
		{"log file", func(b *bucketCopy) string { return b.find("CloudTrail_", "T0305Z") }, "incomplete: log file"},
		{"digest", func(b *bucketCopy) string { return b.find("CloudTrail-Digest_", "T0315") }, "incomplete: digest"},
		{"signature", func(b *bucketCopy) string { return b.find("CloudTrail-Digest_", "T0315") + ".sig" }, "complete"},
		{"stray", func(b *bucketCopy) string { return filepath.Join(b.dir, "notes.json") }, "complete"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBucket(t)
			b.hours(8)
			path := tt.file(b)
			b.put(path, nil)
			if err := os.Truncate(path, 60<<30); err != nil {
				t.Fatal(err)
			}
			s := newSource(t, trail.Config{Paths: []string{b.dir}, SettleAfter: time.Hour, Keys: keys(t), Offline: true, Now: (&clock{day.Add(24 * time.Hour)}).Now})
			to := &sink{}
			if err := pollPromptly(t, t.Context(), s, to); err != nil {
				t.Fatal(err)
			}
			if said := to.said()["03:00"]; !strings.HasPrefix(said, tt.want) {
				t.Errorf("said %q, want %q", said, tt.want)
			}
		})
	}
}

// stopping calls the poll off that hands it the first records.
type stopping struct {
	sink
	stop context.CancelFunc
}

func (s *stopping) Records(ctx context.Context, at time.Time, records []cloudtrail.Record) error {
	s.stop()
	return s.sink.Records(ctx, at, records)
}

// A poll that is called off leaves the file that it is at, however much of it there
// is.
func TestCancelledWithin(t *testing.T) {
	b := newBucket(t)
	events := make([]string, 1000)
	for i := range events {
		events[i] = b.event(day)
	}
	records := packed([]byte(`{"Records":[` + strings.Join(events, ",")))
	blanks := packed(bytes.Repeat([]byte{' '}, 16<<20))
	for _, tt := range []struct {
		name string
		rest []byte
		size int64
	}{
		{"compressed", bytes.Repeat(blanks, 4000), 0},
		{"damaged", nil, 60 << 30},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "111122223333_CloudTrail_us-west-2_20261126T0005Z_Mu0KsOhtH1ar15ZZ.json")
			if tt.size > 0 {
				b.put(path, []byte(`{"Records":[`+strings.Join(events, ",")))
				if err := os.Truncate(path, tt.size); err != nil {
					t.Fatal(err)
				}
			} else {
				b.put(path, append(bytes.Clone(records), tt.rest...))
			}
			ctx, cancel := context.WithCancel(t.Context())
			s := newSource(t, trail.Config{Paths: []string{path}})
			if err := pollPromptly(t, ctx, s, &stopping{stop: cancel}); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
		})
	}
}
