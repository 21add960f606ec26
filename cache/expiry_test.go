package cache_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatepost-proxy/gatepost/cache"
)

func TestExpiry(t *testing.T) {
	c := newCache(t)
	now := time.Now()
	for _, tc := range []struct {
		name            string
		session, caller time.Time
		want            time.Duration
	}{
		{"the TTL", time.Time{}, time.Time{}, ttl},
		{"a session that lasts", now.Add(time.Hour), time.Time{}, ttl},
		{"a session that ends", now.Add(10 * time.Second), time.Time{}, 10 * time.Second},
		{"a session that ends, by the wall clock alone", now.Add(10 * time.Second).Round(0), time.Time{}, 10 * time.Second},
		{"a key that ends", time.Time{}, now.Add(5 * time.Second), 5 * time.Second},
		{"a key that ends first", now.Add(10 * time.Second), now.Add(5 * time.Second), 5 * time.Second},
		{"a session that ends first", now.Add(5 * time.Second), now.Add(10 * time.Second), 5 * time.Second},
		{"a session that is over", now.Add(-time.Second), time.Time{}, -time.Second},
		{"the end of time", time.Unix(1<<60, 0), time.Time{}, ttl},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := c.Expiry(now, tc.session, tc.caller)
			if got != now.Add(tc.want) { // monotonic reading included
				t.Errorf("expires %s, want %s", got, now.Add(tc.want))
			}
		})
	}
}

func TestEntriesExpire(t *testing.T) {
	for _, tc := range []struct {
		name  string
		entry func(now time.Time) (filled, expires time.Time)
		want  time.Duration // how long it lives; 0: it is not stored
	}{
		{"by the TTL", func(time.Time) (f, e time.Time) { return }, ttl},
		{"by the TTL after it was filled", func(now time.Time) (f, e time.Time) { return now.Add(-20 * time.Second), e }, ttl - 20*time.Second},
		{"by the TTL after it was filled, by the wall clock alone", func(now time.Time) (f, e time.Time) { return now.Add(-20 * time.Second).Round(0), e }, ttl - 20*time.Second},
		{"by its own expiry", func(now time.Time) (f, e time.Time) { return f, now.Add(10 * time.Second) }, 10 * time.Second},
		{"not later than the TTL", func(now time.Time) (f, e time.Time) { return f, now.Add(time.Hour) }, ttl},
		{"by the wall clock alone", func(now time.Time) (f, e time.Time) { return now.Round(0), now.Add(10 * time.Second).Round(0) }, 10 * time.Second},
		{"not later for an answer from the future", func(now time.Time) (f, e time.Time) { return now.Add(time.Hour), now.Add(2 * time.Hour) }, ttl},
		{"at once", func(now time.Time) (f, e time.Time) { return f, now }, 0},
		{"before it was filled", func(now time.Time) (f, e time.Time) { return f, now.Add(-time.Second) }, 0},
		{"before it came", func(now time.Time) (f, e time.Time) { return now.Add(-ttl), e }, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRecorder()
				c := newCache(t, func(config *cache.Config) { config.Observer = r })
				k := keyOf("p", "id")
				e := answer(k)
				e.Filled, e.Expires = tc.entry(time.Now())
				stored := put(t, c, k, e)
				if stored != (tc.want > 0) || has(c, k) != stored {
					t.Fatalf("stored %t, found %t, want life of %s", stored, has(c, k), tc.want)
				}
				if !stored {
					if _, filled := r.counts(); filled[cache.FillNotStored] != 1 {
						t.Errorf("fills %v", filled)
					}
					return
				}
				got, _ := c.Get(&k)
				if want := time.Now().Add(tc.want); got.Expires != want {
					t.Errorf("expires %v, want %v", got.Expires, want)
				}
				time.Sleep(tc.want - time.Nanosecond)
				if !has(c, k) {
					t.Error("gone before its time")
				}
				time.Sleep(time.Nanosecond)
				if has(c, k) || len(c.List()) != 0 {
					t.Error("there after its time")
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if n, bytes := c.Stored(); n != 0 || bytes != 0 || c.Stats().Entries != 0 || c.Stats().Bytes != 0 {
					t.Errorf("%d entries of %d bytes keep their memory, %+v", n, bytes, c.Stats())
				}
				if evicted, _ := r.counts(); evicted[cache.EvictedExpired] != 1 || len(evicted) != 1 {
					t.Errorf("evictions %v", evicted)
				}
			})
		})
	}
}

// An entry shares no memory with the answer that it came in, and lives by a clock
// that nobody sets.
func TestEntriesAreTheirOwn(t *testing.T) {
	c := newCache(t)
	k := keyOf("p", "id")
	large := append([]byte(body(k)), make([]byte, 100_000)...)
	text := large[:len(body(k))]
	mustPutEntry(t, c, k, &cache.Entry{Filled: time.Now().Add(-time.Second).Round(0), Body: text, SHA256: "hash", RequestID: "request", EventID: "event", ContentType: "application/json"})
	clear(large)
	got, ok := c.Get(&k)
	if !ok || string(got.Body) != body(k) || cap(got.Body) > 2*len(got.Body) {
		t.Fatalf("found %t, body of capacity %d: %s", ok, cap(got.Body), got.Body)
	}
	if got.SHA256 != "hash" || got.RequestID != "request" || got.EventID != "event" || got.ContentType != "application/json" || got.Principal != "p" {
		t.Errorf("entry %+v", got)
	}
	if got.Filled == got.Filled.Round(0) || got.Expires == got.Expires.Round(0) {
		t.Errorf("times by the wall clock: %v to %v", got.Filled, got.Expires)
	}
}

func mustPutEntry(tb testing.TB, c *cache.Cache, k cache.Key, e *cache.Entry) {
	tb.Helper()
	if !put(tb, c, k, e) {
		tb.Fatal("not stored")
	}
}

func TestWhatIsNotStored(t *testing.T) {
	large := make([]byte, 64<<10+1)
	for _, tc := range []struct {
		name   string
		share  float64
		filled cache.Filled
		want   string
		err    bool
	}{
		{"not wanted", 0, cache.Filled{Entry: &cache.Entry{}}, cache.FillNotStored, false},
		{"the largest", 0, cache.Filled{Entry: &cache.Entry{Body: large[1:]}, Store: true}, cache.FillStored, false},
		{"larger", 0, cache.Filled{Entry: &cache.Entry{Body: large}, Store: true}, cache.FillTooLarge, false},
		{"larger than a share", 0.001, cache.Filled{Entry: &cache.Entry{Body: large[:10_000]}, Store: true}, cache.FillTooLarge, false},
		{"nothing", 0, cache.Filled{Store: true}, cache.FillError, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRecorder()
			c := newCache(t, func(config *cache.Config) { config.Observer, config.Share = r, tc.share })
			k := keyOf("p", "id")
			got, _, err := c.Load(t.Context(), k, func(context.Context) (cache.Filled, error) { return tc.filled, nil })
			stored := tc.want == cache.FillStored
			if (err != nil) != tc.err || got.Store != stored || has(c, k) != stored {
				t.Errorf("stored %t, found %t, %v", got.Store, has(c, k), err)
			}
			if _, filled := r.counts(); filled[tc.want] != 1 || len(filled) != 1 {
				t.Errorf("fills %v, want %s", filled, tc.want)
			}
			if err == nil && len(got.Entry.Body) != len(tc.filled.Entry.Body) {
				t.Errorf("answer of %d bytes", len(got.Entry.Body))
			}
		})
	}
}
