package outpoststest

import "time"

// The services that a simulator plays.
const (
	ServiceOutposts = "outposts"
	ServiceSTS      = "sts"
)

// Call is one request that the simulator decided on, and all that a record of
// CloudTrail could say about it. Requests that were cut off before a decision,
// by [CloseOnAccept] and [ResetOnAccept], leave none.
type Call struct {
	RequestID string
	Service   string
	Operation string // "" for a path outside of the API
	ReadOnly  bool

	// Principal is empty when the signature was refused; AccessKeyID is then what
	// the request claimed.
	Principal   Principal
	AccessKeyID string

	Region       string // of the credential scope
	ConnectionID string // decoded
	SourceIP     string
	SourcePort   string
	UserAgent    string
	Host         string

	Method string
	Target string // the request target as on the wire, query included

	// Request and Response are the parameters and, for a call that changes
	// something, the answer. They are not copied: do not change them.
	Request  map[string]any
	Response map[string]any

	Received  time.Time
	Completed time.Time // when the operation was done, before the answer was sent

	Status       int
	ErrorCode    string
	ErrorMessage string

	// Sent says that the whole answer left. While the answer is being sent it is
	// what is intended; a connection that breaks then makes it false.
	Sent bool
}

// Calls are the calls so far, in the order in which they were decided. A call is
// there before the first byte of its answer leaves.
func (s *Simulator) Calls() []Call {
	return s.CallsOf("")
}

// CallsOf are the calls so far of one operation; "" stands for all.
func (s *Simulator) CallsOf(operation string) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var calls []Call
	for _, c := range s.calls {
		if operation == "" || c.Operation == operation {
			calls = append(calls, *c)
		}
	}
	return calls
}

// Forget drops the calls so far.
func (s *Simulator) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// Arrived counts the requests that came in, the cut-off ones included. It counts
// before anything is checked.
func (s *Simulator) Arrived() int64 { return s.arrived.Load() }
