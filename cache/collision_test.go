package cache_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/gatepost-proxy/gatepost/cache"
)

// drawKey draws from few values, so that keys differ in one field only as often as
// not, and their texts joined are equal at times.
func drawKey(t *rapid.T) cache.Key {
	text := rapid.SampledFrom([]string{"", "a", "b", "a/", "a/b", "/b"})
	return cache.Key{
		Principal:  text.Draw(t, "principal"),
		Generation: rapid.Uint64Range(0, 1).Draw(t, "generation"),
		Identity:   text.Draw(t, "identity"),
		Account:    text.Draw(t, "account"),
		Partition:  text.Draw(t, "partition"),
		Region:     text.Draw(t, "region"),
		Endpoint:   text.Draw(t, "endpoint"),
		Operation:  text.Draw(t, "operation"),
		ID:         text.Draw(t, "id"),
	}
}

// Whatever is stored and purged in whatever order, and whatever the hashes: a key
// is answered with what was last stored under that key, or not at all; and what is
// charged is what is there.
func TestKeysNeverAnswerEachOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, err := cache.New(cache.Config{MaxBytes: 1 << 20, TTL: ttl, Scope: cache.ScopePrincipal})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.MaskHashes(rapid.SampledFrom([]uint64{0, 1, 3, ^uint64(0)}).Draw(t, "mask"))
		keys := rapid.SliceOfN(rapid.Custom(drawKey), 2, 8).Draw(t, "keys")
		stored := make(map[cache.Key]string)
		for step := range rapid.IntRange(1, 20).Draw(t, "steps") {
			k := rapid.SampledFrom(keys).Draw(t, "key")
			switch rapid.SampledFrom([]string{"put", "put", "put", "connection", "principal", "identity"}).Draw(t, "action") {
			case "put":
				e := answer(k)
				e.Body = append(e.Body, byte(step))
				if put(t, c, k, e) {
					stored[k] = string(e.Body)
				}
				if got, ok := c.Get(&k); ok && string(got.Body) != stored[k] {
					t.Fatalf("an older answer for %+v", k)
				}
			case "connection":
				c.PurgeConnection(k.ID)
				forget(stored, func(s cache.Key) bool { return s.ID == k.ID })
			case "principal":
				c.PurgePrincipal(k.Principal)
				forget(stored, func(s cache.Key) bool { return s.Principal == k.Principal })
			case "identity":
				c.PurgeIdentity(k.Identity)
				forget(stored, func(s cache.Key) bool { return s.Identity == k.Identity })
			}
			found := 0
			for _, k := range keys {
				if got, ok := c.Get(&k); ok {
					found++
					if want, ok := stored[k]; !ok || string(got.Body) != want {
						t.Fatalf("%+v is answered with %s, want %q, stored %t", k, got.Body, want, ok)
					}
				}
			}
			if n := c.Stats().Entries; n > found { // keys may hold one twice
				t.Fatalf("%d entries, %d found", n, found)
			}
			if n, bytes := c.Stored(); n != c.Stats().Entries || bytes != c.Stats().Bytes {
				t.Fatalf("ristretto holds %d entries of %d bytes, the index %+v", n, bytes, c.Stats())
			}
		}
	})
}

func forget(stored map[cache.Key]string, match func(cache.Key) bool) {
	for k := range stored {
		if match(k) {
			delete(stored, k)
		}
	}
}

// Of two keys with one hash the cache keeps the younger, and says what became of
// the other.
func TestCollisionReplaces(t *testing.T) {
	r := newRecorder()
	c := newCache(t, func(config *cache.Config) { config.Observer = r })
	c.MaskHashes(0)
	a, b := keyOf("p", "a"), keyOf("q", "b")
	mustPut(t, c, a)
	mustPut(t, c, b)
	if has(c, a) || !has(c, b) {
		t.Errorf("found a: %t, b: %t", has(c, a), has(c, b))
	}
	mustPut(t, c, a)
	if !has(c, a) || has(c, b) {
		t.Errorf("found a: %t, b: %t", has(c, a), has(c, b))
	}
	if evicted, _ := r.counts(); evicted[cache.EvictedReplaced] != 2 || len(evicted) != 1 {
		t.Errorf("evictions %v", evicted)
	}
}
