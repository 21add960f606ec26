package upstream

import (
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

// Call is one call to make. Path and Query are canonical: they are signed and
// sent byte for byte as given.
type Call struct {
	Operation string // its name, for errors and metrics
	ReadOnly  bool   // may be retried
	Method    string
	Path      string
	Query     string // without '?'
	Region    string // one of the configured ones
	Body      []byte // JSON
	UserAgent string // the caller's
	EventID   string // the audit event that this call belongs to
	Principal string // for whom the call is made
}

// Answer is what AWS said, success or error.
type Answer struct {
	Status      int
	ContentType string // as sent, whatever it is
	Body        []byte // complete, at most MaxBody bytes; of an error it may be no JSON
	RequestID   string // AWS's own, "" when it sent none
	ErrorType   string // AWS's error code, bare; "" for a success and when there is none
	Message     string // AWS's error message, "" when there is none to read
	RetryAfter  string // as sent
	Class       audit.ErrorClass

	// Attempts are the requests that went out, in order; the last one brought
	// this answer. An attempt without an answer has the status 0 and, as its error
	// code, the class of its failure.
	Attempts []audit.Attempt

	// Identity is whom the last attempt was signed as.
	Identity Identity
}

// Identity is whom AWS sees. AccessKeyID and Partition are always known; the rest
// is empty while it is not.
type Identity struct {
	Account     string
	ARN         string
	AccessKeyID string
	Partition   string
	Expires     time.Time // zero: never
}
