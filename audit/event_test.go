package audit_test

import (
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

var when = time.Date(2026, 11, 22, 23, 59, 59, 120, time.UTC)

// fullEvent has a value in every field.
func fullEvent() audit.Event {
	return audit.Event{
		V:            audit.Version,
		Index:        18446744073709551615,
		ID:           "019aae5f-7c00-7abc-8def-0123456789ab",
		Kind:         audit.KindOutcome,
		Time:         when,
		Origin:       "gatepost/fra1",
		Principal:    "installer-fra1",
		AccessKeyID:  "GPK7Q2M4X6ZB3N5C8V1L",
		SourceIP:     "2001:db8::1",
		SourcePort:   65535,
		TLS:          &audit.TLS{Version: "1.3", Cipher: "TLS_AES_128_GCM_SHA256", Client: "CN=installer"},
		UserAgent:    `aws-cli/2.9.19 "quoted" \ ünïcode`,
		Operation:    "GetConnection",
		ReadOnly:     true,
		Region:       "us-west-2",
		ConnectionID: "=a/b+c==",
		Path:         "/connections/%3Da%2Fb%2Bc%3D%3D",
		Decision:     audit.Allow,
		Reason:       "rule 1",
		Repeat:       true,
		Cache:        audit.CacheHit,
		Fill:         &audit.Fill{EventID: "019aae5f-0000-7abc-8def-0123456789ab", RequestID: "r-fill", AgeMS: 42},
		Upstream: &audit.Upstream{
			Account: "123456789012", IdentityARN: "arn:aws:sts::123456789012:assumed-role/gatepost/installer-fra1",
			AccessKeyID: "ASIAIOSFODNN7EXAMPLE", Endpoint: "https://outposts.us-west-2.amazonaws.com",
		},
		Attempts: []audit.Attempt{
			{RequestID: "r-1", Status: 503, ErrorCode: "ServiceUnavailable", DurationUS: 1500},
			{},
			{RequestID: "r-2", Status: 200, DurationUS: 2500},
		},
		Status:            200,
		ErrorClass:        audit.ErrorClassThrottling,
		ErrorCode:         "ThrottlingException",
		ResponseSHA256:    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		ResponseBytes:     512,
		DurationUS:        -1,
		CommitUS:          300,
		ClientGone:        true,
		Action:            "outcome_unknown",
		Of:                "019aae5f-7c00-7abc-8def-0123456789ab",
		OfAttempt:         1,
		State:             "matched",
		CloudTrailEventID: "ct-1",
		Evidence:          "request_id",
		LagMS:             900000,
		Differences:       []string{"user_agent", ""},
		Count:             18446744073709551615,
		Detail:            "a detail",
		Truncated:         []string{"tls.client", "user_agent"},
	}
}
