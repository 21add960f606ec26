package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/gatepost-proxy/gatepost/audit"
)

// ActionPrune is the action of the event, of kind admin or system, that records
// that the entries before the index in its Count are removed.
const ActionPrune = "prune"

// prunedName is a file that holds the index of that event with the largest Count,
// so that it need not be searched for. It is believed as far as that event says so; if it is
// lost, Open makes it again.
const prunedName = "pruned"

// IsPrune reports whether an event records a prune.
func IsPrune(e *audit.Event) bool {
	return e.Action == ActionPrune && (e.Kind == audit.KindAdmin || e.Kind == audit.KindSystem)
}

// absent returns what is known of entries that are not there, in front of all
// others: those that were pruned, and those that are missing.
func absent(d Dir, r Range) (list []*MissingError) {
	pruned := uint64(0)
	// Who is pruned under their eyes has a list from before the event was written.
	if segs, err := listSegments(d); err == nil {
		pruned = prunedBefore(d, segs)
	}
	if r.First < pruned {
		list = append(list, &MissingError{Range: Range{r.First, min(r.Last, pruned-1)}, Pruned: true})
		r.First = pruned
	}
	if r.First <= r.Last {
		list = append(list, &MissingError{Range: r})
	}
	return list
}

// prunedBefore returns the index before which entries were removed on purpose.
// What cannot be read says nothing.
func prunedBefore(d Dir, segs []segment) uint64 {
	index, err := readPruned(d)
	if err != nil {
		return 0
	}
	e, err := eventAt(d, segs, index)
	if err != nil || !IsPrune(&e) || e.Count > index {
		return 0
	}
	return e.Count
}

// readPruned returns the index of the event that records what was pruned.
func readPruned(d Dir) (uint64, error) {
	f, err := d.OpenFile(prunedName, os.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var digits [32]byte
	n, err := f.ReadAt(digits[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSuffix(string(digits[:n]), "\n"), 10, 64)
}

// writePruned replaces the file that readPruned reads.
func writePruned(d Dir, index uint64) error {
	const temp = prunedName + ".tmp"
	f, err := d.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	text := strconv.FormatUint(index, 10) + "\n"
	n, err := f.Write([]byte(text))
	if err == nil && n < len(text) {
		err = io.ErrShortWrite
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.Rename(temp, prunedName)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", prunedName, err), removeIfThere(d, temp))
	}
	return d.Sync()
}

func removeIfThere(d Dir, name string) error {
	if err := d.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// findPrune returns the event that records the largest prune, by reading the log
// from its end, as far as needed to find one of the entries before an index.
func findPrune(d Dir, before uint64) (found audit.Event, ok bool) {
	backward(d, math.MaxUint64, func(l Line, err error) bool {
		if err != nil {
			return isMissing(err)
		}
		if p := peek(l.Bytes); !p.is(audit.KindAdmin) && !p.is(audit.KindSystem) {
			return true
		}
		e, err := audit.ParseLine(l.Bytes)
		if err == nil && IsPrune(&e) && e.Count <= e.Index && e.Count > found.Count {
			found, ok = e, true
		}
		return found.Count < before
	})
	return found, ok
}
