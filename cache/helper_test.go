package cache_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/cache"
)

// recorder counts what a cache reports.
type recorder struct {
	mu      sync.Mutex
	evicted map[string]int
	filled  map[string]int
}

func newRecorder() *recorder {
	return &recorder{evicted: make(map[string]int), filled: make(map[string]int)}
}

func (r *recorder) Evicted(reason string) { r.count(r.evicted, reason) }
func (r *recorder) Filled(result string)  { r.count(r.filled, result) }

func (r *recorder) count(counts map[string]int, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts[name]++
}

func (r *recorder) counts() (evicted, filled map[string]int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.evicted), maps.Clone(r.filled)
}

const ttl = time.Minute

func newCache(tb testing.TB, change ...func(*cache.Config)) *cache.Cache {
	tb.Helper()
	config := cache.Config{MaxBytes: 8 << 20, TTL: ttl, Scope: cache.ScopePrincipal}
	for _, c := range change {
		c(&config)
	}
	c, err := cache.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

// keyOf is a key of a principal for an id.
func keyOf(principal, id string) cache.Key {
	return cache.Key{
		Principal: principal, Generation: 7,
		Identity: "arn:aws:sts::123456789012:assumed-role/gatepost/" + principal, Account: "123456789012", Partition: "aws",
		Region: "us-west-2", Endpoint: "outposts.us-west-2.amazonaws.com",
		Operation: "GetConnection", ID: id,
	}
}

// body is what the tests store under a key: all of it.
func body(k cache.Key) string { return fmt.Sprintf("%+v", k) }

func answer(k cache.Key) *cache.Entry {
	return &cache.Entry{Body: []byte(body(k)), ContentType: "application/json", RequestID: "request", EventID: "event"}
}

// put loads an entry and stores it. It tells whether the cache kept it.
func put(tb failer, c *cache.Cache, k cache.Key, e *cache.Entry) bool {
	tb.Helper()
	filled, shared, err := c.Load(context.Background(), k, func(context.Context) (cache.Filled, error) {
		return cache.Filled{Entry: e, Store: true}, nil
	})
	if err != nil || shared {
		tb.Fatalf("load: shared %t, %v", shared, err)
	}
	return filled.Store
}

func mustPut(tb testing.TB, c *cache.Cache, k cache.Key) {
	tb.Helper()
	if !put(tb, c, k, answer(k)) {
		tb.Fatalf("not stored: %+v", k)
	}
}

func has(c *cache.Cache, k cache.Key) bool {
	_, ok := c.Get(&k)
	return ok
}

// failer is what a test and a property have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func fillWith(k cache.Key) func(context.Context) (cache.Filled, error) {
	return func(context.Context) (cache.Filled, error) { return cache.Filled{Entry: answer(k), Store: true}, nil }
}
