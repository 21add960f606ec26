package cache_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/cache"
)

// details is about the size of a connection's details.
var details = strings.Repeat("x", 512)

func putDetails(tb testing.TB, c *cache.Cache, principal, id string) bool {
	k := keyOf(principal, id)
	return put(tb, c, k, &cache.Entry{
		Body: []byte(details), ContentType: "application/json", SHA256: details[:64], RequestID: details[:36], EventID: details[:36],
	})
}

// One principal that asks for ever new ids displaces its own answers, oldest
// first, and nobody else's.
func TestOnePrincipalCannotFillTheCache(t *testing.T) {
	const flood, others = 100_000, 500
	r := newRecorder()
	c := newCache(t, func(config *cache.Config) { config.Observer = r })
	for i := range others {
		if !putDetails(t, c, fmt.Sprintf("other%d", i), "id") {
			t.Fatalf("entry %d of others is not stored", i)
		}
	}
	rest := c.Stats().Bytes
	for i := range flood {
		if !putDetails(t, c, "flood", fmt.Sprint(i)) {
			t.Fatalf("entry %d of the flood is not stored", i)
		}
		if i%1000 == 0 {
			if s := c.Stats(); s.Bytes-rest > c.Quota() {
				t.Fatalf("after %d ids: %d bytes, the quota is %d", i, s.Bytes-rest, c.Quota())
			}
		}
	}
	for i := range others {
		if !has(c, keyOf(fmt.Sprintf("other%d", i), "id")) {
			t.Errorf("entry %d of others is gone", i)
		}
	}
	kept := c.Stats().Entries - others
	if kept < 500 {
		t.Errorf("%d entries of the flood are kept", kept)
	}
	for i := range flood {
		if got, want := has(c, keyOf("flood", fmt.Sprint(i))), i >= flood-kept; got != want {
			t.Fatalf("id %d found: %t, and %d of %d are kept", i, got, kept, flood)
		}
	}
	evicted, filled := r.counts()
	if diff := cmp.Diff(map[string]int{cache.EvictedQuota: flood - kept}, evicted); diff != "" {
		t.Errorf("evictions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{cache.FillStored: flood + others}, filled); diff != "" {
		t.Errorf("fills (-want +got):\n%s", diff)
	}
	checkAgrees(t, c)
}

// In the shared scope, where no key has a principal, the one who filled counts.
func TestQuotaInTheSharedScope(t *testing.T) {
	c := newCache(t, func(config *cache.Config) { config.Scope = cache.ScopeUpstream })
	key := func(id string) cache.Key {
		k := keyOf("", id)
		k.Generation = 0
		return k
	}
	for i := range 5000 {
		k, principal := key(fmt.Sprint(i)), "flood"
		if i < 100 {
			principal = "other"
		}
		mustPutEntry(t, c, k, &cache.Entry{Body: []byte(details), Principal: principal})
	}
	for i := range 100 {
		if !has(c, key(fmt.Sprint(i))) {
			t.Errorf("entry %d of another principal is gone", i)
		}
	}
	if has(c, key("100")) {
		t.Error("the flood kept its first entry")
	}
}

// checkAgrees compares what the index and ristretto know.
func checkAgrees(t *testing.T, c *cache.Cache) {
	t.Helper()
	s := c.Stats()
	n, bytes := c.Stored()
	if n != s.Entries || bytes != s.Bytes || len(c.List()) != s.Entries {
		t.Errorf("ristretto holds %d entries of %d bytes, the index %+v, %d are listed", n, bytes, s, len(c.List()))
	}
	if s.Bytes > s.MaxBytes {
		t.Errorf("%d bytes are more than %d", s.Bytes, s.MaxBytes)
	}
}

// More principals than have room: the bound holds, and every entry that came is
// accounted for.
func TestCapacity(t *testing.T) {
	r := newRecorder()
	c := newCache(t, func(config *cache.Config) { config.MaxBytes, config.Observer = 1<<20, r })
	const n = 5000
	for i := range n {
		principal := fmt.Sprintf("p%d", i%50)
		k := keyOf(principal, fmt.Sprint(i))
		if i%3 == 0 {
			has(c, k) // some are asked for before
		}
		putDetails(t, c, principal, fmt.Sprint(i))
	}
	checkAgrees(t, c)
	evicted, filled := r.counts()
	stored := filled[cache.FillStored]
	if stored+filled[cache.FillRejected] != n || stored == 0 {
		t.Errorf("fills of %d: %v", n, filled)
	}
	gone := 0
	for _, count := range evicted {
		gone += count
	}
	if stored-gone != c.Stats().Entries || evicted[cache.EvictedCapacity] == 0 {
		t.Errorf("%d stored, %v evicted, %d there", stored, evicted, c.Stats().Entries)
	}
	checkNames(t, "eviction reason", evicted, cache.EvictionReasons())
	checkNames(t, "fill result", filled, cache.FillResults())
}

// checkNames holds what was reported to the closed set.
func checkNames(t *testing.T, what string, counts map[string]int, names []string) {
	t.Helper()
	for name := range counts {
		if !slices.Contains(names, name) {
			t.Errorf("%s %q is not in the set", what, name)
		}
	}
}

// What is charged is no less than what is used.
func TestChargeIsHonest(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector changes what memory is used")
	}
	for _, size := range []int{300, 1000, 5000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			c := newCache(t, func(config *cache.Config) { config.MaxBytes, config.Share = 256<<20, 1 })
			random := rand.New(rand.NewPCG(1, 2))
			before := heapInUse()
			for i := range 20_000 {
				k := keyOf(fmt.Sprintf("principal%d", i%100), fmt.Sprintf("%043d=", random.Uint64()))
				mustPutEntry(t, c, k, &cache.Entry{
					Body: make([]byte, size), ContentType: "application/json",
					SHA256: details[:64], RequestID: details[:36], EventID: details[:36],
				})
			}
			used, charged := heapInUse()-before, c.Stats().Bytes
			t.Logf("%d entries use %d bytes, %d are charged (%d for each)", c.Stats().Entries, used, charged, charged/int64(c.Stats().Entries))
			if used > charged {
				t.Errorf("%d bytes are used, %d charged", used, charged)
			}
			if charged > used*3/2 {
				t.Errorf("%d bytes are charged, only %d used", charged, used)
			}
		})
	}
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A flood leaves no memory behind, and neither do its owners.
func TestMemoryIsFlat(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector changes what memory is used")
	}
	c := newCache(t)
	flood := func() {
		for i := range 20_000 {
			putDetails(t, c, fmt.Sprintf("p%d", rand.Uint64()), fmt.Sprint(i))
		}
	}
	flood()
	first := heapInUse()
	for range 4 {
		flood()
	}
	if last := heapInUse(); last > first+2<<20 {
		t.Errorf("%d bytes in use after one flood, %d after five", first, last)
	}
	c.PurgeAll()
	checkAgrees(t, c)
}

func TestConcurrentUse(t *testing.T) {
	r := newRecorder()
	c := newCache(t, func(config *cache.Config) { config.MaxBytes, config.Observer = 1<<20, r })
	var users sync.WaitGroup
	for user := range 8 {
		users.Go(func() {
			random := rand.New(rand.NewPCG(uint64(user), 0))
			for range 2000 {
				k := keyOf(fmt.Sprintf("p%d", random.IntN(20)), fmt.Sprint(random.IntN(50)))
				switch n := random.IntN(100); {
				case n < 60:
					if e, ok := c.Get(&k); ok && string(e.Body) != body(k) {
						t.Errorf("%+v is answered with %s", k, e.Body)
					}
				case n < 92:
					if o := load(t.Context(), c, k, fillWith(k)); o.err != nil || o.body != body(k) {
						t.Errorf("load of %+v: %+v", k, o)
					}
				case n < 94:
					c.PurgeConnection(k.ID)
				case n < 96:
					c.PurgePrincipal(k.Principal)
				case n < 98:
					c.PurgeIdentity(k.Identity)
				case n < 99:
					c.List()
				default:
					c.Stats()
				}
			}
		})
	}
	users.Wait()
	checkAgrees(t, c)
	evicted, filled := r.counts()
	gone := 0
	for _, count := range evicted {
		gone += count
	}
	if filled[cache.FillStored]-gone != c.Stats().Entries {
		t.Errorf("%v filled, %v evicted, %d there", filled, evicted, c.Stats().Entries)
	}
}

// Nobody has to stop before the cache is closed.
func TestCloseDuringUse(t *testing.T) {
	for range 20 {
		c := newCache(t, func(config *cache.Config) { config.MaxBytes = 1 << 20 })
		start := make(chan struct{})
		var users sync.WaitGroup
		for user := range 4 {
			users.Go(func() {
				<-start
				for i := range 300 {
					k := keyOf("p", fmt.Sprint(i%10))
					switch user {
					case 0:
						load(t.Context(), c, k, fillWith(k))
					case 1:
						c.PurgeConnection(k.ID)
						c.List()
					default:
						c.Get(&k)
					}
				}
			})
		}
		for range 2 {
			users.Go(func() { <-start; c.Close() })
		}
		close(start)
		users.Wait()
		if has(c, keyOf("p", "0")) || c.Stats().Entries != 0 || c.PurgeAll() != 0 {
			t.Error("a closed cache is not empty")
		}
	}
}
