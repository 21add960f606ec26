package keyring

import "slices"

// Names with a meaning of their own in an allow entry's operations.
const (
	anyOperation      = "*"         // every operation of the API
	readOnlyOperation = "read-only" // those of them that only read
	// unknownOperation is a path outside of the API. It has to be named: "*" does
	// not cover it.
	unknownOperation = "Unknown"
)

// getConnection is the only operation that names a connection.
const getConnection = "GetConnection"

// The reasons for which a policy refuses.
const (
	ReasonNoAllow    = "no_allow"               // the key allows nothing at all
	ReasonOperation  = "operation_not_allowed"  // no entry has the operation
	ReasonRegion     = "region_not_allowed"     // entries have it, but not in this region
	ReasonConnection = "connection_not_allowed" // nor any of them this connection
)

// ReasonKeyChanged is for a call during which the key stopped being
// [Principal.Current].
const ReasonKeyChanged = "key_changed"

// Allow is one entry of a key's allow list, as it stands in the file.
type Allow struct {
	// Operations are names of the API's operations, "read-only" for all those
	// that only read, "*" for all of them, and "Unknown" for paths outside of the
	// API, which "*" does not cover.
	Operations []string
	// Regions are the regions for which a call may be signed; none means all that
	// are served.
	Regions []string
	// Connections are patterns over the decoded ConnectionId; none means all. A
	// '*' stands for any run of characters, '/' and the empty run included, a '?'
	// for exactly one character. They narrow GetConnection and nothing else: no
	// other operation names a connection, and StartConnection is there to make one
	// whose id nobody knows yet.
	Connections []string
}

// policy is what a key may do: all that any of its entries allows. It does not
// change.
type policy []rule

// rule is an Allow, made ready for asking.
type rule struct {
	operations  map[string]bool
	regions     []string // nil: all that are served
	connections []glob   // nil: all
}

func (p policy) allows(operation, region, connectionID string) (bool, string) {
	if len(p) == 0 {
		return false, ReasonNoAllow
	}
	reason := ReasonOperation
	for i := range p {
		r := &p[i]
		if !r.operations[operation] {
			continue
		}
		if r.regions != nil && !slices.Contains(r.regions, region) {
			if reason == ReasonOperation {
				reason = ReasonRegion
			}
			continue
		}
		if operation == getConnection && r.connections != nil && !anyMatches(r.connections, connectionID) {
			reason = ReasonConnection
			continue
		}
		return true, ""
	}
	return false, reason
}

func anyMatches(patterns []glob, id string) bool {
	for i := range patterns {
		if patterns[i].match(id) {
			return true
		}
	}
	return false
}
