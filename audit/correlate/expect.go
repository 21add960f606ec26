package correlate

import "github.com/gatepost-proxy/gatepost/audit"

// expectation says whether CloudTrail should have a record of an attempt.
//
// An attempt without an answer has the status 0 and, as its code, the class of
// the failure. Among them a lost connection is an attempt whose request had gone
// out; those that failed before are not listed at all.
//
// What was answered without a request id, or with 502, 503 or 504, was perhaps
// answered by something in front of the service, unless it was a success. Whether
// refusals of the front door, throttled calls above all, are recorded differs from
// service to service.
func expectation(a *audit.Attempt, class audit.ErrorClass, last, orphan bool) traits {
	if orphan {
		return unsure
	}
	if a.Status == 0 {
		switch audit.ErrorClass(a.ErrorCode) {
		case audit.ErrorClassUpstreamTLS, audit.ErrorClassUpstreamCredentials, audit.ErrorClassOverload, audit.ErrorClassAudit:
			return unexpected
		}
		return unsure
	}
	if a.Status < 400 {
		return 0
	}
	kind := classify(a.ErrorCode)
	switch {
	case kind == classAuth, a.Status == 401, last && class == audit.ErrorClassAWSAuth:
		return unexpected
	case kind == classThrottling, a.Status == 429, kind == classFrontDoor, last && class == audit.ErrorClassThrottling, a.RequestID == "", a.Status > 500:
		return unsure
	}
	return 0
}
