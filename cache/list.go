package cache

import (
	"cmp"
	"slices"
	"time"
)

// Listed is an entry without its answer, for a dashboard.
type Listed struct {
	Principal  string // who filled it
	Identity   string
	Region     string
	Connection string
	EventID    string // of the fill
	Bytes      int64  // what it is charged for
	Filled     time.Time
	Expires    time.Time
}

// List returns the entries that may be served now, by connection, principal and
// time. It holds up stores and purges while it copies, and no Get.
func (c *Cache) List() []Listed {
	list := c.index.list(time.Now())
	slices.SortFunc(list, func(a, b Listed) int {
		return cmp.Or(
			cmp.Compare(a.Connection, b.Connection),
			cmp.Compare(a.Principal, b.Principal),
			a.Filled.Compare(b.Filled),
		)
	})
	return list
}

func (x *index) list(now time.Time) []Listed {
	x.mu.Lock()
	defer x.mu.Unlock()
	list := make([]Listed, 0, len(x.items))
	for _, i := range x.items {
		if now.Before(i.entry.Expires) {
			list = append(list, Listed{
				Principal:  i.entry.Principal,
				Identity:   i.key.Identity,
				Region:     i.key.Region,
				Connection: i.key.ID,
				EventID:    i.entry.EventID,
				Bytes:      i.cost,
				Filled:     i.entry.Filled,
				Expires:    i.entry.Expires,
			})
		}
	}
	return list
}

// Stats is the size of the cache.
type Stats struct {
	Entries  int
	Bytes    int64 // what they are charged for
	MaxBytes int64
	Loads    int // under way
}

// Stats is cheap enough for every scrape.
func (c *Cache) Stats() Stats {
	s := Stats{MaxBytes: c.config.MaxBytes}
	c.index.mu.Lock()
	s.Entries, s.Bytes = len(c.index.items), c.index.bytes
	c.index.mu.Unlock()
	c.loads.mu.Lock()
	s.Loads = len(c.loads.byKey)
	c.loads.mu.Unlock()
	return s
}
