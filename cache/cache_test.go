package cache_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/gatepost-proxy/gatepost/cache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNewRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*cache.Config)
		want   string
	}{
		{"no room", func(c *cache.Config) { c.MaxBytes = 1000 }, "MaxBytes"},
		{"no lifetime", func(c *cache.Config) { c.TTL = 0 }, "TTL"},
		{"negative lifetime", func(c *cache.Config) { c.TTL = -time.Second }, "TTL"},
		{"no scope", func(c *cache.Config) { c.Scope = "" }, `scope ""`},
		{"unknown scope", func(c *cache.Config) { c.Scope = "everybody" }, `scope "everybody"`},
		{"negative share", func(c *cache.Config) { c.Share = -0.5 }, "Share"},
		{"share of more than all", func(c *cache.Config) { c.Share = 1.5 }, "Share"},
		{"negative timeout", func(c *cache.Config) { c.LoadTimeout = -1 }, "LoadTimeout"},
		{"everything at once", func(c *cache.Config) { *c = cache.Config{} }, "TTL"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			config := cache.Config{MaxBytes: 1 << 20, TTL: ttl, Scope: cache.ScopePrincipal}
			tc.change(&config)
			c, err := cache.New(config)
			if err == nil {
				c.Close()
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %s", err, tc.want)
			}
		})
	}
}

// A closed cache leaves nothing running, also when it closes with entries in it.
func TestCloseStopsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which waits for every goroutine
		c := newCache(t)
		for i := range 100 {
			mustPut(t, c, keyOf("p", fmt.Sprint(i)))
		}
		c.Close()
		c.Close()
		if n, _ := c.Stored(); n != 0 || c.Stats().Entries != 0 {
			t.Errorf("%d entries are left", n)
		}
	})
}

func TestGetAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("sync.Pool forgets at random under the race detector")
	}
	c := newCache(t)
	hit, miss := keyOf("p", "hit"), keyOf("p", "miss")
	mustPut(t, c, hit)
	if n := testing.AllocsPerRun(10_000, func() { c.Get(&hit) }); n != 0 {
		t.Errorf("a hit allocates %v times", n)
	}
	if n := testing.AllocsPerRun(10_000, func() { c.Get(&miss) }); n != 0 {
		t.Errorf("a miss allocates %v times", n)
	}
}

// plain is what a cache is at least: a map with an expiry.
type plain struct{ entries sync.Map }

func (p *plain) get(k *cache.Key) (*cache.Entry, bool) {
	v, ok := p.entries.Load(*k)
	if !ok {
		return nil, false
	}
	e := v.(*cache.Entry)
	return e, time.Now().Before(e.Expires)
}

func BenchmarkGet(b *testing.B) {
	const n = 1000
	c := newCache(b, func(config *cache.Config) { config.MaxBytes, config.Share = 64<<20, 1 })
	var p plain
	keys := make([]cache.Key, n)
	for i := range keys {
		keys[i] = keyOf("p", fmt.Sprintf("%043d=", i))
		mustPut(b, c, keys[i])
		e, _ := c.Get(&keys[i])
		p.entries.Store(keys[i], e)
	}
	missing := keyOf("p", "missing")
	for _, tc := range []struct {
		name string
		get  func(*cache.Key) (*cache.Entry, bool)
	}{
		{"cache", c.Get},
		{"sync.Map", p.get},
	} {
		b.Run("hit/"+tc.name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, ok := tc.get(&keys[i%n]); !ok {
					b.Fatal("not found")
				}
				i++
			}
		})
		b.Run("miss/"+tc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				tc.get(&missing)
			}
		})
		b.Run("parallel/"+tc.name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					tc.get(&keys[i%n])
				}
			})
		})
		b.Run("parallel-one-key/"+tc.name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					tc.get(&keys[0])
				}
			})
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	c := newCache(b)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		k := keyOf("p", fmt.Sprint(i))
		i++
		put(b, c, k, &cache.Entry{Body: []byte(details)})
	}
}
