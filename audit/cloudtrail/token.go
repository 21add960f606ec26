package cloudtrail

import "strings"

// EventToken returns the id of the event for which gatepost made a call, from the
// user agent that the call was recorded with.
//
// Gatepost appends "gatepost/<version> evt/<event id>" to the caller's own user
// agent, so the token counts only as the last thing of it: a caller can put
// another in its own part, and that one would come to the fore where the end had
// been cut off. Some services record a user agent in brackets.
//
// A caller that reaches AWS directly can forge the whole: the id is evidence only
// together with an event that it fits.
func EventToken(userAgent string) (eventID string, ok bool) {
	if s, found := strings.CutSuffix(userAgent, "]"); found && strings.HasPrefix(s, "[") {
		userAgent = s[1:]
	}
	rest, token := cutLast(userAgent)
	eventID, found := strings.CutPrefix(token, "evt/")
	if !found || !isUUID(eventID) {
		return "", false
	}
	_, product := cutLast(rest)
	version, found := strings.CutPrefix(product, "gatepost/")
	if !found || version == "" || strings.ContainsAny(version, "/()<>@,;:\\\"[]?={}\t") {
		return "", false
	}
	return eventID, true
}

// cutLast splits s before its last space.
func cutLast(s string) (rest, last string) {
	i := strings.LastIndexByte(s, ' ')
	return s[:max(i, 0)], s[i+1:]
}

// isUUID holds for the text form of RFC 9562 in lower case.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}
