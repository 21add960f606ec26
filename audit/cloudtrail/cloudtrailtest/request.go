package cloudtrailtest

import (
	"maps"
	"time"
)

// Request is one request to the simulated API, and how it was answered.
type Request struct {
	At          time.Time
	Operation   string // "LookupEvents"; what it claimed when it was refused
	AccessKeyID string
	Region      string // of the credential scope

	// Of a lookup. A zero EndTime means that the request had none.
	StartTime, EndTime time.Time
	Attribute, Value   string
	NextToken          string

	Status int    // 0: cut off without an answer
	Code   string // of the error; "" when there was none
	Events int    // in the answer's page
}

// Requests are the requests so far, in the order in which they were answered.
func (s *Simulator) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Counts are the numbers of requests so far by error code; "" counts those that
// succeeded. It goes on counting over [Simulator.Forget].
func (s *Simulator) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

// Forget drops the requests so far.
func (s *Simulator) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

func (s *Simulator) noted(q Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, q)
	s.counts[q.Code]++
}
