package journal

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	lockName      = "lock"
	segmentPrefix = "segment-"
	segmentSuffix = ".jsonl"
)

// segment is a file of the log as its name tells.
type segment struct {
	name  string
	first uint64
}

func segmentName(first uint64) string {
	return fmt.Sprintf("%s%020d%s", segmentPrefix, first, segmentSuffix)
}

func parseSegmentName(name string) (first uint64, ok bool) {
	digits, ok := strings.CutPrefix(name, segmentPrefix)
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, segmentSuffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil && segmentName(first) == name
}

// listSegments returns the segments of a directory in the order of the log.
// Other files are none of its business.
func listSegments(d Dir) ([]segment, error) {
	names, err := d.Names()
	if err != nil {
		return nil, fmt.Errorf("list audit directory: %w", err)
	}
	var list []segment
	for _, name := range names {
		if first, ok := parseSegmentName(name); ok {
			list = append(list, segment{name, first})
		}
	}
	slices.SortFunc(list, func(a, b segment) int { return cmp.Compare(a.first, b.first) })
	return list, nil
}

// asideName names a file that keeps bytes which are not part of the log.
func asideName(what string, index uint64, now time.Time) string {
	return fmt.Sprintf("%s-%020d-%s.bin", what, index, now.UTC().Format("20060102T150405.000000000Z"))
}
