//go:build race

package keyring_test

// The race detector has sync.Pool forget at random.
const raceEnabled = true
