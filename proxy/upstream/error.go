package upstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatepost-proxy/gatepost/audit"
)

// Error means that there is no answer of AWS to relay.
type Error struct {
	Class audit.ErrorClass

	// Op is the operation that was called, or "identity".
	Op string

	// Reason is a short constant text for operators: "dial", "dns", "connection
	// lost", "body too large". It holds nothing of the caller's.
	Reason string

	// Sent says that a request may have reached AWS, so that AWS may have done
	// what was asked for.
	Sent bool

	// Attempts are the requests that went out, in order.
	Attempts []audit.Attempt

	// Identity is whom the last try was signed as; zero when none was.
	Identity Identity

	// Err is the cause, for the operators' log. It is never shown to a caller.
	Err error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("upstream %s: %s", e.Op, e.Reason)
	}
	return fmt.Sprintf("upstream %s: %s: %v", e.Op, e.Reason, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

func waitError(op string, err error) *Error {
	class, reason := audit.ErrorClassOverload, "too many calls in flight"
	if errors.Is(err, context.Canceled) {
		class, reason = audit.ErrorClassClientGone, "canceled"
	}
	return &Error{Class: class, Op: op, Reason: reason, Err: err}
}

func credentialsError(ctx context.Context, op string, err error) *Error {
	class, reason := audit.ErrorClassUpstreamCredentials, "credentials"
	if errors.Is(ctx.Err(), context.Canceled) {
		class, reason = audit.ErrorClassClientGone, "canceled"
	}
	return &Error{Class: class, Op: op, Reason: reason, Err: err}
}
