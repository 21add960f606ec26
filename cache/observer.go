package cache

// Observer is told what becomes of entries and loads. Its methods are called on
// the path of a load or a purge, one at a time or not: they must not block, nor
// call the cache.
type Observer interface {
	// Evicted reports one entry that left the cache, and why: one of
	// EvictionReasons.
	Evicted(reason string)
	// Filled reports one call of Load, and what became of it: one of FillResults.
	Filled(result string)
}

// Why an entry left the cache.
const (
	EvictedExpired  = "expired"
	EvictedCapacity = "capacity" // others needed the room
	EvictedQuota    = "quota"    // its principal's share was used up by newer entries
	EvictedPurged   = "purged"
	EvictedReplaced = "replaced" // by a newer answer, or by one whose key has the same hash
)

// What became of a load.
const (
	FillStored    = "stored"
	FillNotStored = "not_stored" // the caller did not want it, or it had expired already
	FillTooLarge  = "too_large"
	FillRejected  = "rejected"  // the cache is full of entries that are asked for more often
	FillPurged    = "purged"    // a purge came in between
	FillError     = "error"     // there was no answer
	FillCollapsed = "collapsed" // the caller was given what another one's load brought
)

// EvictionReasons are all values of Observer.Evicted.
func EvictionReasons() []string {
	return []string{EvictedExpired, EvictedCapacity, EvictedQuota, EvictedPurged, EvictedReplaced}
}

// FillResults are all values of Observer.Filled.
func FillResults() []string {
	return []string{FillStored, FillNotStored, FillTooLarge, FillRejected, FillPurged, FillError, FillCollapsed}
}

type noObserver struct{}

func (noObserver) Evicted(string) {}
func (noObserver) Filled(string)  {}
