package token

import (
	"fmt"
	"slices"

	"github.com/gatepost-proxy/gatepost/audit/livefile"
)

// Role says what the bearer of a token may do.
type Role string

const (
	// Viewer may read.
	Viewer Role = "viewer"
	// Operator may also change what gatepost holds, as by a purge of the cache.
	Operator Role = "operator"
)

// Roles are all of them; each includes those before it.
func Roles() []Role { return []Role{Viewer, Operator} }

// Includes says that r may do what needs the other. A role that does not exist
// includes none and is included in none.
func (r Role) Includes(need Role) bool {
	have, want := slices.Index(Roles(), r), slices.Index(Roles(), need)
	return want >= 0 && have >= want
}

// ParseRole takes the word of a role.
func ParseRole(word string) (Role, error) {
	if r := Role(word); slices.Contains(Roles(), r) {
		return r, nil
	}
	return "", fmt.Errorf("unknown role%s; roles are %s and %s", livefile.QuoteWord(word), Viewer, Operator)
}
