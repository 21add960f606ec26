package cloudtrailtest

import (
	"net/http"
	"time"
)

// Fault is what goes wrong with requests to come whose signature is good; of its
// fields those that are set take effect together.
type Fault struct {
	// When says which requests it applies to; nil stands for all.
	When func(Request) bool

	// Times is how many requests it takes; zero means one, a negative number all
	// until [Simulator.Heal].
	Times int

	// Delay passes before the answer. A client that leaves ends it.
	Delay time.Duration

	// Hang gives no answer until the client leaves, Cut closes the connection
	// instead of answering.
	Hang, Cut bool

	// Status makes an error of the request, with Code and Message; a body that is
	// not nil replaces the answer's.
	Status  int
	Code    string
	Message string
	Body    []byte

	// EmptyPage answers a lookup with no events and a token for the same place;
	// RepeatToken answers it with the token that it came with, so that whoever
	// follows never ends.
	EmptyPage   bool
	RepeatToken bool
}

// Throttled is the answer to more than two lookups in a second.
func Throttled() Fault {
	return Fault{Status: http.StatusBadRequest, Code: "ThrottlingException", Message: "Rate exceeded"}
}

// Denied is the answer to a principal that may not ask.
func Denied() Fault {
	return Fault{
		Status: http.StatusBadRequest, Code: "AccessDeniedException",
		Message: "User is not authorized to perform: cloudtrail:LookupEvents because no identity-based policy allows the cloudtrail:LookupEvents action",
	}
}

// ExpiredToken refuses the next request that carries a token.
func ExpiredToken() Fault {
	return Fault{
		When:   func(q Request) bool { return q.NextToken != "" },
		Status: http.StatusBadRequest, Code: "InvalidNextTokenException", Message: "Invalid or expired NextToken.",
	}
}

// ServerError is an error of AWS's own.
func ServerError() Fault {
	return Fault{Status: http.StatusInternalServerError, Code: "InternalFailure", Message: "An internal error occurred."}
}

// Script queues faults. Each request takes the oldest that applies to it.
func (s *Simulator) Script(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		if f.Times == 0 {
			f.Times = 1
		}
		s.script = append(s.script, &f)
	}
}

// Heal drops the faults that are still queued.
func (s *Simulator) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = nil
}

// take is the oldest fault that applies, the zero Fault when none does.
func (s *Simulator) take(q Request) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.script {
		if f.When != nil && !f.When(q) {
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.script = append(s.script[:i:i], s.script[i+1:]...)
			}
		}
		return *f
	}
	return Fault{}
}
