package cache

import "time"

// PurgeConnection forgets the answers for an id, whoever asked. Like the other
// purges it returns how many entries it forgot, and when it has returned nothing
// from before it will be served: a load that is under way is not stored, and
// answers only those who wait for it already.
func (c *Cache) PurgeConnection(id string) int {
	return c.purge(
		func(i *item) bool { return i.key.ID == id },
		func(k *Key) bool { return k.ID == id },
	)
}

// PurgeIdentity forgets what was asked with an upstream identity, as when AWS
// refuses it.
func (c *Cache) PurgeIdentity(identity string) int {
	return c.purge(
		func(i *item) bool { return i.key.Identity == identity },
		func(k *Key) bool { return k.Identity == identity },
	)
}

// PurgePrincipal forgets what a principal asked for. Of the loads under way whose
// answer is for several principals, it takes all for that one's.
func (c *Cache) PurgePrincipal(name string) int {
	return c.purge(
		func(i *item) bool { return i.entry.Principal == name },
		func(k *Key) bool { return k.Principal == name || c.config.Scope == ScopeUpstream },
	)
}

// PurgeAll forgets everything.
func (c *Cache) PurgeAll() int {
	return c.purge(
		func(*item) bool { return true },
		func(*Key) bool { return true },
	)
}

func (c *Cache) purge(entries func(*item) bool, loads func(*Key) bool) int {
	c.write.Lock()
	defer c.write.Unlock()
	if c.closed {
		return 0
	}
	c.loads.purge(loads)
	items, live := c.index.purge(time.Now(), entries)
	c.forget(items)
	return live
}
