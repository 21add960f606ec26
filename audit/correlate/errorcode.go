package correlate

import "strings"

// The classes of error codes that AWS, its SDKs and CloudTrail have several names
// for.
const (
	classAccess     = "access denied"
	classNotFound   = "not found"
	classValidation = "validation"
	classThrottling = "throttling"
	classInternal   = "internal"
	classAuth       = "authentication"
	classFrontDoor  = "unknown operation"
)

// bareCode is an error code without what CloudTrail and services put around it:
// "Client.", a namespace, "Exception".
func bareCode(code string) string {
	code, _, _ = strings.Cut(code, ":")
	code = code[strings.LastIndexByte(code, '#')+1:]
	code = code[strings.LastIndexByte(code, '.')+1:]
	code = strings.ToLower(strings.TrimSpace(code))
	for _, suffix := range []string{"exception", "fault", "error"} {
		if bare, ok := strings.CutSuffix(code, suffix); ok && bare != "" {
			return bare
		}
	}
	return code
}

// classify returns the class of a code, or the bare code when it is in none.
func classify(code string) string {
	bare := bareCode(code)
	switch bare {
	case "accessdenied", "unauthorizedoperation", "notauthorized", "unauthorized":
		return classAccess
	case "notfound", "resourcenotfound":
		return classNotFound
	case "validation", "serialization", "invalidparameter", "invalidparametervalue":
		return classValidation
	case "throttling", "throttled", "toomanyrequests", "requestthrottled", "requestlimitexceeded",
		"bandwidthlimitexceeded", "limitexceeded", "slowdown":
		return classThrottling
	case "internalserver", "internalfailure", "internal", "serviceunavailable":
		return classInternal
	case "unrecognizedclient", "invalidclienttokenid", "invalidaccesskeyid", "invalidsignature",
		"signaturedoesnotmatch", "incompletesignature", "missingauthenticationtoken", "expiredtoken",
		"invalidtoken", "requestexpired", "requesttimetooskewed", "authfailure", "optinrequired":
		return classAuth
	case "unknownoperation":
		return classFrontDoor
	}
	return bare
}

// sameCode holds for two codes that may well be one error.
func sameCode(a, b string) bool { return classify(a) == classify(b) }
