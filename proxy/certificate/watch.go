package certificate

import (
	"context"
	"log/slog"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/livefile"
)

// maxWait is how many looks in a row may find files that are being written before
// they are judged as they are.
const maxWait = 10

// What is told of a certificate that will expire, how long before and how often.
const (
	expiryNotice   = 14 * 24 * time.Hour
	expiryReminder = 24 * time.Hour
)

// Run follows the files until ctx is done. One Run at a time is enough.
func (s *Store) Run(ctx context.Context) { livefile.Every(ctx, s.poll) }

// poll judges files that have changed, once they no longer do. What was judged
// before is looked at again too, because time passes.
func (s *Store) poll() {
	s.look.Lock()
	defer s.look.Unlock()
	if s.seen != s.files.states() || !s.seen.settled() {
		before := s.last
		s.read()
		if s.waited++; !s.last.equal(before) && s.waited < maxWait {
			return
		}
	}
	_ = s.decide() // what is wrong is logged and in the status
}

// remind warns of the coming expiry of the certificate in use, at once and then
// daily.
func (s *Store) remind(now time.Time) {
	notAfter := s.serving.Load().pair.Leaf.NotAfter
	left := notAfter.Sub(now)
	if left < 0 || left > expiryNotice || !s.warned.IsZero() && now.Sub(s.warned) < expiryReminder {
		return
	}
	s.warned = now
	s.logger.Warn("the TLS certificate expires soon, renew it", slog.String("cert_file", s.files.Cert),
		slog.Time("not_after", notAfter), slog.Duration("left", left.Truncate(time.Minute)))
}
