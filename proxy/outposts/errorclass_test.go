package outposts_test

import (
	"testing"

	"github.com/gatepost-proxy/gatepost/proxy/outposts"
)

func TestErrorCode(t *testing.T) {
	for _, test := range []struct{ errorType, want string }{
		{"NotFoundException", "NotFoundException"},
		{"com.amazonaws.outposts#NotFoundException", "NotFoundException"},
		{"NotFoundException:http://internal.amazon.com/coral/com.amazon.coral#x", "NotFoundException"},
		{"ns#NotFoundException:http://x/", "NotFoundException"},
		{" NotFoundException ", "NotFoundException"},
		{"", ""},
		{"#", ""},
	} {
		if got := outposts.ErrorCode(test.errorType); got != test.want {
			t.Errorf("%q: %q, want %q", test.errorType, got, test.want)
		}
	}
}

func TestErrorClass(t *testing.T) {
	for _, test := range []struct {
		status    int
		errorType string
		want      string
	}{
		{200, "", "none"},
		{304, "NotFoundException", "none"},
		{400, "ValidationException", "validation"},
		{403, "AccessDeniedException", "access_denied"},
		{404, "ns#NotFoundException:link", "not_found"},
		{409, "ConflictException", "conflict"},
		{402, "ServiceQuotaExceededException", "service_quota"},
		{500, "InternalServerException", "internal_server"},
		{400, "ThrottlingException", "throttling"},
		{429, "TooManyRequestsException", "throttling"},
		{403, "InvalidSignatureException", "aws_auth"},
		{403, "ExpiredTokenException", "aws_auth"},
		{400, "UnrecognizedClientException", "aws_auth"},
		{404, "UnknownOperationException", "unknown_operation"},
		{400, "", "other"},
		{401, "", "aws_auth"},
		{402, "New", "service_quota"},
		{403, "New", "access_denied"},
		{404, "", "not_found"},
		{409, "", "conflict"},
		{418, "TeapotException", "other"},
		{429, "", "throttling"},
		{503, "New", "internal_server"},
	} {
		if got := outposts.ErrorClass(test.status, test.errorType); got != test.want {
			t.Errorf("%d %q: %s, want %s", test.status, test.errorType, got, test.want)
		}
	}
}

// Every error that the model gives an operation has a class of its own.
func TestModelledErrorsAreClassified(t *testing.T) {
	classes := make(map[string]bool)
	for _, code := range []string{"AccessDeniedException", "ConflictException", "InternalServerException", "NotFoundException", "ServiceQuotaExceededException", "ValidationException"} {
		modelled := false
		for _, o := range outposts.Operations() {
			modelled = modelled || o.Models(code)
		}
		class := outposts.ErrorClass(499, code)
		if !modelled || class == "other" || classes[class] {
			t.Errorf("%s: modelled %t, class %s", code, modelled, class)
		}
		classes[class] = true
	}
}
