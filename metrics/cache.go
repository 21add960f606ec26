package metrics

import "github.com/prometheus/client_golang/prometheus"

// Cache counts what the answer cache takes in and gives up.
type Cache struct {
	evictions counters
	fills     counters
	state     gauges[CacheState]
}

// CacheState is what the cache knows at the time of a scrape.
type CacheState struct {
	Entries int
	Bytes   int64
}

func newCache(reg prometheus.Registerer, evictionReasons, fillResults []string) *Cache {
	c := &Cache{
		evictions: newCounters(reg,
			counterOpts("cache", "evictions_total", "Entries that left the cache, by reason."),
			"reason", evictionReasons...),
		fills: newCounters(reg,
			counterOpts("cache", "fills_total", "Answers offered to the cache, by what became of them."),
			"result", fillResults...),
	}
	c.state.parts = []gauge[CacheState]{
		{gaugeDesc("cache", "entries", "Answers in the cache.", nil),
			func(s CacheState) (float64, bool) { return always(s.Entries) }},
		{gaugeDesc("cache", "bytes", "Memory that the answers in the cache are charged for.", nil),
			func(s CacheState) (float64, bool) { return always(s.Bytes) }},
	}
	reg.MustRegister(&c.state)
	return c
}

// Evicted counts an entry that left the cache.
func (c *Cache) Evicted(reason string) { c.evictions.inc(reason) }

// Filled counts an answer that was offered to the cache.
func (c *Cache) Filled(result string) { c.fills.inc(result) }

// Track gives the function that tells the cache's state at a scrape.
func (c *Cache) Track(read func() CacheState) { c.state.Track(read) }
