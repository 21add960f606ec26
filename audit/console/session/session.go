// Package session lets a browser that has shown an admin token once go on without
// it: a cookie names a session that is kept here, in memory.
//
//	sessions := session.NewStore(tokens)
//	s, err := sessions.Begin(id, now)        // after tokens.Authenticate
//	http.SetCookie(w, session.Cookie(s.ID, secure))
//	…
//	id, s, ok := sessions.Current(r, time.Now())
//
// # Promises
//
// A session is worth what its token is worth at the moment: its role is the one
// that the token has by now, and it ends when the token expires or is deleted,
// and in any case after [Lifetime]. Nothing of a token is in a cookie, and nothing
// of a session on disk.
//
// There are at most [MaxSessions], and [MaxOfOne] of one token: a new one ends the
// oldest.
//
// A cookie is sent by browsers to this listener alone, not to scripts, and not
// with requests that another site caused.
//
// # Concurrency
//
// A [Store] may be used by any number of goroutines.
package session

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/console/token"
)

const (
	// Lifetime is how long a session lasts at most: a working day.
	Lifetime = 12 * time.Hour
	// MaxSessions and MaxOfOne bound what is kept.
	MaxSessions = 1024
	MaxOfOne    = 32
)

// Session is one that goes on.
type Session struct {
	ID   string // what the cookie carries
	Name string // of the token
}

// Tokens say what an identity is worth at a time; a [token.Store] does.
type Tokens interface {
	Current(id token.Identity, now time.Time) (token.Identity, error)
}

// Store keeps the sessions. NewStore makes one.
type Store struct {
	tokens Tokens

	mu       sync.Mutex // guards sessions
	sessions map[key]*kept
}

// key is the hash of an id, so that looking one up takes a time that tells
// nothing of the ids there are.
type key [sha256.Size]byte

type kept struct {
	identity token.Identity
	began    time.Time
}

// NewStore makes a store without sessions.
func NewStore(tokens Tokens) *Store {
	return &Store{tokens: tokens, sessions: make(map[key]*kept)}
}

// Begin makes a session for whoever has just proved an identity.
func (s *Store) Begin(id token.Identity, now time.Time) Session {
	text := rand.Text() + rand.Text() // 256 bits
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoom(id, now)
	s.sessions[keyOf(text)] = &kept{id, now}
	return Session{text, id.Name}
}

// makeRoom ends what is over, and the oldest of too many.
func (s *Store) makeRoom(id token.Identity, now time.Time) {
	var own int
	var oldest, oldestOwn key
	var began, beganOwn time.Time
	for k, v := range s.sessions {
		if !s.lives(v, now) {
			delete(s.sessions, k)
			continue
		}
		if began.IsZero() || v.began.Before(began) {
			oldest, began = k, v.began
		}
		if v.identity.Name != id.Name {
			continue
		}
		own++
		if beganOwn.IsZero() || v.began.Before(beganOwn) {
			oldestOwn, beganOwn = k, v.began
		}
	}
	switch {
	case own >= MaxOfOne:
		delete(s.sessions, oldestOwn)
	case len(s.sessions) >= MaxSessions:
		delete(s.sessions, oldest)
	}
}

func (s *Store) lives(v *kept, now time.Time) bool {
	_, err := s.tokens.Current(v.identity, now)
	return err == nil && now.Sub(v.began) < Lifetime
}

// Current is whose session a request belongs to, if it goes on.
func (s *Store) Current(r *http.Request, now time.Time) (token.Identity, Session, bool) {
	for _, text := range cookies(r) {
		if id, ok := s.Identity(text, now); ok {
			return id, Session{text, id.Name}, true
		}
	}
	return token.Identity{}, Session{}, false
}

// Identity is who a session's id stands for at a time, with the role that the
// token has by then.
func (s *Store) Identity(text string, now time.Time) (token.Identity, bool) {
	k := keyOf(text)
	s.mu.Lock()
	v := s.sessions[k]
	s.mu.Unlock()
	if v == nil || now.Sub(v.began) >= Lifetime {
		return token.Identity{}, false
	}
	id, err := s.tokens.Current(v.identity, now)
	return id, err == nil
}

// End ends a session. One that is over already stays so.
func (s *Store) End(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, keyOf(text))
}

func keyOf(text string) key { return sha256.Sum256([]byte(text)) }
