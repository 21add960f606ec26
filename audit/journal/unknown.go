package journal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

// unknownOutcomes returns an outcome for every intent in the log that has none:
// a run ended between the two, and whether AWS was called, and with what result,
// gatepost does not know. It has the id of the intent and what the intent says
// about the call, the class "other", since none of the others is known to be
// right, and the action [audit.ActionOutcomeUnknown].
//
// The search goes back as far as searchFrom says.
func unknownOutcomes(d Dir, segs []segment, next uint64) ([]audit.Event, error) {
	from, err := searchFrom(d, segs)
	if err != nil {
		return nil, err
	}
	type intent struct {
		index uint64
		event audit.Event
	}
	open := map[string]intent{}
	forward(d, from, next, func(l Line, readErr error) bool {
		if readErr != nil {
			if !isMissing(readErr) {
				err = readErr
			}
			return err == nil
		}
		switch p := peek(l.Bytes); {
		case p.is(audit.KindIntent):
			e, parseErr := audit.ParseLine(l.Bytes)
			if parseErr != nil {
				err = fmt.Errorf("entry %d: %w", l.Index, parseErr)
				return false
			}
			open[e.ID] = intent{l.Index, e}
		case p.is(audit.KindOutcome):
			delete(open, string(p.id))
		}
		return true
	})
	if bad, ok := errors.AsType[*CorruptError](err); ok {
		return nil, damaged(bad)
	}
	if err != nil {
		return nil, fmt.Errorf("find intents without outcome: %w", err)
	}

	intents := make([]intent, 0, len(open))
	for _, i := range open {
		intents = append(intents, i)
	}
	slices.SortFunc(intents, func(a, b intent) int { return cmp.Compare(a.index, b.index) })
	events := make([]audit.Event, len(intents))
	for n, i := range intents {
		e := i.event
		e.Kind = audit.KindOutcome
		e.Time = time.Now()
		e.ErrorClass = audit.ErrorClassOther
		e.Action = audit.ActionOutcomeUnknown
		e.Detail = fmt.Sprintf("intent is entry %d", i.index)
		events[n] = e
	}
	return events, nil
}

// searchFrom returns an index before which every intent has its outcome. The
// newest of two kinds of event tells:
//
//   - a "start": Open records an outcome for every intent without one, and only
//     then the start, so that a start that is in the log has none before it;
//   - a "segment", which is recorded when a segment has been filled: its Count is
//     the index before which every intent had its outcome queued at that time, and
//     so in the log before this event.
//
// So a crash costs reading about one segment, however long the run was.
func searchFrom(d Dir, segs []segment) (uint64, error) {
	for _, s := range slices.Backward(segs) {
		from, found, err := lastMarker(d, s)
		if err != nil || found {
			return from, err
		}
	}
	return 0, nil
}

func lastMarker(d Dir, s segment) (from uint64, found bool, err error) {
	src, err := openSource(d, s)
	if err != nil {
		return 0, false, err
	}
	defer src.close()
	r := newLineReader(src, 0)
	for {
		line, err := r.next()
		if err != nil {
			// Recovery has checked what needs to be sound.
			return from, found, nil
		}
		if !peek(line).is(audit.KindSystem) {
			continue
		}
		e, err := audit.ParseLine(line)
		switch {
		case err != nil:
			return from, found, nil
		case e.Action == actionStart:
			from, found = e.Index, true
		case e.Action == actionSegment:
			from, found = e.Count, true
		}
	}
}

// peeked is what the front of a line tells.
type peeked struct {
	id, kind []byte
}

func (p peeked) is(k audit.Kind) bool { return string(p.kind) == string(k) }

// peek reads id and kind from the front of a canonical line without parsing it,
// for passes over millions of lines of which few matter.
func peek(line []byte) peeked {
	_, rest, ok := bytes.Cut(line, []byte(`,"id":"`))
	if !ok {
		return peeked{}
	}
	id, rest, ok := bytes.Cut(rest, []byte(`","kind":"`))
	if !ok {
		return peeked{}
	}
	kind, _, _ := bytes.Cut(rest, []byte(`"`))
	return peeked{id, kind}
}
