package proxy

import (
	"errors"
	"fmt"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/proxy/http1"
	"github.com/gatepost-proxy/gatepost/proxy/keyring"
	"github.com/gatepost-proxy/gatepost/proxy/outposts"
	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
	"github.com/gatepost-proxy/gatepost/proxy/upstream"
)

// Error types of the answers that are gatepost's own, as the Outposts API's SDKs see them. The first two groups are AWS's names, so that
// SDKs raise or retry as they would for AWS.
const (
	codeSignature        = "InvalidSignatureException"
	codeAccessDenied     = "AccessDeniedException"
	codeValidation       = "ValidationException"
	codeUnknownOperation = "UnknownOperationException"
	codeUnavailable      = "ServiceUnavailableException"
	codeInternal         = "InternalServerException"
	codeThrottling       = "ThrottlingException"

	codeInvalidRequest     = "InvalidRequestException"
	codeBadGateway         = "BadGatewayException"
	codeGatewayTimeout     = "GatewayTimeoutException"
	codeOutcomeNotRecorded = "OutcomeNotRecordedException"
)

// retryAfter is what a caller is asked to wait, in seconds, before it tries again after a 503: the journal and the credentials recover on
// their own, usually within a second.
const retryAfter = "1"

// Error is why a call was not answered as asked: what the caller is told, how it is counted, and the cause, which only operators see.
type Error struct {
	Status int
	Code   string           // restJson1 error type
	Class  audit.ErrorClass // how it is counted
	Reason string           // why, from a closed set, for the audit event
	Public string           // what the caller is told
	Err    error            // the cause: for the operators' log, never for the caller
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%s: %s", e.Code, e.Reason)
	}
	return fmt.Sprintf("%s: %s: %v", e.Code, e.Reason, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// refusedHTTP is a request that the listener did not take.
func refusedHTTP(r http1.Refusal) *Error {
	return &Error{Status: r.Status, Code: codeInvalidRequest, Class: audit.ErrorClassBadRequest, Reason: string(r.Reason), Public: r.Reason.Text()}
}

// badTarget is a path or query outside the grammar.
func badTarget(err error) *Error {
	e := &Error{Status: 400, Code: codeValidation, Class: audit.ErrorClassValidation, Reason: "malformed", Public: "The request is malformed.", Err: err}
	if oe, ok := errors.AsType[*outposts.Error](err); ok {
		e.Reason, e.Public, e.Err = string(oe.Kind), oe.Error(), nil
	}
	return e
}

func badBody() *Error {
	return &Error{Status: 400, Code: codeValidation, Class: audit.ErrorClassValidation, Reason: "malformed_body", Public: "The body is not a JSON object."}
}

// notAuthenticated has one text for an unknown key, a wrong signature and a wrong scope: a caller learns nothing about which keys exist.
func notAuthenticated(err error) *Error {
	e := &Error{Status: 403, Code: codeSignature, Class: audit.ErrorClassSignature, Reason: "signature", Public: sigv4.PublicSignature, Err: err}
	se, ok := errors.AsType[*sigv4.Error](err)
	if !ok {
		return e
	}
	e.Status, e.Reason, e.Public = se.Status(), string(se.Reason), se.Public()
	switch {
	case se.Reason == sigv4.ReasonSkew:
		e.Class = audit.ErrorClassClockSkew
	case e.Status == 400:
		e.Code, e.Class = codeInvalidRequest, audit.ErrorClassBadRequest
	}
	return e
}

// keyRefused is a right signature with a key that is disabled or expired.
func keyRefused(r *keyring.Refused) *Error {
	return &Error{Status: 403, Code: codeAccessDenied, Class: audit.ErrorClassPolicy, Reason: r.Reason, Public: "The access key is disabled or has expired."}
}

func notAllowed(reason string) *Error {
	return &Error{Status: 403, Code: codeAccessDenied, Class: audit.ErrorClassPolicy, Reason: reason, Public: "The access key's policy does not allow this call."}
}

func unknownOperation() *Error {
	return &Error{Status: 404, Code: codeUnknownOperation, Class: audit.ErrorClassUnknownOperation, Reason: "unknown_operation", Public: "The Outposts API has no such operation."}
}

func replayed() *Error {
	return &Error{Status: 403, Code: codeSignature, Class: audit.ErrorClassSignature, Reason: "replay", Public: "This very request was carried out before. Sign it anew."}
}

// noAnswer is a call that AWS did not answer in a way that could be relayed.
func noAnswer(err error) *Error {
	e := &Error{Status: 502, Code: codeBadGateway, Class: audit.ErrorClassUpstreamInvalid, Reason: "upstream", Public: "AWS could not be reached, or its answer could not be understood.", Err: err}
	ue, ok := errors.AsType[*upstream.Error](err)
	if !ok {
		return e
	}
	e.Class = ue.Class
	switch ue.Class {
	case audit.ErrorClassUpstreamTimeout:
		e.Status, e.Code, e.Public = 504, codeGatewayTimeout, "AWS did not answer in time."
	case audit.ErrorClassUpstreamCredentials:
		e.Status, e.Code, e.Public = 503, codeUnavailable, "This endpoint has no credentials for AWS at the moment."
	case audit.ErrorClassOverload:
		e.Status, e.Code, e.Public = 503, codeUnavailable, "Too many calls to AWS are under way."
	}
	return e
}

// invalidAnswer is a 200 of AWS that must not be relayed.
func invalidAnswer(err error) *Error {
	return &Error{Status: 502, Code: codeBadGateway, Class: audit.ErrorClassUpstreamInvalid, Reason: "upstream_invalid", Public: "AWS's answer could not be understood.", Err: err}
}

// notRecorded is a call that the journal did not take in time.
func notRecorded(err error) *Error {
	e := &Error{Status: 503, Code: codeUnavailable, Class: audit.ErrorClassAudit, Reason: "audit", Public: "The call could not be recorded and was not carried out. Try again.", Err: err}
	if u, ok := errors.AsType[*journal.Unavailable](err); ok {
		e.Reason = "audit_" + u.Reason
	} else if errors.Is(err, journal.ErrTimeout) {
		e.Reason = "audit_timeout"
	}
	return e
}

// outcomeNotRecorded is for a write that reached AWS: an answer that no SDK retries, since a retry would do it twice.
func outcomeNotRecorded(err error) *Error {
	return &Error{Status: 409, Code: codeOutcomeNotRecorded, Class: audit.ErrorClassAudit, Reason: "audit", Err: err,
		Public: "The call reached AWS, and its outcome could not be recorded. Look at the resource before trying again."}
}

// broken is a defect of ours.
func broken(p any) *Error {
	return &Error{Status: 500, Code: codeInternal, Class: audit.ErrorClassOther, Reason: "panic", Public: "Internal error.", Err: fmt.Errorf("panic: %v", p)}
}
