package keyring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/livefile"
)

// deriveAhead is more than any clock skew that is accepted, so that a caller whose
// clock is ahead finds its day's signing keys made.
const deriveAhead = 30 * time.Minute

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

	file *livefile.Follower[keySet]
	// nobody stands in for the owner of an unknown key id: the same work is done
	// for it, with a secret that nobody has.
	nobody *key

	generation uint64 // the last one given out; owned by parse
}

// keySet is what one sound file holds. It does not change.
type keySet struct {
	byID   map[string]*key
	expiry time.Time // the earliest of the enabled keys; zero: none expires
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
	// Expiry is the earliest end of the loaded keys that are not disabled, even one
	// that has passed; zero when none of them ends.
	Expiry time.Time
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
	file, err := livefile.Follow(livefile.Source[keySet]{
		Path: path, Rules: rules(), What: "keys", Parse: r.parse, Logger: r.logger, Now: r.now,
	})
	if err != nil {
		return nil, fmt.Errorf("open keys file: %w", err)
	}
	r.file = file
	return r, nil
}

// Reload reads the file now, changed or not. On an error the keys in use stay.
func (r *Ring) Reload() error { return r.file.Reload() }

// Status is cheap enough for every probe and scrape.
func (r *Ring) Status() Status {
	s := r.file.Status()
	return Status{Keys: len(s.Value.byID), Loaded: s.At, Expiry: s.Value.expiry, Err: s.Err, Since: s.Since}
}

// Run follows the file until ctx is done. One Run at a time is enough.
func (r *Ring) Run(ctx context.Context) {
	ahead := ""
	livefile.Every(ctx, func() {
		r.file.Poll()
		day := r.now().Add(deriveAhead)
		if date := day.UTC().Format(dateLayout); date != ahead {
			ahead = date
			r.derive(r.file.Value(), day)
		}
	})
}

// parse is called by the follower, one call at a time.
func (r *Ring) parse(text []byte, before keySet) (keySet, error) {
	definitions, err := fileOf(r.words).Parse(r.path, text)
	if err != nil {
		return keySet{}, err
	}
	after := keySet{byID: make(map[string]*key, len(definitions))}
	kept := 0
	for _, d := range definitions {
		if !d.disabled && !d.expires.IsZero() && (after.expiry.IsZero() || d.expires.Before(after.expiry)) {
			after.expiry = d.expires
		}
		if old := before.byID[d.id]; old != nil && old.definition.equal(&d) {
			after.byID[d.id] = old
			kept++
			continue
		}
		r.generation++
		k := &key{definition: d, generation: r.generation, policy: r.words.compile(d.allow)}
		k.signing.secret = d.secret
		after.byID[d.id] = k
	}
	r.derive(after, r.now())
	r.logger.Info("keys loaded", slog.String("file", r.path), slog.Int("keys", len(after.byID)),
		slog.Int("new_or_changed", len(after.byID)-kept), slog.Int("gone_or_changed", len(before.byID)-kept))
	return after, nil
}

// derive makes the signing keys of a day, those of nobody included, so that no
// request has to: the first call of a key on a day costs what any other does.
func (r *Ring) derive(set keySet, day time.Time) {
	date := day.UTC().Format(dateLayout)
	for _, region := range r.words.regions {
		r.nobody.signing.key(date, region)
		for _, k := range set.byID {
			k.signing.key(date, region)
		}
	}
}
