package console

const (
	// What the audiences keep together, so that no stream falls behind which is
	// read at all; and what each keeps of it at least.
	maxKeptBytes   = 16 << 20
	minKeptEntries = maxNewest
)

// audience is the streams that have a filter in common.
type audience struct {
	name    string
	filter  *lineFilter
	streams int

	kept  []*entry // the newest that are chosen
	bytes int      // their length
	since uint64   // kept has all that are chosen from here on
	grown chan struct{}
}

// entry does not change.
type entry struct {
	index uint64
	line  []byte
}

// add is called with the tail locked.
func (a *audience) add(entries []*entry, bound int) {
	if len(entries) == 0 {
		return
	}
	a.kept = append(a.kept, entries...)
	for _, e := range entries {
		a.bytes += len(e.line)
	}
	drop := 0
	for ; len(a.kept)-drop > minKeptEntries && a.bytes > bound; drop++ {
		a.bytes -= len(a.kept[drop].line)
		a.since = a.kept[drop].index + 1
	}
	// Streams may be looking at what is dropped: it is left as it is.
	a.kept = a.kept[drop:]
	a.wake()
}

func (a *audience) wake() {
	close(a.grown)
	a.grown = make(chan struct{})
}
