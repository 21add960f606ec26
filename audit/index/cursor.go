package index

import (
	"errors"
	"strconv"
)

// ErrCursor says that a cursor is none that a query returned.
var ErrCursor = errors.New("malformed cursor")

// cursorPrefix tells cursors from numbers that somebody made up, and versions of
// them from each other.
const cursorPrefix = "b"

// encodeCursor returns the cursor of the entries before an index.
func encodeCursor(before uint64) string { return cursorPrefix + strconv.FormatUint(before, 36) }

// parseCursor accepts only what encodeCursor returns.
func parseCursor(s string) (before uint64, err error) {
	if len(s) > len(cursorPrefix) && s[:len(cursorPrefix)] == cursorPrefix {
		before, err = strconv.ParseUint(s[len(cursorPrefix):], 36, 64)
		if err == nil && encodeCursor(before) == s {
			return before, nil
		}
	}
	return 0, ErrCursor
}

// CursorBefore returns the cursor of what is older than an entry, for whoever
// knows the entry by its index.
func CursorBefore(index uint64) string { return encodeCursor(index) }
