package correlate

import (
	"strings"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// arrival is a record that is being judged, or may have to be judged again.
type arrival struct {
	record   *cloudtrail.Record // the caller's, unless it is kept
	event    key
	shared   key
	request  key // zero if the record tells none
	original key // of an amendment: the record that it corrects
	copies   key // of an amendment: the copies of that record
	token    key // the call that the user agent names, see name
	named    bool
	read     bool  // the user agent was
	at       int64 // eventTime
	seen     int64
	waits    bool
	kept     bool
}

// sighting is what became of a record.
type sighting struct {
	attempt ref // that it was joined with
	fate    fate
}

type fate uint8

const (
	waits       fate = 1 << iota
	joined           // with an attempt; the verdict names it
	found            // there is a finding
	amendedSaid      // there is a finding that it amends another record
	unclear          // it is one of several attempts'
)

const eventTypeCall = "AwsApiCall"

// reasonUpdated is the addendum's reason of a record that corrects another.
const reasonUpdated = "UPDATED_DATA"

func (c *Correlator) receive(r *cloudtrail.Record, seen int64) {
	if r.EventSource != cloudtrail.EventSource || r.EventType != eventTypeCall || r.EventID == "" {
		return
	}
	s, known := c.seen[keyOf(r.EventID)]
	if known && s.fate&waits != 0 {
		return
	}
	if known && s.fate&joined != 0 && r.Addendum == nil {
		c.canaryAgain(r, keyOf(r.EventID), seen, s)
		return
	}
	a := c.arrive(r, seen)
	if known {
		c.again(a, s)
		return
	}
	if a.shared != (key{}) {
		if s, ok := c.seen[a.shared]; ok {
			// A copy for another account, of which nothing more is said.
			c.canaryAgain(r, a.event, seen, s)
			if s.fate&joined != 0 {
				s.fate |= amendedSaid
			}
			c.note(a.event, s, a.at)
			return
		}
	}
	if a.at < nanos(c.Since()) && c.requests[a.request] == 0 {
		return
	}
	if !c.live || !c.join(a, false) {
		c.wait(a)
	}
}

func (c *Correlator) arrive(r *cloudtrail.Record, seen int64) *arrival {
	a := &arrival{record: r, event: keyOf(r.EventID), at: timeOf(r, seen), seen: seen}
	if !cloudtrail.Unknown(r.RequestID) {
		a.request = keyOf(r.RequestID)
	}
	if !cloudtrail.Unknown(r.SharedEventID) {
		a.shared = keyOf(r.SharedEventID)
	}
	if d := r.Addendum; d != nil && d.Reason == reasonUpdated {
		a.original = keyOf(d.OriginalEventID)
		if a.original == (key{}) {
			a.original = keyOf("request " + d.OriginalRequestID)
		}
		if a.shared != (key{}) {
			a.copies, a.shared = a.shared, ofCorrections(a.shared)
		}
	}
	return a
}

// ofCorrections tells the copies of a correction from those of what it corrects,
// which have the same sharedEventID.
func ofCorrections(shared key) key { return keyOf("corrected " + shared.String()) }

// name returns the call that the user agent names, if it names one.
func (a *arrival) name() (key, bool) {
	if !a.read {
		a.read = true
		if id, ok := cloudtrail.EventToken(a.record.UserAgent); ok {
			a.token, a.named = keyOf(id), true
		}
	}
	return a.token, a.named
}

// note remembers what became of a record. It is forgotten no earlier than a call
// of the time of the record.
func (c *Correlator) note(id key, s sighting, at int64) {
	if id == (key{}) {
		return
	}
	old, known := c.seen[id]
	if !known {
		b := c.bucket(at)
		b.seen = append(b.seen, id)
	}
	if s.attempt == 0 {
		s.attempt = old.attempt
	}
	s.fate |= old.fate &^ waits
	c.seen[id] = s
}

// noteAll is for the record and all that stands for it.
func (c *Correlator) noteAll(a *arrival, s sighting) {
	c.note(a.event, s, a.at)
	c.note(a.shared, s, a.at)
	c.note(a.original, s, a.at)
	c.note(a.copies, s, a.at)
}

// again takes a record that was seen before.
func (c *Correlator) again(a *arrival, s sighting) {
	switch {
	case s.fate&waits != 0:
	case a.original != (key{}):
		if c.live && s.fate&(joined|amendedSaid) != joined|amendedSaid && s.fate&(found|amendedSaid) != found {
			c.amend(a)
		}
	case s.fate&joined != 0:
		c.canaryAgain(a.record, a.event, a.seen, s)
	case s.fate&found != 0:
	case s.fate&unclear != 0:
		if !c.hasGroup(a.event) && (!c.live || !c.join(a, false)) {
			c.wait(a) // after a restart
		}
	}
}

// canaryAgain takes a record that proves again that CloudTrail is read, if its
// attempt still is its, or another record's of the same request.
func (c *Correlator) canaryAgain(r *cloudtrail.Record, event key, seen int64, s sighting) {
	if s.attempt == 0 || s.fate&joined == 0 {
		return
	}
	t := c.attempts.at(s.attempt)
	if t.call == 0 || t.evidence != byRequest || t.event != event && (cloudtrail.Unknown(r.RequestID) || t.request != keyOf(r.RequestID)) {
		return
	}
	c.canary(s.attempt, r, timeOf(r, seen), seen)
}

// timeOf is the eventTime of a record, or when it was seen if that is before: what
// is yet to come would be waited for.
func timeOf(r *cloudtrail.Record, seen int64) int64 {
	at := nanos(r.EventTime)
	if seen > 0 {
		at = min(at, seen)
	}
	return at
}

// maxHeld bounds the records that are kept in case that better evidence gives
// their attempt to another. One that is no longer kept is judged again when its
// source gives it again.
const maxHeld = 1 << 16

func (c *Correlator) hold(r ref, a *arrival) {
	a.keep()
	if _, ok := c.held[r]; !ok {
		c.heldOrder = append(c.heldOrder, r)
	}
	c.held[r] = a
	for len(c.heldOrder) > maxHeld {
		delete(c.held, c.heldOrder[0])
		c.heldOrder = c.heldOrder[1:]
	}
}

// wait keeps a record until the log has been read far enough past it.
func (c *Correlator) wait(a *arrival) {
	c.note(a.event, sighting{fate: waits}, a.at)
	c.note(a.shared, sighting{fate: waits}, a.at)
	a.waits = true
	a.keep()
	c.waiting.add(a, a.at+int64(c.cfg.Grace), c.live)
}

// keep makes the record the arrival's own, and frees what is kept of it from the
// document that it was read from.
func (a *arrival) keep() {
	if a.kept {
		return
	}
	a.kept = true
	a.name()
	r := *a.record
	for _, s := range []*string{
		&r.EventName, &r.AWSRegion, &r.SourceIP, &r.UserAgent, &r.ErrorCode, &r.RequestID, &r.EventID, &r.SharedEventID, &r.RecipientID,
		&r.Request.ConnectionID, &r.TLS.Host, &r.TLS.Version,
		&r.UserIdentity.ARN, &r.UserIdentity.AccountID, &r.UserIdentity.AccessKeyID, &r.UserIdentity.IssuerARN,
	} {
		*s = strings.Clone(*s)
	}
	r.ErrorMessage, r.VPCEndpointID, r.TLS.Cipher = "", "", ""
	r.UserIdentity.PrincipalID, r.UserIdentity.UserName, r.UserIdentity.InvokedBy, r.UserIdentity.SourceID = "", "", "", ""
	r.UserIdentity.Type, r.EventVersion, r.EventSource, r.EventType = "", "", cloudtrail.EventSource, eventTypeCall
	if d := r.Addendum; d != nil {
		own := cloudtrail.Addendum{Reason: strings.Clone(d.Reason), OriginalRequestID: strings.Clone(d.OriginalRequestID), OriginalEventID: strings.Clone(d.OriginalEventID)}
		for _, f := range d.UpdatedFields {
			own.UpdatedFields = append(own.UpdatedFields, strings.Clone(f))
		}
		r.Addendum = &own
	}
	a.record = &r
}

// waiting are the records that nobody has claimed yet.
type waiting struct {
	queue     queue[*arrival]
	backlog   []*arrival // from before the first Tick
	byRequest map[key][]*arrival
	byCall    map[key][]*arrival
}

func (w *waiting) init() {
	w.byRequest = make(map[key][]*arrival)
	w.byCall = make(map[key][]*arrival)
}

func (w *waiting) add(a *arrival, due int64, live bool) {
	if !live {
		w.backlog = append(w.backlog, a)
	}
	w.queue.push(due, a)
	if a.request != (key{}) {
		w.byRequest[a.request] = append(w.byRequest[a.request], a)
	}
	if token, ok := a.name(); ok {
		w.byCall[token] = append(w.byCall[token], a)
	}
}

// remove takes out a record that is decided.
func (w *waiting) remove(a *arrival) {
	if !a.waits {
		return
	}
	a.waits = false
	drop(w.byRequest, a.request, a)
	drop(w.byCall, a.token, a)
}

func drop(lists map[key][]*arrival, k key, a *arrival) {
	list := lists[k]
	for i := range list {
		if list[i] != a {
			continue
		}
		if len(list) == 1 {
			delete(lists, k)
		} else {
			lists[k] = append(list[:i:i], list[i+1:]...)
		}
		return
	}
}
