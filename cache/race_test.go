//go:build race

package cache_test

// The race detector has sync.Pool forget at random.
const raceEnabled = true
