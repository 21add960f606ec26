package cache

import (
	"fmt"
	"hash/maphash"

	"github.com/gatepost-proxy/gatepost/proxy/keyring"
)

// Scope says who may be answered from the same entry.
type Scope string

const (
	// ScopePrincipal keeps the entries of each access key to itself. They become
	// unreachable when anything in the key's definition changes.
	ScopePrincipal Scope = "principal"
	// ScopeUpstream shares entries between all principals for whom AWS would be
	// asked with the same identity. AWS answers them alike; what each of them may
	// do is decided before the cache is asked.
	ScopeUpstream Scope = "upstream"
)

// Key is all that an answer depends on. Keys are equal, by ==, exactly if they
// may share an answer.
type Key struct {
	Principal  string // empty in ScopeUpstream
	Generation uint64 // of the principal's access key; 0 in ScopeUpstream

	Identity  string // whom AWS would see: an ARN, or the access key id of a session
	Account   string
	Partition string
	Region    string
	Endpoint  string

	Operation string
	ID        string // decoded
}

// Upstream is how AWS would be asked right now on a principal's behalf.
type Upstream struct {
	Identity, Account, Partition, Region, Endpoint string
}

// Key is the key of an answer to p. It panics for a principal that was not
// verified: there is no key that nobody's answers may stand under.
func (c *Cache) Key(p keyring.Principal, u Upstream, operation, id string) Key {
	if p.Generation() == 0 {
		panic("cache: key for a principal that was not verified")
	}
	k := Key{
		Identity:  u.Identity,
		Account:   u.Account,
		Partition: u.Partition,
		Region:    u.Region,
		Endpoint:  u.Endpoint,
		Operation: operation,
		ID:        id,
	}
	if c.config.Scope == ScopePrincipal {
		k.Principal, k.Generation = p.Name(), p.Generation()
	}
	return k
}

// hash covers every field, by the runtime's own hash of a struct: nothing is
// joined, and nothing can be left out. It is seeded for each cache, so that nobody
// can choose ids that collide.
func (c *Cache) hash(k *Key) uint64 {
	return maphash.Comparable(c.seed, *k) & c.hashMask
}

func (s Scope) check() error {
	switch s {
	case ScopePrincipal, ScopeUpstream:
		return nil
	}
	return fmt.Errorf("cache: unknown scope %q", string(s))
}
