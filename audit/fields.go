package audit

// timeLayout is RFC 3339 with nine fractional digits.
const timeLayout = "2006-01-02T15:04:05.000000000Z"

const (
	maxAttempts    = 16 // gatepost makes two at most
	maxDifferences = 32
)

// field is a string field that has a cap, or a list that has one.
type field uint8

const (
	fieldID field = iota
	fieldKind
	fieldOrigin
	fieldPrincipal
	fieldAccessKeyID
	fieldSourceIP
	fieldTLSVersion
	fieldTLSCipher
	fieldTLSClient
	fieldUserAgent
	fieldOperation
	fieldRegion
	fieldConnectionID
	fieldPath
	fieldDecision
	fieldReason
	fieldCache
	fieldFillEventID
	fieldFillRequestID
	fieldUpstreamAccount
	fieldUpstreamIdentityARN
	fieldUpstreamAccessKeyID
	fieldUpstreamEndpoint
	fieldAttempts
	fieldAttemptRequestID
	fieldAttemptErrorCode
	fieldErrorClass
	fieldErrorCode
	fieldResponseSHA256
	fieldAction
	fieldOf
	fieldState
	fieldCloudTrailEventID
	fieldEvidence
	fieldDifferences
	fieldDetail
	fieldCount
)

// fields holds the name of each, as in Event.Truncated, and its cap: bytes
// between the quotes as written. A connection id of the greatest length that
// AWS allows fits; so does every ARN.
var fields = [fieldCount]fieldSpec{
	fieldID:                  {"id", "id", 128},
	fieldKind:                {"kind", "kind", 32},
	fieldOrigin:              {"origin", "origin", 256},
	fieldPrincipal:           {"principal", "principal", 256},
	fieldAccessKeyID:         {"access_key_id", "access_key_id", 128},
	fieldSourceIP:            {"source_ip", "source_ip", 64},
	fieldTLSVersion:          {"tls.version", "version", 32},
	fieldTLSCipher:           {"tls.cipher", "cipher", 64},
	fieldTLSClient:           {"tls.client", "client", 512},
	fieldUserAgent:           {"user_agent", "user_agent", 1024},
	fieldOperation:           {"operation", "operation", 128},
	fieldRegion:              {"region", "region", 64},
	fieldConnectionID:        {"connection_id", "connection_id", 1024},
	fieldPath:                {"path", "path", 4096},
	fieldDecision:            {"decision", "decision", 32},
	fieldReason:              {"reason", "reason", 256},
	fieldCache:               {"cache", "cache", 32},
	fieldFillEventID:         {"fill.event_id", "event_id", 128},
	fieldFillRequestID:       {"fill.request_id", "request_id", 128},
	fieldUpstreamAccount:     {"upstream.account", "account", 64},
	fieldUpstreamIdentityARN: {"upstream.identity_arn", "identity_arn", 2048},
	fieldUpstreamAccessKeyID: {"upstream.access_key_id", "access_key_id", 128},
	fieldUpstreamEndpoint:    {"upstream.endpoint", "endpoint", 512},
	fieldAttempts:            {"attempts", "attempts", 0},
	fieldAttemptRequestID:    {"attempts.request_id", "request_id", 128},
	fieldAttemptErrorCode:    {"attempts.error_code", "error_code", 128},
	fieldErrorClass:          {"error_class", "error_class", 32},
	fieldErrorCode:           {"error_code", "error_code", 128},
	fieldResponseSHA256:      {"response_sha256", "response_sha256", 64},
	fieldAction:              {"action", "action", 64},
	fieldOf:                  {"of", "of", 128},
	fieldState:               {"state", "state", 32},
	fieldCloudTrailEventID:   {"cloudtrail_event_id", "cloudtrail_event_id", 128},
	fieldEvidence:            {"evidence", "evidence", 64},
	fieldDifferences:         {"differences", "differences", 512},
	fieldDetail:              {"detail", "detail", 2048},
}

type fieldSpec struct {
	name  string
	key   string // the member's own name
	limit int
}

// fieldSet has one bit for each field.
type fieldSet uint64

func truncatedFields(names []string) fieldSet {
	var set fieldSet
	for _, name := range names {
		for f := range fieldCount {
			if fields[f].name == name {
				set |= 1 << f
			}
		}
	}
	return set
}
