package sigv4

import "strconv"

// Reason says why a request was refused. The set is closed, so a Reason may be
// a metric label.
type Reason string

const (
	ReasonMissing   Reason = "missing_authorization"   // no Authorization field at all
	ReasonMalformed Reason = "malformed_authorization" // Authorization cannot be read, or is there twice
	ReasonAlgorithm Reason = "unsupported_algorithm"   // Authorization in another scheme
	ReasonScope     Reason = "wrong_scope"             // credential for another date, region, service or terminator
	ReasonDate      Reason = "malformed_date"          // X-Amz-Date missing, repeated or not YYYYMMDDTHHMMSSZ
	ReasonSkew      Reason = "clock_skew"              // X-Amz-Date too far from now
	ReasonHost      Reason = "wrong_host"              // Host is missing, repeated or not one of ours
	ReasonHeaders   Reason = "signed_headers"          // SignedHeaders breaks a rule or does not match the fields
	ReasonUnsigned  Reason = "unsigned_header"         // a field that must be signed is not
	ReasonPayload   Reason = "payload"                 // the payload is not what the fields claim, or is not hashed whole
	ReasonToken     Reason = "session_token"           // a session token, and keys here have none
	ReasonPresigned Reason = "presigned_query"         // an X-Amz-* name in the query
	ReasonTarget    Reason = "request_target"          // method, path or query has no single canonical form
)

// What a caller is told. None of these contains anything of the request or of
// what was expected. PublicSignature is also the text for an unknown key and
// for a signature that does not match, so that no refusal tells them apart.
const (
	PublicSignature = "The request signature does not match. Check the access key, the secret, the region and the endpoint that the client signs for."
	PublicSkew      = "Signature expired or not yet valid: the time it was made at is outside the accepted window. Check this machine's clock."
	PublicMissing   = "The request has no Authorization header. Sign it with Signature Version 4."
	PublicPresigned = "A signature in the query is not accepted. Sign the request in its Authorization header."
	PublicTarget    = "The request target is not in canonical form."
)

// Error is a refusal to accept a request as correctly signed, made without
// knowing the secret.
type Error struct {
	Reason Reason
	// Header is the name of the field concerned, "" if there is none. It may
	// be of the caller's choice and of any length: it is for logs only.
	Header string
	detail string
}

// Error describes the refusal for an operator. It contains no field values.
func (e *Error) Error() string {
	s := "verify signature: " + e.detail
	if e.Header != "" {
		s += ": " + strconv.QuoteToASCII(e.Header)
	}
	return s
}

// Status is the HTTP status to answer with: 400 if the request has a form in
// which no signature is accepted, else 403.
func (e *Error) Status() int {
	switch e.Reason {
	case ReasonPresigned, ReasonTarget:
		return 400
	}
	return 403
}

// Public is the text for the caller. Everything about the signature itself
// shares one text; a clock outside the window has its own, since the caller can
// repair it.
func (e *Error) Public() string {
	switch e.Reason {
	case ReasonSkew:
		return PublicSkew
	case ReasonMissing:
		return PublicMissing
	case ReasonPresigned:
		return PublicPresigned
	case ReasonTarget:
		return PublicTarget
	}
	return PublicSignature
}

func refuse(r Reason, detail string) *Error { return &Error{Reason: r, detail: detail} }

func refuseHeader(r Reason, name, detail string) *Error {
	return &Error{Reason: r, Header: name, detail: detail}
}
