package livefile

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// interval is how long a change may go unnoticed. A look is one stat;
// notifications would also have to follow every directory on the way to a file
// that a symbolic link leads to, and miss changes made on another host.
const interval = 100 * time.Millisecond

// Every looks every 100 ms until ctx is done.
func Every(ctx context.Context, look func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			look()
		}
	}
}

// Source is a file and what a [Follower] makes of it.
type Source[T any] struct {
	Path  string
	Rules Rules
	// What the file holds, in the plural, for the log.
	What string
	// Parse returns what a text means, or everything that is wrong with it. before
	// is what was in use until now, at first the zero value. It is called by one
	// goroutine at a time.
	Parse func(text []byte, before T) (T, error)
	// Logger is told of what is wrong with the file. nil discards.
	Logger *slog.Logger
	// Now tells the times of [Loaded]; nil means time.Now.
	Now func() time.Time
}

// Loaded is what is in use, and whether that is what the file holds.
type Loaded[T any] struct {
	Value T
	At    time.Time // when Value was read
	// Err is why the file as it is now is not in use, nil if it is.
	Err error
	// Since is when Err began; zero without one.
	Since time.Time
}

// Follower holds what was last read from a sound file.
type Follower[T any] struct {
	source Source[T]
	loaded atomic.Pointer[Loaded[T]] // replaced, never changed; with mu held

	mu      sync.Mutex // serialises reads of the file; guards what follows
	seen    State
	hash    [sha256.Size]byte // of the text last parsed
	verdict error             // on that text
	failure string            // the error last logged, "" when the file was sound
}

// Follow reads the file for the first time.
func Follow[T any](s Source[T]) (*Follower[T], error) {
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	f := &Follower[T]{source: s}
	f.loaded.Store(&Loaded[T]{})
	if err := f.Reload(); err != nil {
		return nil, err
	}
	return f, nil
}

// Value is what is in use.
func (f *Follower[T]) Value() T { return f.loaded.Load().Value }

// Status is cheap enough for every probe and scrape.
func (f *Follower[T]) Status() Loaded[T] { return *f.loaded.Load() }

// Run follows the file until ctx is done. One Run at a time is enough.
func (f *Follower[T]) Run(ctx context.Context) { Every(ctx, f.Poll) }

// Poll is one look of Run: it reads the file if it may have changed.
func (f *Follower[T]) Poll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if seen := Stat(f.source.Path); seen == f.seen && seen.Settled() {
		return
	}
	_ = f.read(false) // what is wrong is logged and in the status
}

// Reload reads the file now, changed or not. On an error what is in use stays.
func (f *Follower[T]) Reload() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.read(true)
}

// read does not parse again a text that it parsed before, unless it is forced.
func (f *Follower[T]) read(force bool) error {
	content, err := f.source.Rules.Read(f.source.Path)
	if err != nil {
		f.seen = State{}
		return f.refuse(err)
	}
	f.seen = content.State
	if hash := sha256.Sum256(content.Text); force || hash != f.hash {
		f.hash = hash
		var value T
		if value, f.verdict = f.source.Parse(content.Text, f.Value()); f.verdict == nil {
			f.loaded.Store(&Loaded[T]{Value: value, At: f.source.Now()})
		}
	}
	if f.verdict != nil {
		return f.refuse(f.verdict)
	}
	f.accept()
	return nil
}

// accept notes that what is in use is what the file holds.
func (f *Follower[T]) accept() {
	if f.failure != "" {
		f.failure = ""
		f.source.Logger.Info(f.source.What+" file mended", slog.String("file", f.source.Path))
	}
	if loaded := f.Status(); loaded.Err != nil {
		loaded.Err, loaded.Since = nil, time.Time{}
		f.loaded.Store(&loaded)
	}
}

// refuse keeps what is in use and notes why, once for each new reason. Without
// anything in use there is nothing to follow, and the error is whoever's who asked.
func (f *Follower[T]) refuse(err error) error {
	loaded := f.Status()
	if loaded.At.IsZero() {
		return err
	}
	loaded.Err = err
	if loaded.Since.IsZero() {
		loaded.Since = f.source.Now()
	}
	f.loaded.Store(&loaded)
	if text := err.Error(); text != f.failure {
		f.failure = text
		f.source.Logger.Error(f.source.What+" file refused, the "+f.source.What+" loaded before stay in use",
			slog.String("file", f.source.Path), slog.Any("error", err))
	}
	return err
}
