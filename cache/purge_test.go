package cache_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/cache"
)

// purges are all ways to purge what stands under a key, and keys that each leaves.
func purges(c *cache.Cache, k cache.Key) map[string]struct {
	purge func() int
	spare cache.Key
} {
	other := k
	other.Principal, other.Identity, other.ID = "bystander", "arn:other", "other"
	return map[string]struct {
		purge func() int
		spare cache.Key
	}{
		"connection": {func() int { return c.PurgeConnection(k.ID) }, other},
		"identity":   {func() int { return c.PurgeIdentity(k.Identity) }, other},
		"principal":  {func() int { return c.PurgePrincipal(k.Principal) }, other},
		"all":        {c.PurgeAll, cache.Key{}},
	}
}

func TestPurge(t *testing.T) {
	k := keyOf("p", "id")
	for name := range purges(nil, k) {
		t.Run(name, func(t *testing.T) {
			r := newRecorder()
			c := newCache(t, func(config *cache.Config) { config.Observer = r })
			purge := purges(c, k)[name]
			east := k
			east.Region = "us-east-2"
			mustPut(t, c, k)
			mustPut(t, c, east)
			if purge.spare != (cache.Key{}) {
				mustPut(t, c, purge.spare)
			}
			if n := purge.purge(); n != 2 {
				t.Errorf("%d entries purged, want 2", n)
			}
			if has(c, k) || has(c, east) {
				t.Error("found after the purge")
			}
			if purge.spare != (cache.Key{}) && !has(c, purge.spare) {
				t.Error("the purge took what is none of its business")
			}
			if n := purge.purge(); n != 0 {
				t.Errorf("%d entries purged again", n)
			}
			if evicted, _ := r.counts(); evicted[cache.EvictedPurged] != 2 || len(evicted) != 1 {
				t.Errorf("evictions %v", evicted)
			}
			mustPut(t, c, k)
		})
	}
}

func TestPurgeDoesNotCountWhatHasExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t)
		old, young := keyOf("p", "old"), keyOf("p", "young")
		e := answer(old)
		e.Expires = time.Now().Add(100 * time.Millisecond) // before the next sweep
		mustPutEntry(t, c, old, e)
		mustPut(t, c, young)
		time.Sleep(200 * time.Millisecond)
		if n := c.PurgeAll(); n != 1 {
			t.Errorf("%d entries purged, want the one that could be served", n)
		}
	})
}

// A load that began before a purge is not stored, and whoever comes after the
// purge does not wait for it.
func TestPurgeDuringALoad(t *testing.T) {
	k := keyOf("p", "id")
	for name := range purges(nil, k) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRecorder()
				c := newCache(t, func(config *cache.Config) { config.Observer = r })
				fill := func(text string) func(context.Context) (cache.Filled, error) {
					return func(context.Context) (cache.Filled, error) {
						time.Sleep(time.Second)
						return cache.Filled{Entry: &cache.Entry{Body: []byte(text)}, Store: true}, nil
					}
				}
				var before, after, follower outcome
				var callers sync.WaitGroup
				callers.Go(func() { before = load(t.Context(), c, k, fill("before")) })
				time.Sleep(500 * time.Millisecond)
				if n := purges(c, k)[name].purge(); n != 0 {
					t.Errorf("%d entries purged", n)
				}
				callers.Go(func() { after = load(t.Context(), c, k, fill("after")) })
				time.Sleep(100 * time.Millisecond)
				callers.Go(func() { follower = load(t.Context(), c, k, fill("follower")) })

				time.Sleep(500 * time.Millisecond) // the first load is over
				synctest.Wait()
				if want := (outcome{body: "before"}); before != want {
					t.Errorf("first caller has %+v", before)
				}
				if has(c, k) {
					t.Error("a load from before the purge was stored")
				}
				var late outcome
				callers.Go(func() { late = load(t.Context(), c, k, fill("late")) })
				callers.Wait()
				if late != follower {
					t.Errorf("last caller has %+v", late)
				}
				if want := (outcome{body: "after", stored: true}); after != want {
					t.Errorf("second caller has %+v", after)
				}
				if want := (outcome{body: "after", stored: true, shared: true}); follower != want {
					t.Errorf("third caller has %+v", follower)
				}
				if e, ok := c.Get(&k); !ok || string(e.Body) != "after" {
					t.Error("the load from after the purge is not stored")
				}
				if _, filled := r.counts(); filled[cache.FillPurged] != 1 || filled[cache.FillStored] != 1 {
					t.Errorf("fills %v", filled)
				}
				if n := c.Waiting(); n != 0 {
					t.Errorf("%d loads are still remembered", n)
				}
			})
		})
	}
}

// A purge of something else leaves a load alone.
func TestPurgeOfOthersDuringALoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t)
		k := keyOf("p", "id")
		var o outcome
		var caller sync.WaitGroup
		caller.Go(func() {
			o = load(t.Context(), c, k, func(context.Context) (cache.Filled, error) {
				time.Sleep(time.Second)
				return cache.Filled{Entry: answer(k), Store: true}, nil
			})
		})
		synctest.Wait()
		c.PurgeConnection("other")
		c.PurgeIdentity("arn:other")
		c.PurgePrincipal("other")
		caller.Wait()
		if !o.stored || !has(c, k) {
			t.Errorf("%+v", o)
		}
	})
}

// In the shared scope entries and loads carry no principal in their key.
func TestPurgePrincipalInTheSharedScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, func(config *cache.Config) { config.Scope = cache.ScopeUpstream })
		shared := func(id string) cache.Key {
			k := keyOf("", id)
			k.Generation = 0
			return k
		}
		for i, principal := range []string{"p", "q", "p"} {
			k := shared(fmt.Sprint(i))
			e := answer(k)
			e.Principal = principal
			mustPutEntry(t, c, k, e)
		}
		var o outcome
		var caller sync.WaitGroup
		caller.Go(func() {
			o = load(t.Context(), c, shared("3"), func(context.Context) (cache.Filled, error) {
				time.Sleep(time.Second)
				return cache.Filled{Entry: answer(shared("3")), Store: true}, nil
			})
		})
		synctest.Wait()
		if n := c.PurgePrincipal("p"); n != 2 || has(c, shared("0")) || !has(c, shared("1")) || has(c, shared("2")) {
			t.Errorf("%d entries purged", n)
		}
		caller.Wait()
		if o.stored || has(c, shared("3")) {
			t.Error("a load that may have been the principal's was stored")
		}
	})
}

func TestList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t)
		now := time.Now()
		for _, k := range []cache.Key{keyOf("q", "b"), keyOf("q", "a"), keyOf("p", "b")} {
			mustPut(t, c, k)
		}
		var got []string
		for _, l := range c.List() {
			got = append(got, l.Connection+" "+l.Principal)
			if l.Filled != now || l.Expires != now.Add(ttl) || l.EventID != "event" || l.Region != "us-west-2" || l.Identity == "" || l.Bytes < 500 {
				t.Errorf("listed %+v", l)
			}
		}
		if diff := cmp.Diff([]string{"a q", "b p", "b q"}, got); diff != "" {
			t.Errorf("list (-want +got):\n%s", diff)
		}
		time.Sleep(ttl)
		if l := c.List(); len(l) != 0 {
			t.Errorf("listed after expiry: %+v", l)
		}
	})
}
