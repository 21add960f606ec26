package console

import (
	"bytes"
	"sync"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

const (
	// pace is how often the log's end is read at most. A first entry is sent at
	// once, and those of a busy log together.
	pace = 100 * time.Millisecond

	// A tail keeps so many entries, of so many bytes, that no stream falls behind
	// which is read at all.
	maxTailEntries = 8192
	maxTailBytes   = 8 << 20
)

// tail is the end of the log, read and parsed once for all streams: a hundred of
// them cost the disk and the parser what one does. What it does not have, or
// cannot read, a stream reads for itself.
type tail struct {
	log Log

	mu      sync.Mutex // guards what follows, and is held while the log is read
	entries []*tailEntry
	size    int       // of all lines, in bytes
	end     uint64    // index behind the last of entries
	read    time.Time // when that was
}

// tailEntry does not change.
type tailEntry struct {
	line  []byte
	event audit.Event
}

// from returns the entries from an index on, up to the log's end. It may say to
// come back later, or that it has not got them.
func (t *tail) from(next uint64) (entries []*tailEntry, later time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	size := t.log.Size()
	if size > t.end+maxTailEntries { // nobody has looked for long
		if size > next+maxTailEntries {
			return nil, 0, false
		}
		t.restart(next)
	}
	if next < t.end-uint64(len(t.entries)) {
		return nil, 0, false
	}
	if t.end < size {
		if later = pace - time.Since(t.read); later > 0 {
			return nil, later, true
		}
		t.advance()
		switch first := t.end - uint64(len(t.entries)); {
		case next > t.end: // a stream has got past what is wrong
			t.restart(next)
		case next == t.end || next < first:
			return nil, 0, false
		}
	}
	return t.entries[uint64(len(t.entries))-(t.end-next):], 0, true
}

// restart forgets what is before an index.
func (t *tail) restart(next uint64) { t.entries, t.size, t.end = nil, 0, next }

// advance reads what is new, as far as it is sound: what is wrong behind it is for
// a stream to find and tell.
func (t *tail) advance() {
	for line, err := range t.log.Read(t.end) {
		if err != nil || line.Index != t.end {
			break
		}
		e, err := audit.ParseLine(line.Bytes)
		if err != nil {
			break
		}
		t.entries = append(t.entries, &tailEntry{bytes.Clone(line.Bytes), e})
		t.size += len(line.Bytes)
		t.end++
	}
	t.read = time.Now()
	drop := max(0, len(t.entries)-maxTailEntries)
	for i := range t.entries {
		if i >= drop && t.size <= maxTailBytes {
			break
		}
		t.size -= len(t.entries[i].line)
		drop = max(drop, i+1)
	}
	// Streams may be looking at what is dropped: it is left as it is.
	t.entries = t.entries[drop:]
}
