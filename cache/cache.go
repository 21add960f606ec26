package cache

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/dgraph-io/ristretto/v2"
)

// Config is what a [Cache] is made from.
type Config struct {
	// MaxBytes bounds the memory of all entries, their bookkeeping included.
	MaxBytes int64
	// TTL is how long an answer may be served. It must be positive: without a
	// lifetime there is no use for a cache.
	TTL time.Duration
	// Scope is who shares entries; there is no default.
	Scope Scope
	// Share is the part of MaxBytes that one principal may use, above 0 and at
	// most 1. 0 means DefaultShare.
	Share float64
	// LoadTimeout ends a load, whoever waits for it. 0 means DefaultLoadTimeout.
	LoadTimeout time.Duration
	// Observer is told what happens; nil means nobody.
	Observer Observer
}

const (
	// DefaultShare lets one principal that asks for ever new ids take an eighth of
	// the room, which is thousands of connections by default and leaves most of it
	// to the others.
	DefaultShare = 0.125
	// DefaultLoadTimeout is above every timeout of a call to AWS: it is there for
	// a load that got lost.
	DefaultLoadTimeout = 30 * time.Second
)

// minBytes holds a few of the largest entries.
const minBytes = 1 << 20

// maxCounters keeps ristretto's counters, three bytes each, to 50 MB however large
// the cache is: beyond, it guesses worse what to keep.
const maxCounters = 1 << 24

// Cache is a cache of answers. It must be closed.
type Cache struct {
	config   Config
	quota    int64
	seed     maphash.Seed
	hashMask uint64 // all ones, save in tests of collisions

	// gates are held for reading while a Get is in ristretto, whose own Close may
	// not overlap with its Get. There are several so that readers on many
	// processors do not share a cache line.
	gates [gateCount]gate

	// write serialises whatever changes the stored entries, so that a purge and a
	// store have an order. It is held across calls into ristretto, whose goroutine
	// calls back into the index; the index has its own lock, which is never held
	// across such a call.
	write  sync.Mutex
	closed bool // guarded by write and every gate
	stored *ristretto.Cache[uint64, *item]
	index  index

	loads   loads
	janitor janitor
}

const gateCount = 32 // a power of 2

type gate struct {
	sync.RWMutex
	_ [40]byte // to a cache line of 64 bytes
}

// New returns an empty cache.
func New(config Config) (*Cache, error) {
	if config.Share == 0 {
		config.Share = DefaultShare
	}
	if config.LoadTimeout == 0 {
		config.LoadTimeout = DefaultLoadTimeout
	}
	if config.Observer == nil {
		config.Observer = noObserver{}
	}
	if err := config.check(); err != nil {
		return nil, err
	}
	c := &Cache{
		config:   config,
		quota:    int64(float64(config.MaxBytes) * config.Share),
		seed:     maphash.MakeSeed(),
		hashMask: ^uint64(0),
	}
	c.index = index{
		observer: config.Observer,
		items:    make(map[uint64]*item),
		owners:   make(map[string]*owner),
	}
	// ristretto's own expiry is not used: it goes by the wall clock.
	stored, err := ristretto.NewCache(&ristretto.Config[uint64, *item]{
		// Ten counters for each entry that has room, as ristretto advises.
		NumCounters: min(max(10*config.MaxBytes/typicalCost, 1000), maxCounters),
		MaxCost:     config.MaxBytes,
		BufferItems: 64,
		// Keys are hashes already, and the whole key is compared in Get.
		KeyToHash:          func(hash uint64) (uint64, uint64) { return hash, 0 },
		IgnoreInternalCost: true, // it is part of cost
		OnEvict:            func(i *ristretto.Item[*item]) { c.index.drop(i.Value, EvictedCapacity) },
		OnReject:           func(i *ristretto.Item[*item]) { c.index.drop(i.Value, "") },
	})
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	c.stored = stored
	c.loads.init()
	c.janitor.start(c.sweep)
	return c, nil
}

func (config *Config) check() error {
	var errs []error
	if config.MaxBytes < minBytes {
		errs = append(errs, fmt.Errorf("cache: MaxBytes is %d, at least %d is needed", config.MaxBytes, minBytes))
	}
	if config.TTL <= 0 {
		errs = append(errs, fmt.Errorf("cache: TTL is %s, it must be positive", config.TTL))
	}
	if config.Share < 0 || config.Share > 1 {
		errs = append(errs, fmt.Errorf("cache: Share is %g, it must be above 0 and at most 1", config.Share))
	}
	if config.LoadTimeout < 0 {
		errs = append(errs, fmt.Errorf("cache: LoadTimeout is %s, it must be positive", config.LoadTimeout))
	}
	return errors.Join(append(errs, config.Scope.check())...)
}

// Get returns the entry under k if there is one that may be served now. It
// allocates nothing, but for the memory in which ristretto notes what is asked
// for: 512 bytes in 64 calls.
func (c *Cache) Get(k *Key) (*Entry, bool) {
	hash := c.hash(k)
	g := &c.gates[hash&(gateCount-1)]
	g.RLock()
	if c.closed {
		g.RUnlock()
		return nil, false
	}
	i, ok := c.stored.Get(hash)
	g.RUnlock()
	if !ok || i.key != *k || i.gone.Load() || !time.Now().Before(i.entry.Expires) {
		return nil, false
	}
	return &i.entry, true
}

// Close ends the loads under way, waits until they have returned, and forgets
// every entry. A Get afterwards finds nothing; a Load fails.
func (c *Cache) Close() {
	c.loads.close()
	c.janitor.close()
	c.write.Lock()
	defer c.write.Unlock()
	if c.closed {
		return
	}
	for i := range c.gates {
		c.gates[i].Lock()
	}
	c.closed = true
	for i := range c.gates {
		c.gates[i].Unlock()
	}
	c.index.clear()
	c.stored.Close()
}
