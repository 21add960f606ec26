package audit

import "time"

// Filter chooses events. A zero field chooses all; an event has to satisfy
// every field that is set. It is what queries, the stream and the command line
// have in common, and looks at one event alone: what later verdicts say about a
// call is for the index to join.
type Filter struct {
	Principal  string
	Connection string
	Operation  string
	Region     string
	Decision   Decision
	Cache      CacheResult
	ErrorClass ErrorClass
	State      string
	Kind       Kind

	// RequestID is the id of any attempt, of the fill, or of the event itself:
	// whatever a caller was given.
	RequestID string

	Since time.Time // inclusive
	Until time.Time // exclusive

	// Q is part of the connection id, the principal, the user agent or any id,
	// the case of ASCII letters aside.
	Q string
}

// Match reports whether e is chosen. It does not allocate.
func (f *Filter) Match(e *Event) bool {
	return equal(f.Principal, e.Principal) &&
		equal(f.Connection, e.ConnectionID) &&
		equal(f.Operation, e.Operation) &&
		equal(f.Region, e.Region) &&
		equal(f.Decision, e.Decision) &&
		equal(f.Cache, e.Cache) &&
		equal(f.ErrorClass, e.ErrorClass) &&
		equal(f.State, e.State) &&
		equal(f.Kind, e.Kind) &&
		f.during(e.Time) &&
		(f.RequestID == "" || f.hasRequestID(e)) &&
		(f.Q == "" || f.hasText(e))
}

func equal[T ~string](want, got T) bool { return want == "" || want == got }

func (f *Filter) during(t time.Time) bool {
	return (f.Since.IsZero() || !t.Before(f.Since)) && (f.Until.IsZero() || t.Before(f.Until))
}

func (f *Filter) hasRequestID(e *Event) bool {
	if e.ID == f.RequestID || e.Fill != nil && e.Fill.RequestID == f.RequestID {
		return true
	}
	for i := range e.Attempts {
		if e.Attempts[i].RequestID == f.RequestID {
			return true
		}
	}
	return false
}

func (f *Filter) hasText(e *Event) bool {
	for _, s := range [...]string{
		e.ConnectionID, e.Principal, e.UserAgent, e.ID, e.AccessKeyID, e.Of, e.CloudTrailEventID,
	} {
		if containsFold(s, f.Q) {
			return true
		}
	}
	if e.Fill != nil && (containsFold(e.Fill.EventID, f.Q) || containsFold(e.Fill.RequestID, f.Q)) {
		return true
	}
	for i := range e.Attempts {
		if containsFold(e.Attempts[i].RequestID, f.Q) {
			return true
		}
	}
	return false
}

func containsFold[T string | []byte](s T, part string) bool {
	for ; len(s) >= len(part); s = s[1:] {
		n := 0
		for n < len(part) && lower(s[n]) == lower(part[n]) {
			n++
		}
		if n == len(part) {
			return true
		}
	}
	return false
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
