package cloudtrailtest

import (
	"iter"
	"time"
)

// Origin says why an event is there.
type Origin uint8

const (
	Called         Origin = iota // it was added
	OtherPrincipal               // somebody else's, of [Faults.OtherPrincipals]
	OtherService                 // of [Faults.OtherServices]
)

// Truth is what really happened to one event.
type Truth struct {
	Event      Event
	Origin     Origin
	EventTime  time.Time  // as its records have it
	Deliveries []Delivery // empty when there never is a record
}

// Delivery is one record of an event.
type Delivery struct {
	EventID string
	At      time.Time // when it is to be seen from
	Region  string    // that it is filed under
	Faults  []string  // the names of what is wrong with it: "masked", "correction", …
}

// Truths are all events so far, in the order in which they were added, each
// followed by the noise that was made for it.
func (s *Simulator) Truths() iter.Seq[Truth] {
	s.mu.Lock()
	entries, deliveries := s.entries, s.deliveries
	s.mu.Unlock()
	return func(yield func(Truth) bool) {
		next := 0
		for i := range entries {
			e := &entries[i]
			t := Truth{Event: e.event(), Origin: e.origin, EventTime: time.Unix(e.eventTime, 0).UTC()}
			// Deliveries stand in the order of their events.
			for ; next < len(deliveries) && deliveries[next].entry == uint32(i); next++ {
				d := deliveries[next]
				t.Deliveries = append(t.Deliveries, Delivery{
					EventID: s.identified(e, d), At: time.Unix(0, d.at).UTC(), Region: s.filedUnder(e, d), Faults: d.flags.names(),
				})
			}
			if !yield(t) {
				return
			}
		}
	}
}
