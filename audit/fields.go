package audit

import "strings"

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
	fieldID:                  {"id", 128},
	fieldKind:                {"kind", 32},
	fieldOrigin:              {"origin", 256},
	fieldPrincipal:           {"principal", 256},
	fieldAccessKeyID:         {"access_key_id", 128},
	fieldSourceIP:            {"source_ip", 64},
	fieldTLSVersion:          {"tls.version", 32},
	fieldTLSCipher:           {"tls.cipher", 64},
	fieldTLSClient:           {"tls.client", 512},
	fieldUserAgent:           {"user_agent", 1024},
	fieldOperation:           {"operation", 128},
	fieldRegion:              {"region", 64},
	fieldConnectionID:        {"connection_id", 1024},
	fieldPath:                {"path", 4096},
	fieldDecision:            {"decision", 32},
	fieldReason:              {"reason", 256},
	fieldCache:               {"cache", 32},
	fieldFillEventID:         {"fill.event_id", 128},
	fieldFillRequestID:       {"fill.request_id", 128},
	fieldUpstreamAccount:     {"upstream.account", 64},
	fieldUpstreamIdentityARN: {"upstream.identity_arn", 2048},
	fieldUpstreamAccessKeyID: {"upstream.access_key_id", 128},
	fieldUpstreamEndpoint:    {"upstream.endpoint", 512},
	fieldAttempts:            {"attempts", 0},
	fieldAttemptRequestID:    {"attempts.request_id", 128},
	fieldAttemptErrorCode:    {"attempts.error_code", 128},
	fieldErrorClass:          {"error_class", 32},
	fieldErrorCode:           {"error_code", 128},
	fieldResponseSHA256:      {"response_sha256", 64},
	fieldAction:              {"action", 64},
	fieldOf:                  {"of", 128},
	fieldState:               {"state", 32},
	fieldCloudTrailEventID:   {"cloudtrail_event_id", 128},
	fieldEvidence:            {"evidence", 64},
	fieldDifferences:         {"differences", 512},
	fieldDetail:              {"detail", 2048},
}

type fieldSpec struct {
	name  string
	limit int
}

// key is the member's own name: what follows the dot in a nested one.
func (s *fieldSpec) key() string { return s.name[strings.LastIndexByte(s.name, '.')+1:] }

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
