package cloudtrailtest

import "time"

// Event is a call that AWS saw, as its service would tell CloudTrail.
type Event struct {
	RequestID    string
	EventSource  string // cloudtrail.EventSource when empty
	Operation    string
	ReadOnly     bool
	Principal    Principal
	Region       string // that served the call; the simulator's first when empty
	ConnectionID string // decoded; of the request, or of the answer if the call changed something
	SourceIP     string
	UserAgent    string
	Host         string
	TLSVersion   string // "TLSv1.3"; empty without TLS
	CipherSuite  string
	Completed    time.Time // now when zero
	ErrorCode    string
	ErrorMessage string
}

// Principal is who called, CloudTrail's userIdentity.
type Principal struct {
	Type           string // "IAMUser", "AssumedRole"
	PrincipalID    string
	ARN            string
	Account        string // the simulator's when empty
	AccessKeyID    string
	UserName       string // of a user, or of the role
	IssuerARN      string // the role's
	SourceIdentity string
	InvokedBy      string
}

// unrecorded are the refusals of requests that failed authentication. CloudTrail
// gets no record of them.
func unrecorded(errorCode string) bool {
	switch errorCode {
	case "ExpiredTokenException", "IncompleteSignatureException", "InvalidClientTokenId", "InvalidSignatureException",
		"MissingAuthenticationTokenException", "SignatureDoesNotMatch", "UnrecognizedClientException":
		return true
	}
	return false
}
