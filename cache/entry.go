package cache

import (
	"bytes"
	"strings"
	"time"
)

// Entry is an answer with what is known of it. An entry that the cache returned is
// shared: do not change it, nor its body.
type Entry struct {
	Body        []byte
	ContentType string
	SHA256      string // of the body, as the caller writes it; the cache does not look
	RequestID   string // AWS's id of the call that filled the entry
	EventID     string // of the audit event of that call
	// Principal is who made that call, and whose share of the cache the entry
	// uses. In ScopePrincipal it is the key's.
	Principal string
	// Filled is when the answer came; the zero time means now.
	Filled time.Time
	// Expires is when it may last be served, at the latest the TTL after Filled.
	// [Cache.Expiry] computes it; the zero time means the TTL.
	Expires time.Time
}

// Filled is what a load returns.
type Filled struct {
	Entry *Entry
	// Store asks the cache to keep a copy of the entry. After the load it says
	// whether the cache did.
	Store bool
}

// maxBody is the largest body that is stored. A GetConnection answer is a few
// hundred bytes; what is larger than this is something else.
const maxBody = 64 << 10

// Expiry is when an answer that came at filled ends: by the TTL, with the upstream
// session that it was asked with, or with the access key of the caller, whichever
// is first. A zero time ends never. The result runs by filled's clock: if that is
// monotonic, setting the wall clock later moves nothing.
func (c *Cache) Expiry(filled, session, caller time.Time) time.Time {
	lives := c.config.TTL
	for _, end := range []time.Time{session, caller} {
		if !end.IsZero() {
			lives = min(lives, end.Sub(filled))
		}
	}
	return filled.Add(lives)
}

// own returns a copy that shares no memory with the answer it came in, which may
// be part of a much larger buffer, and whose times are by the monotonic clock.
func (c *Cache) own(k *Key, e *Entry, now time.Time) Entry {
	filled := now
	if !e.Filled.IsZero() && e.Filled.Before(now) {
		filled = now.Add(-now.Sub(e.Filled))
	}
	expires := c.Expiry(filled, e.Expires, time.Time{})
	principal := e.Principal
	if c.config.Scope == ScopePrincipal {
		principal = k.Principal
	}
	return Entry{
		Body:        bytes.Clone(e.Body),
		ContentType: strings.Clone(e.ContentType),
		SHA256:      strings.Clone(e.SHA256),
		RequestID:   strings.Clone(e.RequestID),
		EventID:     strings.Clone(e.EventID),
		Principal:   strings.Clone(principal),
		Filled:      filled,
		Expires:     expires,
	}
}

func (k *Key) own() Key {
	return Key{
		Principal:  strings.Clone(k.Principal),
		Generation: k.Generation,
		Identity:   strings.Clone(k.Identity),
		Account:    strings.Clone(k.Account),
		Partition:  strings.Clone(k.Partition),
		Region:     strings.Clone(k.Region),
		Endpoint:   strings.Clone(k.Endpoint),
		Operation:  strings.Clone(k.Operation),
		ID:         strings.Clone(k.ID),
	}
}
