package sigv4

import (
	"slices"
	"strings"
)

// maxQueryParameters bounds what is sorted before the signature has been
// checked.
const maxQueryParameters = 256

// checkQuery refuses raw characters that readers of a query disagree about: '+'
// is a space to some, ';' a separator. Both hash as their escaped form, so the
// signature alone would not notice the one put in the place of the other.
func checkQuery(query string) *Error {
	for i := range len(query) {
		if c := query[i]; c <= ' ' || c >= 0x7f || c == '#' || c == '+' || c == ';' {
			return refuse(ReasonTarget, "query has a character that must be percent-encoded")
		}
	}
	return nil
}

// parameter is a name and a value in canonical encoding.
type parameter struct{ name, value string }

// appendQuery appends the canonical query: every name and value decoded once
// and encoded in the one canonical way, sorted by encoded name, then by encoded
// value. Only '&' separates, and '+' is a plus sign.
func appendQuery(dst []byte, query string) ([]byte, *Error) {
	if strings.Count(query, "&") >= maxQueryParameters {
		return dst, refuse(ReasonTarget, "query has too many parameters")
	}
	var space [8]parameter
	parameters := space[:0]
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name == "" {
			return dst, refuse(ReasonTarget, "query has a parameter without a name")
		}
		name, ok := canonicalComponent(name)
		if !ok {
			return dst, refuse(ReasonTarget, "query has a broken percent-encoding")
		}
		if value, ok = canonicalComponent(value); !ok {
			return dst, refuse(ReasonTarget, "query has a broken percent-encoding")
		}
		parameters = append(parameters, parameter{name, value})
	}
	slices.SortFunc(parameters, func(a, b parameter) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	for i, p := range parameters {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(dst, p.name...)
		dst = append(dst, '=')
		dst = append(dst, p.value...)
	}
	return dst, nil
}

// canonicalComponent encodes a name or value anew. It returns s itself if that
// is canonical already.
func canonicalComponent(s string) (string, bool) {
	plain := true
	for i := range len(s) {
		if !in(s[i], unreservedLow, unreservedHigh) {
			plain = false
			break
		}
	}
	if plain {
		return s, true
	}
	b := make([]byte, 0, len(s)+8)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 >= len(s) {
				return "", false
			}
			high, low := hexValue(s[i+1]|0x20), hexValue(s[i+2]|0x20)
			if !isHex(s[i+1]) || !isHex(s[i+2]) {
				return "", false
			}
			c = high<<4 | low
			i += 2
		}
		if in(c, unreservedLow, unreservedHigh) {
			b = append(b, c)
		} else {
			b = appendPercent(b, c)
		}
	}
	return string(b), true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// hasAmzParameter reports whether any name in the query, once decoded, begins
// with x-amz- in any case.
func hasAmzParameter(query string) bool {
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if isAmz(name) {
			return true
		}
		if strings.IndexByte(name, '%') < 0 {
			continue
		}
		// A name that starts with x-amz- is canonical as far as that goes.
		if name, ok := canonicalComponent(name); ok && isAmz(name) {
			return true
		}
	}
	return false
}
