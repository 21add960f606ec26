package correlate

import (
	"strings"
)

// call is what is remembered of one call to AWS.
type call struct {
	id         key
	shape      *shape
	connection uint64 // hash of the connection id; 0 is none, or unknown
	start, end int64  // the attempts were made between the two; end is 0 while the call is in flight
	index      uint64 // of its first line in the log
	first      ref    // of its attempts, in order
	done       bool   // its outcome is known, or is known to be lost
	orphan     bool   // the process died while it was in flight
}

// last is the time that the call's deadlines count from.
func (l *call) last() int64 {
	if l.orphan || l.end == 0 {
		return l.start
	}
	return max(l.start, l.end)
}

// attempt is what is remembered of one request to AWS.
type attempt struct {
	request  key // AWS's id of it
	event    key // the record that it is joined with
	code     string
	call     ref
	next     ref
	status   int16
	no       uint8
	state    rank
	evidence evidence
	traits   traits
}

// traits are what decides how an attempt without a record is to be seen.
type traits uint8

const (
	// learned: the request id is that of the record that the attempt was joined
	// with by other evidence.
	learned traits = 1 << iota
	// unexpected: AWS did not know who called, or nothing reached it.
	unexpected
	// unsure: nobody knows whether AWS saw the request, or records such.
	unsure
	// grouped: a record is this attempt's or another's.
	grouped
)

// evidence is what joins an attempt with a record. The greater is the stronger.
type evidence uint8

const (
	none evidence = iota
	weak
	byToken
	byRequest
)

func (e evidence) String() string {
	switch e {
	case weak:
		return "weak"
	case byToken:
		return "event_token"
	case byRequest:
		return "request_id"
	}
	return ""
}

func parseEvidence(s string) evidence {
	for e := weak; e <= byRequest; e++ {
		if e.String() == s {
			return e
		}
	}
	return none
}

// shape is what many calls have in common, stored once for as long as one of them
// is remembered.
type shape struct {
	shapeKey
	place *place
	calls int
}

type shapeKey struct {
	operation, region                 string
	account, arn, accessKey, endpoint string
	readOnly                          bool
}

func (c *Correlator) takeShape(k shapeKey) *shape {
	s := c.shapes[k]
	if s == nil {
		for _, text := range []*string{&k.operation, &k.region, &k.account, &k.arn, &k.accessKey, &k.endpoint} {
			*text = strings.Clone(*text) // a line's strings keep the line in memory
		}
		s = &shape{shapeKey: k, place: c.placeOf(k.region, k.account)}
		c.shapes[k] = s
	}
	s.calls++
	return s
}

func (c *Correlator) dropShape(s *shape) {
	if s.calls--; s.calls == 0 {
		delete(c.shapes, s.shapeKey)
	}
}

// maxCodes bounds the error codes that are stored once. There are some twenty.
const maxCodes = 1024

func (c *Correlator) internCode(code string) string {
	if code == "" {
		return ""
	}
	if known, ok := c.codes[code]; ok {
		return known
	}
	if len(c.codes) >= maxCodes {
		clear(c.codes)
	}
	code = strings.Clone(code)
	c.codes[code] = code
	return code
}

// attemptsOf yields the attempts of a call, in order.
func (c *Correlator) attemptsOf(l *call) func(yield func(ref, *attempt) bool) {
	return func(yield func(ref, *attempt) bool) {
		for r := l.first; r != 0; {
			a := c.attempts.at(r)
			next := a.next
			if !yield(r, a) {
				return
			}
			r = next
		}
	}
}

func (c *Correlator) attemptNo(l *call, no int) ref {
	for r, a := range c.attemptsOf(l) {
		if int(a.no) == no {
			return r
		}
	}
	return 0
}

// callText is the id of a call as the log has it.
func (c *Correlator) callText(l *call) string {
	if l.id.isUUID() {
		return l.id.String()
	}
	return c.oddIDs[l.id]
}
