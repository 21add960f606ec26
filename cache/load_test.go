package cache_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/cache"
)

type outcome struct {
	body   string
	stored bool
	shared bool
	err    error
}

func load(ctx context.Context, c *cache.Cache, k cache.Key, fill func(context.Context) (cache.Filled, error)) outcome {
	filled, shared, err := c.Load(ctx, k, fill)
	o := outcome{stored: filled.Store, shared: shared, err: err}
	if filled.Entry != nil {
		o.body = string(filled.Entry.Body)
	}
	return o
}

func TestLoadsAreCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		c := newCache(t, func(config *cache.Config) { config.Observer = r })
		k, other := keyOf("p", "id"), keyOf("q", "id")
		var calls atomic.Int32
		fill := func(k cache.Key) func(context.Context) (cache.Filled, error) {
			return func(context.Context) (cache.Filled, error) {
				calls.Add(1)
				time.Sleep(time.Second)
				return cache.Filled{Entry: answer(k), Store: true}, nil
			}
		}
		var shared, own atomic.Int32
		var callers sync.WaitGroup
		for _, k := range []cache.Key{k, other} {
			for range 10 {
				callers.Go(func() {
					o := load(t.Context(), c, k, fill(k))
					if o.err != nil || o.body != body(k) || !o.stored {
						t.Errorf("%+v", o)
					}
					if o.shared {
						shared.Add(1)
					} else {
						own.Add(1)
					}
				})
			}
		}
		synctest.Wait()
		if n := c.Stats().Loads; n != 2 {
			t.Errorf("%d loads under way", n)
		}
		callers.Wait()
		if calls.Load() != 2 || own.Load() != 2 || shared.Load() != 18 {
			t.Errorf("two keys, 10 callers each: %d calls, %d own, %d shared", calls.Load(), own.Load(), shared.Load())
		}
		if !has(c, k) || !has(c, other) {
			t.Error("not found after the load returned")
		}
		_, filled := r.counts()
		if diff := cmp.Diff(map[string]int{cache.FillStored: 2, cache.FillCollapsed: 18}, filled); diff != "" {
			t.Errorf("fills (-want +got):\n%s", diff)
		}
	})
}

// Anyone may leave: the first, a follower, all.
func TestCallersLeave(t *testing.T) {
	for _, tc := range []struct {
		name  string
		leave [3]bool
	}{
		{"the first", [3]bool{true, false, false}},
		{"a follower", [3]bool{false, true, false}},
		{"all but one follower", [3]bool{true, true, false}},
		{"all", [3]bool{true, true, true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t)
				k := keyOf("p", "id")
				gone := errors.New("client is gone")
				var outcomes [3]outcome
				var cancels [3]context.CancelCauseFunc
				var callers sync.WaitGroup
				for i := range outcomes {
					ctx, cancel := context.WithCancelCause(t.Context())
					cancels[i] = cancel
					callers.Go(func() {
						outcomes[i] = load(ctx, c, k, func(ctx context.Context) (cache.Filled, error) {
							select {
							case <-ctx.Done():
								return cache.Filled{}, ctx.Err()
							case <-time.After(time.Second):
								return cache.Filled{Entry: answer(k), Store: true}, nil
							}
						})
					})
					synctest.Wait()
				}
				time.Sleep(time.Millisecond)
				begun := time.Now()
				for i, leaves := range tc.leave {
					if leaves {
						cancels[i](gone)
					}
				}
				synctest.Wait()
				for i, leaves := range tc.leave {
					if leaves && outcomes[i].err != gone {
						t.Errorf("caller %d left with %v", i, outcomes[i].err)
					}
				}
				if !time.Now().Equal(begun) {
					t.Error("leaving took time")
				}
				callers.Wait()
				for i, leaves := range tc.leave {
					if want := (outcome{body: body(k), stored: true, shared: i > 0}); !leaves && outcomes[i] != want {
						t.Errorf("caller %d has %+v", i, outcomes[i])
					}
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if !has(c, k) {
					t.Error("not stored")
				}
				for _, cancel := range cancels {
					cancel(nil)
				}
			})
		})
	}
}

func TestCallerWhoIsGoneStartsNothing(t *testing.T) {
	c := newCache(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := load(ctx, c, keyOf("p", "id"), func(context.Context) (cache.Filled, error) {
		t.Error("called")
		return cache.Filled{}, nil
	})
	if !errors.Is(o.err, context.Canceled) {
		t.Errorf("error %v", o.err)
	}
}

func TestLoadEnds(t *testing.T) {
	t.Run("by its own deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCache(t, func(config *cache.Config) { config.LoadTimeout = 5 * time.Second })
			type name struct{}
			ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), name{}, "trace"), time.Hour)
			defer cancel()
			begun := time.Now()
			o := load(ctx, c, keyOf("p", "id"), func(ctx context.Context) (cache.Filled, error) {
				if ctx.Value(name{}) != "trace" {
					t.Error("the caller's values are missing")
				}
				<-ctx.Done()
				return cache.Filled{}, ctx.Err()
			})
			if !errors.Is(o.err, context.DeadlineExceeded) || time.Since(begun) != 5*time.Second {
				t.Errorf("after %s: %v", time.Since(begun), o.err)
			}
		})
	})
	t.Run("with the cache", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCache(t)
			k := keyOf("p", "id")
			var o outcome
			var caller sync.WaitGroup
			caller.Go(func() {
				o = load(t.Context(), c, k, func(ctx context.Context) (cache.Filled, error) {
					<-ctx.Done()
					return cache.Filled{}, context.Cause(ctx)
				})
			})
			synctest.Wait()
			c.Close()
			caller.Wait()
			if !errors.Is(o.err, cache.ErrClosed) {
				t.Errorf("error %v", o.err)
			}
			if o := load(t.Context(), c, k, nil); !errors.Is(o.err, cache.ErrClosed) {
				t.Errorf("afterwards: %v", o.err)
			}
		})
	})
	t.Run("with the cache, too late to be stored", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCache(t)
			k := keyOf("p", "id")
			var o outcome
			var caller sync.WaitGroup
			caller.Go(func() {
				o = load(t.Context(), c, k, func(ctx context.Context) (cache.Filled, error) {
					<-ctx.Done()
					return cache.Filled{Entry: answer(k), Store: true}, nil
				})
			})
			synctest.Wait()
			c.Close()
			caller.Wait()
			if o.err != nil || o.body != body(k) || has(c, k) {
				t.Errorf("%+v, found: %t", o, has(c, k))
			}
		})
	})
}

// A load that fails, fails for all who wait, and for nobody later.
func TestLoadFails(t *testing.T) {
	refused := errors.New("refused")
	for _, tc := range []struct {
		name string
		fill func() (cache.Filled, error)
		is   func(error) bool
	}{
		{"with an error", func() (cache.Filled, error) { return cache.Filled{}, refused }, func(err error) bool { return err == refused }},
		{"with an error and an entry", func() (cache.Filled, error) {
			return cache.Filled{Entry: &cache.Entry{Body: []byte("x")}, Store: true}, refused
		}, func(err error) bool { return err == refused }},
		{"with a panic", func() (cache.Filled, error) { panic("defect") }, func(err error) bool {
			p, ok := errors.AsType[*cache.PanicError](err)
			return ok && p.Value == "defect" && strings.Contains(string(p.Stack), "load_test.go") && strings.Contains(err.Error(), "defect")
		}},
		{"with a panic of nil", func() (cache.Filled, error) { panic(nil) }, func(err error) bool {
			_, ok := errors.AsType[*cache.PanicError](err)
			return ok
		}},
		{"with the end of its goroutine", func() (cache.Filled, error) { runtime.Goexit(); return cache.Filled{}, nil }, func(err error) bool { return err != nil }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRecorder()
				c := newCache(t, func(config *cache.Config) { config.Observer = r })
				k := keyOf("p", "id")
				var outcomes [3]outcome
				var callers sync.WaitGroup
				for i := range outcomes {
					callers.Go(func() {
						outcomes[i] = load(t.Context(), c, k, func(context.Context) (cache.Filled, error) {
							time.Sleep(time.Second)
							return tc.fill()
						})
					})
				}
				callers.Wait()
				shared := 0
				for _, o := range outcomes {
					if !tc.is(o.err) || o.body != "" || o.stored {
						t.Errorf("%+v", o)
					}
					if o.shared {
						shared++
					}
				}
				if shared != 2 {
					t.Errorf("%d callers shared the failure", shared)
				}
				if has(c, k) {
					t.Error("a failure was stored")
				}
				if _, filled := r.counts(); filled[cache.FillError] != 1 || filled[cache.FillCollapsed] != 2 || len(filled) != 2 {
					t.Errorf("fills %v", filled)
				}
				mustPut(t, c, k)
			})
		})
	}
}

// A fill may purge: what AWS refuses takes that identity's entries along.
func TestFillMayPurge(t *testing.T) {
	c := newCache(t)
	k, other := keyOf("p", "id"), keyOf("p", "other")
	mustPut(t, c, other)
	o := load(t.Context(), c, k, func(context.Context) (cache.Filled, error) {
		if n := c.PurgeIdentity(k.Identity); n != 1 {
			t.Errorf("%d entries purged", n)
		}
		return cache.Filled{Entry: answer(k), Store: true}, nil
	})
	if o.err != nil || o.stored || has(c, k) || has(c, other) {
		t.Errorf("%+v; found %t and %t", o, has(c, k), has(c, other))
	}
}
