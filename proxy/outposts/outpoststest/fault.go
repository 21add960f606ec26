package outpoststest

import (
	"net/http"
	"time"
)

// Damage is a way in which an answer goes wrong on its way.
type Damage string

const (
	// Before the request is read. These take the next connection, not the next
	// call, and only a [Server] can do them.
	CloseOnAccept Damage = "close on accept"
	ResetOnAccept Damage = "reset on accept"

	// After the call was done, so that its record exists.
	CloseBeforeAnswer Damage = "close before the answer"
	ResetBeforeAnswer Damage = "reset before the answer"
	CutHeaders        Damage = "close amid the headers"
	ResetAfterHeaders Damage = "reset after the headers"
	ShortBody         Damage = "close before the declared length"
	StallBody         Damage = "silence amid the body" // until the client leaves
	DripBody          Damage = "a byte at a time"      // one every Interval

	// Bodies that are not what was asked for.
	HugeBody          Damage = "body of 1 GiB"
	EndlessChunks     Damage = "chunks without end"
	GzipBody          Damage = "gzip though identity was asked"
	InvalidJSON       Damage = "invalid JSON"
	WrongConnectionID Damage = "another connection's id"
	PartialDetails    Damage = "details half filled in"
	NoDetails         Damage = "no details"

	// Protocol.
	SwitchProtocols Damage = "101 Switching Protocols"
	NotHTTP         Damage = "an answer that is not HTTP"
	HugeHeaders     Damage = "1 MiB of headers"
)

// Fault is what goes wrong with calls to come. It applies to calls whose
// signature was good; of a fault's fields those that are set take effect
// together.
type Fault struct {
	// When says which calls it applies to; nil stands for any call to Outposts.
	When func(Call) bool

	// Times is how many calls it takes; zero means one, a negative number all
	// until [Simulator.Heal].
	Times int

	// Delay passes between doing the call and the first byte of the answer.
	Delay time.Duration

	// Status makes an error, or a redirect, of the call, which is then not done.
	// Code is the error code, Message its text.
	Status  int
	Code    string
	Message string

	// Location redirects; Status is 307 when it is zero.
	Location string

	// Header replaces headers of the answer: Retry-After, Date, Content-Type. An
	// empty value leaves the header out.
	Header map[string]string

	// Body replaces the answer's body when it is not nil.
	Body []byte

	// ClockOffset is added to the Date of the answer.
	ClockOffset time.Duration

	// Informational is how many 103 answers come before the real one; a negative
	// number means without end.
	Informational int

	// Damage happens to the answer that the rest makes.
	Damage Damage

	// Interval paces DripBody; zero means a second.
	Interval time.Duration
}

// Throttled is the fault that AWS answers too many calls with.
func Throttled() Fault {
	return Fault{Status: http.StatusBadRequest, Code: "ThrottlingException", Message: "Rate exceeded"}
}

// ForOperation matches the calls of one operation.
func ForOperation(name string) func(Call) bool {
	return func(c Call) bool { return c.Operation == name }
}

// ForConnection matches the calls that name one connection.
func ForConnection(id string) func(Call) bool {
	return func(c Call) bool { return c.ConnectionID == id }
}

// ForSTS matches the calls to STS.
func ForSTS(c Call) bool { return c.Service == ServiceSTS }

// Script queues faults. Each call takes the oldest that applies to it.
func (s *Simulator) Script(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		if f.Times == 0 {
			f.Times = 1
		}
		if f.Location != "" && f.Status == 0 {
			f.Status = http.StatusTemporaryRedirect
		}
		if f.Interval == 0 {
			f.Interval = time.Second
		}
		s.faults = append(s.faults, &f)
	}
}

// Heal drops the faults that are still queued.
func (s *Simulator) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (f *Fault) onAccept() bool {
	return f.Damage == CloseOnAccept || f.Damage == ResetOnAccept
}

// take is the oldest fault that applies, the zero Fault when none does.
func (s *Simulator) take(applies func(*Fault) bool) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if !applies(f) {
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			}
		}
		return *f
	}
	return Fault{}
}

func (s *Simulator) takeFor(c *Call) Fault {
	return s.take(func(f *Fault) bool {
		if f.onAccept() {
			return false
		}
		if f.When == nil {
			return c.Service == ServiceOutposts
		}
		return f.When(*c)
	})
}
