package outposts

import "strings"

// ErrorCode returns the bare error code of an x-amzn-ErrorType value or a
// __type member, which AWS also writes as "namespace#Code:link".
func ErrorCode(errorType string) string {
	code, _, _ := strings.Cut(errorType, ":")
	return strings.TrimSpace(code[strings.LastIndexByte(code, '#')+1:])
}

// ErrorClass sorts an answer of AWS into one of a closed set of classes by its
// error code, in any of the forms that ErrorCode takes, and by its status where
// the code says nothing: "none" below 400, then "access_denied", "not_found",
// "validation", "conflict", "throttling", "internal_server", "service_quota",
// "aws_auth" (AWS did not accept the credentials or the signature),
// "unknown_operation" and "other".
func ErrorClass(status int, errorType string) string {
	if status < 400 {
		return "none"
	}
	switch ErrorCode(errorType) {
	case "AccessDeniedException", "AccessDenied", "NotAuthorizedException", "UnauthorizedOperation":
		return "access_denied"
	case "NotFoundException", "ResourceNotFoundException":
		return "not_found"
	case "ValidationException", "ValidationError", "SerializationException":
		return "validation"
	case "ConflictException":
		return "conflict"
	case "ServiceQuotaExceededException":
		return "service_quota"
	case "InternalServerException", "InternalFailure", "InternalError",
		"ServiceUnavailable", "ServiceUnavailableException":
		return "internal_server"
	case "ThrottlingException", "Throttling", "ThrottledException", "TooManyRequestsException",
		"RequestThrottled", "RequestThrottledException", "RequestLimitExceeded",
		"BandwidthLimitExceeded", "LimitExceededException", "SlowDown":
		return "throttling"
	case "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId",
		"InvalidSignatureException", "SignatureDoesNotMatch",
		"IncompleteSignature", "IncompleteSignatureException",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException",
		"ExpiredToken", "ExpiredTokenException", "InvalidToken",
		"RequestExpired", "RequestTimeTooSkewed", "AuthFailure", "OptInRequired":
		return "aws_auth"
	case "UnknownOperationException":
		return "unknown_operation"
	}
	switch {
	case status == 401:
		return "aws_auth"
	case status == 402:
		return "service_quota"
	case status == 403:
		return "access_denied"
	case status == 404:
		return "not_found"
	case status == 409:
		return "conflict"
	case status == 429:
		return "throttling"
	case status >= 500:
		return "internal_server"
	}
	return "other"
}
