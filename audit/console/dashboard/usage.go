package dashboard

import (
	"net/url"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/index"
)

// Connections is the view of the connections that were asked for, the one asked
// for last first.
type Connections struct {
	List   []index.Usage
	Next   string // cursor
	Later  bool   // the page is not the first
	Cached []Cached
	Purges bool // there is a cache to purge
	Purged *int // how many answers were just forgotten; nil if none were to be
}

// Cached is an answer that the cache holds.
type Cached struct {
	ConnectionID string
	Principal    string // whose call filled it
	Region       string
	EventID      string // of the fill
	Filled       time.Time
	Expires      time.Time
}

// CachedUntil is when the last answer for each connection goes.
func CachedUntil(list []Cached) map[string]time.Time {
	until := make(map[string]time.Time)
	for _, c := range list {
		if c.Expires.After(until[c.ConnectionID]) {
			until[c.ConnectionID] = c.Expires
		}
	}
	return until
}

func (Connections) view() (name, section, title string) {
	return "connections", "Connections", "Connections"
}

// usage is a connection, or a caller, as a row.
type usage struct {
	index.Usage
	Last  *row
	From  string    // where the last call came from
	Until time.Time // when the last answer in the cache goes; zero: none is in it
	Key   *Key
}

func newUsage(u index.Usage) usage {
	made := usage{Usage: u}
	if u.Last != nil {
		r := newRow(u.Last)
		made.Last, made.From = &r, visible(u.Last.Event.SourceIP)
	}
	return made
}

// Rows are the connections.
func (v Connections) Rows() []usage {
	until := CachedUntil(v.Cached)
	list := make([]usage, len(v.List))
	for i, u := range v.List {
		list[i] = newUsage(u)
		list[i].Until = until[u.ConnectionID]
	}
	return list
}

// Done says what a purge has done.
func (v Connections) Done() string { return purgeDone(v.Purged, "The cache held nothing.") }

// Older is the address of the next page.
func (v Connections) Older() string {
	if v.Next == "" {
		return ""
	}
	return queryPath("/connections", "cursor", v.Next)
}

// Exports are the links to the list, and to the calls that are counted in it.
func (v Connections) Exports() []exportLink { return exportsOfList("/connections/export") }

// Connection is the view of one connection: its newest events, and what the cache
// holds of it.
type Connection struct {
	ID      string
	Entries []index.Entry
	Cached  []Cached
	Purges  bool // there is a cache to purge
	// Purged says how many answers were just forgotten; nil if none were to be.
	Purged *int
}

func (v Connection) view() (name, section, title string) {
	return "connection", "Connections", "Connection " + v.ID
}

// Done says what a purge has done.
func (v Connection) Done() string {
	return purgeDone(v.Purged, "Nothing of this connection was in the cache.")
}

func purgeDone(purged *int, nothing string) string {
	switch {
	case purged == nil:
		return ""
	case *purged == 0:
		return nothing
	case *purged == 1:
		return "One cached answer was forgotten. The next call goes to AWS."
	}
	return number(*purged) + " cached answers were forgotten. The next call goes to AWS."
}

// Rows are the newest events.
func (v Connection) Rows() []row { return rows(v.Entries) }

// Exports are the links to its events.
func (v Connection) Exports() []exportLink {
	return exportsOf("/export", url.Values{"connection": {v.ID}})
}

// Callers is the view of the principals and their keys, the one used last first.
type Callers struct {
	List  []index.Usage
	Next  string // cursor
	Later bool   // the page is not the first
	Keys  []Key  // nil: they are not known
	At    time.Time
}

// Key is a caller's key, without its secret.
type Key struct {
	ID, Principal string
	Expires       time.Time // zero: never
	Disabled      bool
}

// Expired says whether the key is past its time.
func (k Key) Expired(now time.Time) bool { return !k.Expires.IsZero() && !k.Expires.After(now) }

// Soon says whether the key needs a successor.
func (k Key) Soon(now time.Time) bool {
	return !k.Expires.IsZero() && k.Expires.After(now) && k.Expires.Before(now.Add(keyWarning))
}

func (Callers) view() (name, section, title string) { return "callers", "Callers", "Callers" }

// Rows are the callers, and behind those of the last page the keys that were
// never used.
func (v Callers) Rows() []usage {
	list := make([]usage, len(v.List))
	used := make(map[string]bool)
	for i, u := range v.List {
		list[i] = newUsage(u)
		used[u.AccessKeyID] = true
		for j := range v.Keys {
			if v.Keys[j].ID == u.AccessKeyID {
				list[i].Key = &v.Keys[j]
			}
		}
	}
	return list
}

// Unused are the keys that no call of this page was made with. They are listed
// where the page is the only one.
func (v Callers) Unused() []Key {
	if v.Later || v.Next != "" {
		return nil
	}
	used := make(map[string]bool)
	for _, u := range v.List {
		used[u.AccessKeyID] = true
	}
	var list []Key
	for _, k := range v.Keys {
		if !used[k.ID] {
			list = append(list, k)
		}
	}
	return list
}

// Exports are the links to the list, and to the calls that are counted in it.
func (v Callers) Exports() []exportLink { return exportsOfList("/callers/export") }

// KnownKeys says whether the keys file could be read.
func (v Callers) KnownKeys() bool { return v.Keys != nil }

// Older is the address of the next page.
func (v Callers) Older() string {
	if v.Next == "" {
		return ""
	}
	return queryPath("/callers", "cursor", v.Next)
}
