package cache

// MaskHashes makes keys collide whose hashes differ outside of mask only. It is
// called before the cache is used.
func (c *Cache) MaskHashes(mask uint64) { c.hashMask = mask }

// Stored counts what ristretto holds, and what it charges.
func (c *Cache) Stored() (entries int, bytes int64) {
	c.stored.Wait()
	c.stored.IterValues(func(*item) bool {
		entries++
		return false
	})
	return entries, c.stored.MaxCost() - c.stored.RemainingCost()
}

// Quota is what one principal may use.
func (c *Cache) Quota() int64 { return c.quota }

// Waiting counts the keys that are being loaded and may be joined.
func (c *Cache) Waiting() int {
	c.loads.mu.Lock()
	defer c.loads.mu.Unlock()
	return len(c.loads.byKey)
}
