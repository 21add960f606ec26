package certificate

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Files are the paths of PEM files. They may be symbolic links, and those may be
// replaced too.
type Files struct {
	// Cert holds the certificate, then its chain without the root.
	Cert string
	// Key holds the certificate's private key, without a passphrase. It may be the
	// same file as Cert.
	Key string
	// ClientCA holds the authorities that issue callers' certificates. Empty:
	// callers need none.
	ClientCA string
}

// Options are what a [Store] needs beside the files.
type Options struct {
	// Logger is told of every load and of what is wrong with a file. nil discards.
	Logger *slog.Logger
	// Now decides whether certificates are valid, callers' ones too; nil means
	// time.Now.
	Now func() time.Time
}

// Store holds the TLS material as it was last read from sound files.
type Store struct {
	files  Files
	logger *slog.Logger
	now    func() time.Time

	serving atomic.Pointer[serving]
	status  atomic.Pointer[Status]

	look   sync.Mutex // serialises looks at the files; guards what follows
	seen   states     // of the files at the last look
	last   *contents  // at the last look
	waited int        // looks in a row that found other contents than the one before
	judged *judgement // of last, unless that is waited for
	told   string     // the fault last logged of judged
	warned time.Time  // when the coming expiry was last logged
}

// Status tells whether what is in use is what the files hold, and valid.
type Status struct {
	// OK is false while the files as they are now are not in use, and when the
	// certificate in use has expired.
	OK bool
	// Reason says why not, on one line.
	Reason string
	// NotAfter is when the certificate in use expires.
	NotAfter time.Time
	// LoadedAt is when what is in use was read.
	LoadedAt time.Time
}

// Open reads the files. Its error has everything that is wrong with them, one
// fault a line.
func Open(files Files, o Options) (*Store, error) {
	s := &Store{files: files, logger: o.Logger, now: o.Now}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.look.Lock()
	defer s.look.Unlock()
	s.read()
	s.judged = judge(s.last)
	if err := s.judged.fault(s.now()); err != nil {
		return nil, fmt.Errorf("open TLS files: %w", err)
	}
	_ = s.adopt() // has no fault
	return s, nil
}

// Reload reads the files now, changed or not. On an error what is in use stays, as
// far as the error is about it.
func (s *Store) Reload() error {
	s.look.Lock()
	defer s.look.Unlock()
	s.read()
	return s.decide()
}

// Status is cheap enough for every probe and scrape.
func (s *Store) Status() Status {
	status := *s.status.Load()
	if status.OK && s.now().After(status.NotAfter) {
		status.OK, status.Reason = false, "the certificate in use expired at "+status.NotAfter.Format(time.RFC3339)
	}
	return status
}

// read is called with look held, as all that follow are.
func (s *Store) read() {
	// First, so that a change while the files are read shows at the next look.
	s.seen = s.files.states()
	s.last = s.files.read()
}

// decide judges what was read last, unless it was judged before.
func (s *Store) decide() error {
	s.waited = 0
	if !s.last.equal(s.judged.contents) {
		s.judged, s.told = judge(s.last), ""
	}
	return s.adopt()
}

// adopt brings into use what is sound of what was judged, and tells of the rest.
func (s *Store) adopt() error {
	j, v, now := s.judged, s.serving.Load(), s.now()
	pair, authorities := j.pair, j.authorities
	if v != nil && j.pairFault(now) != nil {
		pair = v.pair
	}
	if v != nil && j.authoritiesFault(now) != nil {
		authorities = v.authorities
	}
	if v == nil || !v.is(pair, authorities) {
		s.serving.Store(s.serve(pair, authorities))
		s.warned = time.Time{}
		s.logger.Info("TLS files loaded", slog.String("cert_file", s.files.Cert), slog.Any("names", pair.Leaf.DNSNames),
			slog.Time("not_after", pair.Leaf.NotAfter), slog.Int("client_authorities", len(authorities)))
	}
	s.remind(now)
	return s.tell(j.fault(now))
}

// tell makes the status, and logs a fault once for each change of the files or of
// the fault.
func (s *Store) tell(fault error) error {
	v := s.serving.Load()
	status := &Status{OK: fault == nil, NotAfter: v.pair.Leaf.NotAfter, LoadedAt: v.loaded}
	if fault != nil {
		status.Reason = strings.ReplaceAll(fault.Error(), "\n", "; ")
	}
	before := s.status.Swap(status)
	switch {
	case fault != nil && s.told != status.Reason:
		s.logger.Error("TLS files at fault, what was loaded before stays in use", slog.String("fault", status.Reason))
	case fault == nil && before != nil && !before.OK:
		s.logger.Info("TLS files mended", slog.String("cert_file", s.files.Cert))
	}
	s.told = status.Reason
	return fault
}
