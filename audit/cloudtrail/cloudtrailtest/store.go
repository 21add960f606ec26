package cloudtrailtest

import (
	"cmp"
	"slices"
	"sort"
	"time"
)

// entry is an event, packed: a million of them are to fit beside what is tested.
type entry struct {
	text       string // request id, connection id and user agent, one after the other
	request    uint32 // their lengths
	connection uint32
	call       uint32 // the number of the call that it was made for
	origin     Origin
	eventTime  int64 // seconds
	completed  int64 // nanoseconds
	common     *common
}

// common is what many events have in common, stored once.
type common struct {
	source, operation, region string
	readOnly                  bool
	principal                 Principal
	sourceIP, host            string
	tlsVersion, cipherSuite   string
	errorCode, errorMessage   string
}

func (e *entry) requestID() string    { return e.text[:e.request] }
func (e *entry) connectionID() string { return e.text[e.request : e.request+e.connection] }
func (e *entry) userAgent() string    { return e.text[e.request+e.connection:] }

func (e *entry) event() Event {
	c := e.common
	return Event{
		RequestID: e.requestID(), EventSource: c.source, Operation: c.operation, ReadOnly: c.readOnly,
		Principal: c.principal, Region: c.region, ConnectionID: e.connectionID(),
		SourceIP: c.sourceIP, UserAgent: e.userAgent(), Host: c.host, TLSVersion: c.tlsVersion, CipherSuite: c.cipherSuite,
		Completed: time.Unix(0, e.completed).UTC(), ErrorCode: c.errorCode, ErrorMessage: c.errorMessage,
	}
}

// delivery is one record of an entry.
type delivery struct {
	at    int64 // nanoseconds
	entry uint32
	flags flags
}

// order is a list of deliveries sorted by a key when it is read.
type order struct {
	ids    []uint32
	key    func(id uint32) int64
	behind bool
}

func (o *order) add(id uint32) {
	if n := len(o.ids); n > 0 && o.key(o.ids[n-1]) > o.key(id) {
		o.behind = true
	}
	o.ids = append(o.ids, id)
}

// between are the deliveries whose key is in [from, to), by key and then in the
// order in which they were added. The result is not to be kept past the lock.
func (o *order) between(from, to int64) []uint32 {
	if o.behind {
		slices.SortFunc(o.ids, func(a, b uint32) int { return cmp.Or(cmp.Compare(o.key(a), o.key(b)), cmp.Compare(a, b)) })
		o.behind = false
	}
	first := sort.Search(len(o.ids), func(i int) bool { return o.key(o.ids[i]) >= from })
	end := first + sort.Search(len(o.ids)-first, func(i int) bool { return o.key(o.ids[first+i]) >= to })
	return o.ids[first:end]
}
