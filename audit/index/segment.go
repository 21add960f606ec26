package index

import (
	"slices"

	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// listSegments returns the first indices of a directory's segments, ascending.
// If there is nothing to be found, lines are read from the journal.
func listSegments(dir string) []uint64 {
	l, err := journal.NewLookup(dir)
	if err != nil {
		return nil
	}
	starts := l.Starts()
	_ = l.Close() // it was only read
	return starts
}

// holder returns the first index of the segment that has an entry.
func holder(segments []uint64, index uint64) (first uint64, ok bool) {
	at, found := slices.BinarySearch(segments, index)
	if found {
		return index, true
	}
	if at == 0 {
		return 0, false
	}
	return segments[at-1], true
}
