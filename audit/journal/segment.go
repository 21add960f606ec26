package journal

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	lockName      = "lock"
	segmentPrefix = "segment-"
	segmentSuffix = ".jsonl"
	packedSuffix  = ".zst"
)

// segment is a file of the log as its name tells.
type segment struct {
	name   string
	first  uint64
	packed bool // compressed
}

func segmentName(first uint64) string {
	return fmt.Sprintf("%s%020d%s", segmentPrefix, first, segmentSuffix)
}

// packedName is the segment's when it is compressed.
func packedName(first uint64) string { return segmentName(first) + packedSuffix }

func parseSegmentName(name string) (s segment, ok bool) {
	digits, ok := strings.CutPrefix(name, segmentPrefix)
	if !ok {
		return segment{}, false
	}
	digits, packed := strings.CutSuffix(digits, packedSuffix)
	digits, ok = strings.CutSuffix(digits, segmentSuffix)
	if !ok || len(digits) != 20 {
		return segment{}, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return segment{name, first, packed}, err == nil
}

// listSegments returns the segments of a directory in the order of the log.
// Other files are none of its business. Of a segment that is there in both forms
// it returns the plain one: the compressed one takes its place only when it is
// removed.
//
// It looks twice, because who lists a directory may pass by the place where a
// new name appears before the old one goes.
func listSegments(d Dir) ([]segment, error) {
	found := map[uint64]segment{}
	for range 2 {
		names, err := d.Names()
		if err != nil {
			return nil, fmt.Errorf("list audit directory: %w", err)
		}
		for _, name := range names {
			s, ok := parseSegmentName(name)
			if !ok {
				continue
			}
			if was, known := found[s.first]; !known || was.packed {
				found[s.first] = s
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b segment) int { return cmp.Compare(a.first, b.first) }), nil
}

// holder returns the position of the segment that holds the index, or -1.
func holder(segs []segment, index uint64) int {
	for i, s := range segs {
		if s.first > index {
			return i - 1
		}
	}
	return len(segs) - 1
}

// asideName names a file that keeps bytes which are not part of the log.
func asideName(what string, index uint64, now time.Time) string {
	return fmt.Sprintf("%s-%020d-%s.bin", what, index, now.UTC().Format("20060102T150405.000000000Z"))
}
