package metrics

import "slices"

// other is what a value outside its closed set is counted under.
const other = "other"

// The label values that the expected series below name. Those of the audit
// event are spelled as there: a dashboard's filter and a log query must match.
const (
	operationUnknown         = "Unknown" // a path outside the operation table
	operationGetConnection   = "GetConnection"
	operationStartConnection = "StartConnection"

	cacheHit       = "hit"
	cacheMiss      = "miss"
	cacheCoalesced = "coalesced"
	cacheBypass    = "bypass"
	cacheNone      = "none"

	allow = "allow"
	deny  = "deny"
)

func cacheResults() []string {
	return []string{cacheHit, cacheMiss, cacheCoalesced, cacheBypass, cacheNone}
}

func decisions() []string { return []string{allow, deny} }

func eventKinds() []string {
	return []string{"intent", "outcome", "verdict", "finding", "admin", "system"}
}

// correlationStates is the closed set of how an attempt can stand against
// CloudTrail.
func correlationStates() []string {
	return []string{
		"not_applicable", "derived", "not_expected", "pending", "late", "matched", "matched_weak", "mismatched", "missing", "unknown", "ambiguous",
	}
}

// errorClasses is the closed set of ways in which a call can end, grouped by
// who brought it about; the groups are what the expected series are made of.
func errorClasses() []string {
	return slices.Concat(answeredByAWS(), rareAnswers(), notAnsweredByAWS(), refusedByGatepost(), endedByGatepost())
}

func answeredByAWS() []string {
	return []string{"none", "access_denied", "not_found", "validation", "throttling", "internal_server", "aws_auth"}
}

func rareAnswers() []string {
	return []string{"conflict", "service_quota", other}
}

func notAnsweredByAWS() []string {
	return []string{"upstream_timeout", "upstream_connect", "upstream_tls", "upstream_invalid", "upstream_credentials"}
}

func refusedByGatepost() []string {
	return []string{"signature", "clock_skew", "policy", "bad_request", "unknown_operation"}
}

func endedByGatepost() []string {
	return []string{"audit", "overload", "client_gone"}
}

// labelSet is the closed set of one label's values; it always holds "other".
// It maps each value to itself, so that what fold returns is the set's own
// string: the caller's may be a slice of a request's buffer, which a series
// would keep alive for ever.
type labelSet map[string]string

func newLabelSet(values ...string) labelSet {
	set := labelSet{other: other}
	for _, v := range values {
		set[v] = v
	}
	return set
}

func (s labelSet) fold(value string) string {
	if own, ok := s[value]; ok {
		return own
	}
	return other
}

// callSets are the closed sets of the labels that tell of a call.
type callSets struct {
	operation, region, cache, decision, errorClass labelSet
}
