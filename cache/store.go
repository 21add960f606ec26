package cache

import (
	"sync"
	"time"
)

// store keeps a copy of what a load brought, unless something speaks against it.
// It returns the copy, or nil, and what became of it as one of FillResults.
func (c *Cache) store(l *load, e *Entry) (*Entry, string) {
	if len(e.Body) > maxBody {
		return nil, FillTooLarge
	}
	now := time.Now()
	i := &item{key: l.key.own(), entry: c.own(&l.key, e, now), hash: c.hash(&l.key)}
	i.cost = cost(&i.key, &i.entry)
	switch {
	case i.cost > c.quota:
		return nil, FillTooLarge
	case !now.Before(i.entry.Expires):
		return nil, FillNotStored
	}

	c.write.Lock()
	defer c.write.Unlock()
	if l.purged || c.closed {
		return nil, FillPurged
	}
	c.forget(c.index.add(i, c.quota))
	if !c.stored.Set(i.hash, i, i.cost) {
		c.index.drop(i, "")
	}
	// ristretto decides later whether it takes an entry. To wait costs a load
	// little, and lets the next request find what this one brought.
	c.stored.Wait()
	if i.gone.Load() {
		return nil, FillRejected
	}
	return &i.entry, FillStored
}

// forget has ristretto give up items that left the index. It is called with write
// held.
func (c *Cache) forget(items []*item) {
	for _, i := range items {
		c.stored.Del(i.hash)
	}
}

// sweep forgets what has expired. Get does not depend on it; it frees the memory.
func (c *Cache) sweep() {
	c.write.Lock()
	defer c.write.Unlock()
	if !c.closed {
		c.forget(c.index.expire(time.Now()))
	}
}

// sweepInterval is how long an expired entry may keep its memory.
const sweepInterval = time.Second

// janitor calls a function at an interval until it is closed.
type janitor struct {
	stop chan struct{}
	once sync.Once
	done sync.WaitGroup
}

func (j *janitor) start(sweep func()) {
	j.stop = make(chan struct{})
	j.done.Go(func() {
		tick := time.NewTicker(sweepInterval)
		defer tick.Stop()
		for {
			select {
			case <-j.stop:
				return
			case <-tick.C:
				sweep()
			}
		}
	})
}

func (j *janitor) close() {
	j.once.Do(func() { close(j.stop) })
	j.done.Wait()
}
