package cloudtrailtest

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// flags are the faults of one record.
type flags uint32

const (
	duplicate flags = 1 << iota
	sharedOriginal
	sharedCopy
	late
	outage
	uncorrected
	correction
	noRequestID
	truncatedRequestID
	noUserAgent
	truncatedUserAgent
	masked
	encoded
	elsewhere
)

var flagNames = []string{
	"duplicate", "shared", "shared copy", "delivery delay", "service outage", "uncorrected", "correction", "no requestID",
	"truncated requestID", "no userAgent", "truncated userAgent", "masked", "encoded", "elsewhere",
}

// names are for people and for tests.
func (f flags) names() []string {
	var names []string
	for i, name := range flagNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// fated draws yes or no. It draws in either case, so that one fault's share does
// not move the others.
func fated(r *rand.Rand, share float64) bool { return r.Float64() < share }

// fate draws the records of an event: when each is delivered, and its faults.
func (f *Faults) fate(r *rand.Rand, completed time.Time, refused bool) []delivery {
	lost := fated(r, f.Loss)
	var about flags
	for _, fault := range []struct {
		share float64
		flag  flags
	}{
		{f.NoRequestID, noRequestID},
		{f.TruncatedRequestID, truncatedRequestID},
		{f.NoUserAgent, noUserAgent},
		{f.TruncatedUserAgent, truncatedUserAgent},
		{f.MaskedParameters, masked},
		{f.EncodedConnectionID, encoded},
		{f.WrongRegion, elsewhere},
	} {
		if fated(r, fault.share) {
			about |= fault.flag
		}
	}
	copied, shared, delayed, corrected := fated(r, f.Duplicates), fated(r, f.SharedCopies), fated(r, f.LateAddenda), fated(r, f.Corrections)
	if lost || refused && !f.RecordRefused {
		return nil
	}

	// Every delivery has a delay of its own.
	at := func(extra time.Duration) int64 {
		start := completed
		for _, o := range f.Outages {
			if !completed.Before(o.From) && completed.Before(o.To) {
				start = o.To
				if o.Addendum {
					about |= outage
				}
			}
		}
		if f.Delay != nil {
			extra += max(f.Delay(r), 0)
		}
		return start.Add(extra).UnixNano()
	}
	first := delivery{at: at(0)}
	if delayed {
		first.at += int64(orElse(f.LateBy, 3*time.Hour))
		about |= late
	}
	if shared {
		about |= sharedOriginal
	}
	first.flags = about
	if corrected {
		first.flags |= uncorrected
	}
	deliveries := []delivery{first}
	if copied {
		deliveries = append(deliveries, delivery{at: at(0), flags: first.flags | duplicate})
	}
	if shared {
		deliveries = append(deliveries, delivery{at: at(0), flags: first.flags&^sharedOriginal | sharedCopy})
	}
	if corrected {
		deliveries = append(deliveries, delivery{at: first.at + int64(orElse(f.CorrectedAfter, time.Hour)), flags: about | correction})
	}
	return deliveries
}

func orElse(d, zero time.Duration) time.Duration {
	if d == 0 {
		return zero
	}
	return d
}

// What is drawn for one call.
const (
	drawNoise uint64 = iota
	requestOfOtherPrincipal
	requestOfOtherService
	drawFate uint64 = 0x10 // of the event of each [Origin]
	drawID   uint64 = 0x20
)

// The ids of one event.
const (
	idOfEvent uint64 = iota
	idOfCopy
	idOfCorrection
	idOfShared
	requestOfCorrection
	idsOfEvent
)

// id is one of the ids of an entry.
func (s *Simulator) id(e *entry, which uint64) string {
	return derivedID(s.faults.Seed, e.call, drawID+uint64(e.origin)*idsOfEvent+which)
}

// derivedID is an id that depends on the seed, the call's number and the purpose.
func derivedID(seed uint64, call uint32, purpose uint64) string {
	r := rand.NewPCG(seed, uint64(call)<<8|purpose)
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], r.Uint64())
	binary.BigEndian.PutUint64(id[8:], r.Uint64())
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}
