//go:build unix

package trail_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/trail"
)

// swapping puts a pipe in a file's place when it is handed the first records.
type swapping struct {
	sink
	t    *testing.T
	path string
}

func (s *swapping) Records(ctx context.Context, at time.Time, records []cloudtrail.Record) error {
	if len(s.records) == 0 {
		if err := os.Remove(s.path); err != nil {
			s.t.Error(err)
		}
		if err := syscall.Mkfifo(s.path, 0o600); err != nil {
			s.t.Error(err)
		}
	}
	return s.sink.Records(ctx, at, records)
}

// A file that is a pipe by the time it is read hangs nobody.
func TestPipe(t *testing.T) {
	for _, tt := range []struct{ name, file, at, want string }{
		{"log file", "CloudTrail_", "T0605Z", "incomplete: log file"},
		{"digest", "CloudTrail-Digest_", "T0615", "incomplete: digest"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBucket(t)
			b.hours(9)
			s := newSource(t, trail.Config{Paths: []string{b.dir}, SettleAfter: time.Hour, Keys: keys(t), Offline: true, Now: (&clock{day.Add(24 * time.Hour)}).Now})
			to := &swapping{t: t, path: b.find(tt.file, tt.at)}
			if err := pollPromptly(t, t.Context(), s, to); err != nil {
				t.Fatal(err)
			}
			if said := to.said()["06:00"]; !strings.HasPrefix(said, tt.want) || !strings.HasSuffix(said, "is not a regular file") {
				t.Errorf("said %q, want %q", said, tt.want)
			}
		})
	}
	t.Run("public keys", func(t *testing.T) {
		b := newBucket(t)
		b.hours(1)
		dir := keys(t)
		if err := syscall.Mkfifo(filepath.Join(dir, "new.json"), 0o600); err != nil {
			t.Fatal(err)
		}
		s := newSource(t, trail.Config{Paths: []string{b.dir}, Keys: dir})
		if err := pollPromptly(t, t.Context(), s, &sink{}); err == nil || !strings.HasSuffix(err.Error(), "new.json: is not a regular file") {
			t.Errorf("error %v", err)
		}
	})
}
