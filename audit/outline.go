package audit

import (
	"bytes"
	"time"
)

// Outline is what a line says without being parsed, for a follower that has no
// use for most of the lines.
type Outline struct {
	Index    uint64
	Kind     Kind
	Time     time.Time
	Decision Decision    // of calls
	Cache    CacheResult // of calls
}

// ParseOutline reads the outline of a line that is in canonical form, many times as
// fast as [ParseLine] and without an allocation. Of other lines it reads something
// or nothing: only [ParseLine] tells them apart.
func ParseOutline(line []byte) (o Outline, ok bool) {
	if o.Index, ok = ParseHead(line); !ok {
		return Outline{}, false
	}
	_, rest, _ := bytes.Cut(line, []byte(`,"id":"`))
	_, rest, _ = bytes.Cut(rest, []byte(`","kind":"`))
	kind, rest, ok := bytes.Cut(rest, []byte(`","time":"`))
	if !ok || len(rest) < len(timeLayout) {
		return Outline{}, false
	}
	at, err := time.Parse(timeLayout, string(rest[:len(timeLayout)]))
	if err != nil {
		return Outline{}, false
	}
	o.Kind, o.Time = intern(kind, KindOutcome, KindIntent, KindVerdict, KindFinding, KindAdmin, KindSystem), at
	// Within a string there is no bare quotation mark, so these are the fields.
	o.Decision = intern(text(rest, `,"decision":"`), Allow, Deny)
	o.Cache = intern(text(rest, `,"cache":"`), CacheHit, CacheMiss, CacheCoalesced, CacheBypass, CacheNone)
	return o, true
}

// text is the value behind a member's name, or nil.
func text(line []byte, member string) []byte {
	_, rest, ok := bytes.Cut(line, []byte(member))
	if !ok {
		return nil
	}
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return value
}

// intern saves the allocation of values that are known.
func intern[T ~string](b []byte, known ...T) T {
	for _, k := range known {
		if string(b) == string(k) {
			return k
		}
	}
	return T(b)
}
