package cache

import (
	"container/heap"
	"sync"
	"sync/atomic"
	"time"
)

// item is a stored entry. All but gone, and the fields that the index guards, is
// never changed.
type item struct {
	key   Key
	entry Entry
	hash  uint64
	cost  int64

	// gone is set when the item leaves the index, and never reset. It ends the
	// item at once, while ristretto may still hold it.
	gone atomic.Bool

	// Guarded by index.mu.
	older, newer *item // in its owner's queue
	due          int   // place in index.due
}

const (
	// overhead is what an entry costs beside its texts: the item, and its places
	// in the index and in ristretto.
	overhead = 640
	// typicalCost is that of an entry with one connection's details.
	typicalCost = 1536
)

// cost is the memory that an item uses. Texts are charged an eighth more than
// their length, for the allocator's rounding.
func cost(k *Key, e *Entry) int64 {
	texts := len(e.Body) + len(e.ContentType) + len(e.SHA256) + len(e.RequestID) + len(e.EventID) + len(e.Principal) +
		len(k.Principal) + len(k.Identity) + len(k.Account) + len(k.Partition) + len(k.Region) + len(k.Endpoint) +
		len(k.Operation) + len(k.ID)
	return overhead + int64(texts+texts/8)
}

// index knows the items that may be served, which ristretto cannot list: by hash,
// by owner in the order in which they came, and by expiry. An item is in all
// three or in none.
//
// Its methods call the observer, but never ristretto, so that ristretto may call
// them.
type index struct {
	observer Observer

	mu     sync.Mutex // guards what follows
	items  map[uint64]*item
	owners map[string]*owner
	due    dueQueue
	bytes  int64
}

// owner is what one principal has in the cache.
type owner struct {
	oldest, newest *item
	bytes          int64
}

// add makes i servable. It returns the items that had to make room, which
// ristretto must now forget: one with the same hash, and as many of the owner's
// oldest as keep the owner within quota.
func (x *index) add(i *item, quota int64) (out []*item) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if same := x.items[i.hash]; same != nil {
		x.remove(same, EvictedReplaced)
		out = append(out, same)
	}
	o := x.owners[i.entry.Principal]
	for o != nil && o.bytes > 0 && o.bytes+i.cost > quota {
		oldest := o.oldest
		x.remove(oldest, EvictedQuota)
		out = append(out, oldest)
	}
	if o == nil || o.bytes == 0 {
		o = &owner{}
		x.owners[i.entry.Principal] = o
	}
	i.older = o.newest
	if o.newest != nil {
		o.newest.newer = i
	} else {
		o.oldest = i
	}
	o.newest = i
	o.bytes += i.cost
	x.bytes += i.cost
	x.items[i.hash] = i
	heap.Push(&x.due, i)
	return out
}

// remove is called with mu held, for an item that is not gone.
func (x *index) remove(i *item, reason string) {
	i.gone.Store(true)
	o := x.owners[i.entry.Principal]
	if i.older != nil {
		i.older.newer = i.newer
	} else {
		o.oldest = i.newer
	}
	if i.newer != nil {
		i.newer.older = i.older
	} else {
		o.newest = i.older
	}
	i.older, i.newer = nil, nil
	o.bytes -= i.cost
	if o.oldest == nil {
		delete(x.owners, i.entry.Principal)
	}
	x.bytes -= i.cost
	delete(x.items, i.hash)
	heap.Remove(&x.due, i.due)
	if reason != "" {
		x.observer.Evicted(reason)
	}
}

// drop is for an item that ristretto put out. It is nil, or gone already, when
// ristretto was told to forget it before.
func (x *index) drop(i *item, reason string) {
	if i == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !i.gone.Load() {
		x.remove(i, reason)
	}
}

// purge removes the items that match. It returns them, and how many of them could
// still have been served.
func (x *index) purge(now time.Time, match func(*item) bool) (out []*item, live int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, i := range x.items {
		if !match(i) {
			continue
		}
		out = append(out, i)
		if now.Before(i.entry.Expires) {
			live++
			x.remove(i, EvictedPurged)
		} else {
			x.remove(i, EvictedExpired)
		}
	}
	return out, live
}

// expire removes the items that may no longer be served.
func (x *index) expire(now time.Time) (out []*item) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(x.due) > 0 && !now.Before(x.due[0].entry.Expires) {
		out = append(out, x.due[0])
		x.remove(x.due[0], EvictedExpired)
	}
	return out
}

// clear removes everything without a word: the cache is being closed.
func (x *index) clear() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, i := range x.items {
		x.remove(i, "")
	}
}

// dueQueue is a heap of items, the first to expire first.
type dueQueue []*item

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, j int) bool { return q[i].entry.Expires.Before(q[j].entry.Expires) }

func (q dueQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].due, q[j].due = i, j
}

func (q *dueQueue) Push(x any) {
	i := x.(*item)
	i.due = len(*q)
	*q = append(*q, i)
}

func (q *dueQueue) Pop() any {
	last := len(*q) - 1
	i := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return i
}
