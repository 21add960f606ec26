package audit

import "slices"

// ErrorClass sorts every way in which a call can end into a closed set, small
// enough to be a metric label.
type ErrorClass string

const (
	ErrorClassNone                ErrorClass = "none"
	ErrorClassAccessDenied        ErrorClass = "access_denied"
	ErrorClassNotFound            ErrorClass = "not_found"
	ErrorClassValidation          ErrorClass = "validation"
	ErrorClassConflict            ErrorClass = "conflict"
	ErrorClassThrottling          ErrorClass = "throttling"
	ErrorClassInternalServer      ErrorClass = "internal_server"
	ErrorClassServiceQuota        ErrorClass = "service_quota"
	ErrorClassAWSAuth             ErrorClass = "aws_auth"
	ErrorClassSignature           ErrorClass = "signature"
	ErrorClassClockSkew           ErrorClass = "clock_skew"
	ErrorClassPolicy              ErrorClass = "policy"
	ErrorClassBadRequest          ErrorClass = "bad_request"
	ErrorClassUnknownOperation    ErrorClass = "unknown_operation"
	ErrorClassUpstreamTimeout     ErrorClass = "upstream_timeout"
	ErrorClassUpstreamConnect     ErrorClass = "upstream_connect"
	ErrorClassUpstreamTLS         ErrorClass = "upstream_tls"
	ErrorClassUpstreamInvalid     ErrorClass = "upstream_invalid"
	ErrorClassUpstreamCredentials ErrorClass = "upstream_credentials"
	ErrorClassAudit               ErrorClass = "audit"
	ErrorClassOverload            ErrorClass = "overload"
	ErrorClassClientGone          ErrorClass = "client_gone"
	ErrorClassOther               ErrorClass = "other"
)

// errorClasses is the closed set, in the order of the contract. Never written to.
var errorClasses = [...]ErrorClass{
	ErrorClassNone, ErrorClassAccessDenied, ErrorClassNotFound, ErrorClassValidation,
	ErrorClassConflict, ErrorClassThrottling, ErrorClassInternalServer, ErrorClassServiceQuota,
	ErrorClassAWSAuth, ErrorClassSignature, ErrorClassClockSkew, ErrorClassPolicy,
	ErrorClassBadRequest, ErrorClassUnknownOperation, ErrorClassUpstreamTimeout,
	ErrorClassUpstreamConnect, ErrorClassUpstreamTLS, ErrorClassUpstreamInvalid,
	ErrorClassUpstreamCredentials, ErrorClassAudit, ErrorClassOverload,
	ErrorClassClientGone, ErrorClassOther,
}

// ErrorClasses returns the closed set, in the order of the contract.
func ErrorClasses() []ErrorClass { return slices.Clone(errorClasses[:]) }

// Valid reports whether c belongs to the closed set.
func (c ErrorClass) Valid() bool { return slices.Contains(errorClasses[:], c) }
