package token

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a [Store] needs beside the file.
type Options struct {
	// Logger is told of every reload and of what is wrong with the file. nil
	// discards.
	Logger *slog.Logger
	// Now decides, for Require, whether a token has expired; nil means time.Now.
	Now func() time.Time
}

// Store holds the tokens as they were last read from the file.
type Store struct {
	path   string
	logger *slog.Logger
	now    func() time.Time

	tokens atomic.Pointer[map[sum]definition] // the map does not change
	status atomic.Pointer[Status]

	reload  sync.Mutex // serialises reads of the file; guards what follows
	seen    fingerprint
	hash    [sha256.Size]byte // of the text last parsed
	verdict error             // on that text
	failure string            // the fault last logged, "" when the file was sound
}

// Status tells whether the tokens in use are those of the file.
type Status struct {
	Tokens int // how many are loaded, expired ones included
	// Loaded is when they were last read from a sound file.
	Loaded time.Time
	// Err is why the file as it is now is not in use, nil if it is.
	Err error
	// Since is when Err began; zero without one.
	Since time.Time
}

// Open reads the file. Its error has every fault of it, one a line.
func Open(path string, o Options) (*Store, error) {
	s := &Store{path: path, logger: o.Logger, now: o.Now}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.tokens.Store(new(map[sum]definition{}))
	s.status.Store(&Status{})
	if err := s.Reload(); err != nil {
		return nil, fmt.Errorf("open tokens file: %w", err)
	}
	return s, nil
}

// Reload reads the file now, changed or not. On an error the tokens in use stay.
func (s *Store) Reload() error {
	s.reload.Lock()
	defer s.reload.Unlock()
	return s.read(true)
}

// Status is cheap enough for every probe and scrape.
func (s *Store) Status() Status { return *s.status.Load() }

// read is called with reload held. Text that was parsed before is not parsed
// again, unless it is forced.
func (s *Store) read(force bool) error {
	file, err := readSteady(s.path)
	if err != nil {
		s.seen = fingerprint{}
		return s.refuse(err)
	}
	s.seen = file.state
	if force || file.hash != s.hash {
		s.hash = file.hash
		s.verdict = s.parse(file.text)
	}
	if s.verdict != nil {
		return s.refuse(s.verdict)
	}
	s.accept()
	return nil
}

// parse makes the tokens of text those in use.
func (s *Store) parse(text []byte) error {
	definitions, err := parse(s.path, text)
	if err != nil {
		return err
	}
	tokens := make(map[sum]definition, len(definitions))
	for _, d := range definitions {
		tokens[d.sum] = d
	}
	s.tokens.Store(&tokens)
	s.status.Store(&Status{Tokens: len(tokens), Loaded: s.now()})
	s.logger.Info("admin tokens loaded", slog.String("file", s.path), slog.Int("tokens", len(tokens)))
	return nil
}

// accept notes that the tokens in use are those of the file.
func (s *Store) accept() {
	if s.failure != "" {
		s.failure = ""
		s.logger.Info("tokens file mended", slog.String("file", s.path))
	}
	if status := *s.status.Load(); status.Err != nil {
		status.Err, status.Since = nil, time.Time{}
		s.status.Store(&status)
	}
}

// refuse keeps the tokens in use and notes why, once for each new reason.
func (s *Store) refuse(err error) error {
	status := *s.status.Load()
	status.Err = err
	if status.Since.IsZero() {
		status.Since = s.now()
	}
	s.status.Store(&status)
	if text := err.Error(); text != s.failure {
		s.failure = text
		s.logger.Error("tokens file refused, the tokens loaded before stay in use", slog.String("file", s.path), slog.Any("error", err))
	}
	return err
}
