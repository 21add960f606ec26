package keyring

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a [Ring] needs beside the file.
type Options struct {
	// Regions are the regions that are served. An allow entry may name no other,
	// and one that names none means all of these.
	Regions []string
	// Logger is told of every reload and of what is wrong with the file. nil
	// discards.
	Logger *slog.Logger
	// Now decides whether a key has expired; nil means time.Now.
	Now func() time.Time
}

// Ring holds the callers' keys as they were last read from the file.
type Ring struct {
	path   string
	words  *vocabulary
	logger *slog.Logger
	now    func() time.Time

	keys atomic.Pointer[keySet]
	// nobody stands in for the owner of an unknown key id: the same work is done
	// for it, with a secret that nobody has.
	nobody *key

	status atomic.Pointer[Status]

	reload     sync.Mutex // serialises reads of the file; guards what follows
	generation uint64     // the last one given out
	seen       fingerprint
	hash       [sha256.Size]byte // of the text last parsed
	verdict    error             // on that text
	failure    string            // the fault last logged, "" when the file was sound
}

// keySet is what one sound file holds. It does not change.
type keySet struct {
	byID map[string]*key
}

// key is a definition with what is derived from it. A reload that finds an equal
// definition keeps it, generation, signing keys and all.
type key struct {
	definition
	generation uint64
	policy     policy
	signing    signingKeys
}

// Status tells whether the keys in use are those of the file.
type Status struct {
	Keys int // how many are loaded, disabled and expired ones included
	// Loaded is when they were last read from a sound file.
	Loaded time.Time
	// Err is why the file as it is now is not in use, nil if it is.
	Err error
	// Since is when Err began; zero without one.
	Since time.Time
}

// Open reads the file. Its error has every fault of it, one a line.
func Open(path string, o Options) (*Ring, error) {
	if len(o.Regions) == 0 {
		return nil, errors.New("keyring: no region is served")
	}
	r := &Ring{
		path:   path,
		words:  &vocabulary{operations: apiOperations(), regions: slices.Clone(o.Regions)},
		logger: o.Logger,
		now:    o.Now,
		nobody: &key{},
	}
	if r.logger == nil {
		r.logger = slog.New(slog.DiscardHandler)
	}
	if r.now == nil {
		r.now = time.Now
	}
	r.nobody.signing.secret = makeSecret()
	r.keys.Store(&keySet{})
	r.status.Store(&Status{})
	if err := r.Reload(); err != nil {
		return nil, fmt.Errorf("open keys file: %w", err)
	}
	return r, nil
}

// Reload reads the file now, changed or not. On an error the keys in use stay.
func (r *Ring) Reload() error {
	r.reload.Lock()
	defer r.reload.Unlock()
	return r.read(true)
}

// Status is cheap enough for every probe and scrape.
func (r *Ring) Status() Status { return *r.status.Load() }

// read is called with reload held. Text that was parsed before is not parsed
// again, unless it is forced.
func (r *Ring) read(force bool) error {
	file, err := readSteady(r.path)
	if err != nil {
		r.seen = fingerprint{}
		return r.refuse(err)
	}
	r.seen = file.state
	if force || file.hash != r.hash {
		r.hash = file.hash
		r.verdict = r.parse(file.text)
	}
	if r.verdict != nil {
		return r.refuse(r.verdict)
	}
	r.accept()
	return nil
}

// parse makes the keys of text those in use.
func (r *Ring) parse(text []byte) error {
	definitions, err := parse(r.path, text, r.words)
	if err != nil {
		return err
	}
	before := r.keys.Load().byID
	after := make(map[string]*key, len(definitions))
	kept := 0
	for _, d := range definitions {
		if old := before[d.id]; old != nil && old.definition.equal(&d) {
			after[d.id] = old
			kept++
			continue
		}
		r.generation++
		k := &key{definition: d, generation: r.generation, policy: r.words.compile(d.allow)}
		k.signing.secret = d.secret
		after[d.id] = k
	}
	set := &keySet{byID: after}
	r.derive(set, r.now())
	r.keys.Store(set)
	r.status.Store(&Status{Keys: len(after), Loaded: r.now()})
	r.logger.Info("keys loaded", slog.String("file", r.path), slog.Int("keys", len(after)),
		slog.Int("new_or_changed", len(after)-kept), slog.Int("gone_or_changed", len(before)-kept))
	return nil
}

// accept notes that the keys in use are those of the file.
func (r *Ring) accept() {
	if r.failure != "" {
		r.failure = ""
		r.logger.Info("keys file mended", slog.String("file", r.path))
	}
	if s := *r.status.Load(); s.Err != nil {
		s.Err, s.Since = nil, time.Time{}
		r.status.Store(&s)
	}
}

// refuse keeps the keys in use and notes why, once for each new reason.
func (r *Ring) refuse(err error) error {
	s := *r.status.Load()
	s.Err = err
	if s.Since.IsZero() {
		s.Since = r.now()
	}
	r.status.Store(&s)
	if text := err.Error(); text != r.failure {
		r.failure = text
		r.logger.Error("keys file refused, the keys loaded before stay in use", slog.String("file", r.path), slog.Any("error", err))
	}
	return err
}

// derive makes the signing keys of a day, those of nobody included, so that no
// request has to: the first call of a key on a day costs what any other does.
func (r *Ring) derive(set *keySet, day time.Time) {
	date := day.UTC().Format(dateLayout)
	for _, region := range r.words.regions {
		r.nobody.signing.key(date, region)
		for _, k := range set.byID {
			k.signing.key(date, region)
		}
	}
}
