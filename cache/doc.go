// Package cache keeps answers of AWS in memory, for as long as they may be served
// again and to whom.
//
// An entry is found under its whole [Key]: who asked, with which generation of
// its access key, through which upstream identity, account, partition, region and
// endpoint, for what. [Cache.Key] makes keys, from a principal that was verified,
// and is the only place that knows the [Scope]. Two keys that differ anywhere
// never answer each other, even when their hashes are equal.
//
//	key := c.Key(principal, upstream, "GetConnection", id)
//	if entry, ok := c.Get(&key); ok {
//		… // serve entry
//	}
//	filled, shared, err := c.Load(ctx, key, func(ctx context.Context) (cache.Filled, error) {
//		… // ask AWS
//	})
//
// What it promises:
//
//   - [Cache.Get] never returns an entry past its expiry, by the monotonic clock,
//     nor one that was purged before Get was called, nor one whose load began
//     before such a purge.
//   - Whoever asks for a key that is being loaded waits for that load, unless a
//     purge came in between. A load runs on a context of its own: any caller may
//     leave, the first included, without the others noticing.
//   - Memory is bounded by [Config.MaxBytes], which counts what an entry costs
//     beside its body, and each principal by its share of it: whoever asks for
//     many ids displaces its own entries first.
//
// That an answer was stored promises nothing: the cache may drop it at any time.
// Nothing is written to disk, and only successes are stored.
//
// Storage, admission and eviction are ristretto's. It may drop or delay a write,
// keeps one entry for each hash, and expires by the wall clock in steps of
// seconds; nothing above relies on it for more than memory. All methods are safe
// for concurrent use, Close included.
package cache
