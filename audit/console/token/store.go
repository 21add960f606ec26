package token

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/livefile"
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
	file   *livefile.Follower[tokenSet]
}

// tokenSet is what one sound file holds. It does not change.
type tokenSet map[sum]definition

// Status tells whether the tokens in use are those of the file.
type Status struct {
	Tokens int // how many are loaded, expired ones included
	// Loaded is when they were last read from a sound file.
	Loaded time.Time
	// Expiry is the earliest end of them, even one that has passed; zero when none
	// ends.
	Expiry time.Time
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
	file, err := livefile.Follow(livefile.Source[tokenSet]{
		Path: path, Rules: tokensFile().Rules, What: "tokens", Parse: s.parse, Logger: s.logger, Now: s.now,
	})
	if err != nil {
		return nil, fmt.Errorf("open tokens file: %w", err)
	}
	s.file = file
	return s, nil
}

// Run follows the file until ctx is done. One Run at a time is enough.
func (s *Store) Run(ctx context.Context) { s.file.Run(ctx) }

// Reload reads the file now, changed or not. On an error the tokens in use stay.
func (s *Store) Reload() error { return s.file.Reload() }

// Status is cheap enough for every probe and scrape.
func (s *Store) Status() Status {
	l := s.file.Status()
	return Status{Tokens: len(l.Value), Loaded: l.At, Expiry: l.Value.expiry(), Err: l.Err, Since: l.Since}
}

func (t tokenSet) expiry() (first time.Time) {
	for _, d := range t {
		if !d.expires.IsZero() && (first.IsZero() || d.expires.Before(first)) {
			first = d.expires
		}
	}
	return first
}

func (s *Store) parse(text []byte, _ tokenSet) (tokenSet, error) {
	definitions, err := tokensFile().Parse(s.path, text)
	if err != nil {
		return nil, err
	}
	tokens := make(tokenSet, len(definitions))
	for _, d := range definitions {
		tokens[d.sum] = d
	}
	s.logger.Info("admin tokens loaded", slog.String("file", s.path), slog.Int("tokens", len(tokens)))
	return tokens, nil
}
