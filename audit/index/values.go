package index

import (
	"iter"
	"slices"

	"github.com/gatepost-proxy/gatepost/audit"
)

// idsOf yields the ids of an event, and what they are to it. Its own one has the
// role own.
func idsOf(e *audit.Event, own idRole) iter.Seq2[idRole, string] {
	return func(yield func(idRole, string) bool) {
		for _, v := range [...]struct {
			role idRole
			id   string
		}{
			{own, e.ID},
			{roleOf, e.Of},
			{roleCloudTrail, e.CloudTrailEventID},
		} {
			if v.id != "" && !yield(v.role, v.id) {
				return
			}
		}
		if f := e.Fill; f != nil {
			if f.RequestID != "" && !yield(roleFillRequest, f.RequestID) {
				return
			}
			if f.EventID != "" && !yield(roleFillEvent, f.EventID) {
				return
			}
		}
		for i := range e.Attempts {
			if id := e.Attempts[i].RequestID; id != "" && !yield(roleRequest, id) {
				return
			}
		}
	}
}

// hasText reports whether an event has q: anywhere in the texts, at the
// beginning of an id.
func hasText(e *audit.Event, q string) bool {
	for _, s := range [...]string{e.ConnectionID, e.Principal, e.UserAgent, e.AccessKeyID} {
		if containsFold(s, q) {
			return true
		}
	}
	for _, id := range idsOf(e, roleOther) {
		if hasIDPrefix(id, q) {
			return true
		}
	}
	return false
}

// containsFold is as in audit.Filter: the case of ASCII letters aside.
func containsFold(s, part string) bool {
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

// without returns what is in list and not in others.
func without(list, others []int64) []int64 {
	return slices.DeleteFunc(slices.Clone(list), func(n int64) bool { return slices.Contains(others, n) })
}
