package index

import (
	"os"
	"slices"
	"strconv"
	"strings"
)

// Segments of the log are named for the index of their first line. The index
// reads lines out of them itself only to save a search through the journal, and
// only what then proves to be the line that was looked for.
const (
	segmentPrefix = "segment-"
	segmentSuffix = ".jsonl"
	segmentDigits = 20
)

// listSegments returns the first indices of a directory's segments, ascending.
// If there is nothing to be found, lines are read from the journal.
func listSegments(dir string) []uint64 {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var list []uint64
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), segmentPrefix)
		if !ok {
			continue
		}
		if digits, ok = strings.CutSuffix(digits, segmentSuffix); !ok || len(digits) != segmentDigits {
			continue
		}
		if first, err := strconv.ParseUint(digits, 10, 64); err == nil {
			list = append(list, first)
		}
	}
	slices.Sort(list)
	return list
}

func segmentName(first uint64) string {
	digits := strconv.FormatUint(first, 10)
	return segmentPrefix + strings.Repeat("0", segmentDigits-len(digits)) + digits + segmentSuffix
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
