package outposts

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxQuery bounds the raw query. A NextToken may have 2048 characters,
	// and filters come fifty at a time.
	maxQuery = 8192
	// maxParameters bounds what is sorted for each request.
	maxParameters = 256
)

// canonicalQuery holds a query to one strict grammar and encodes it anew, sorted
// as Signature Version 4 sorts. Only '&' separates. A raw '+' is refused, since
// it is a space to some and a plus sign to others; so is ';', a separator to
// some; clients escape both. X-Amz-* names are refused: they carry credentials.
func canonicalQuery(raw string) (string, *Error) {
	if len(raw) > maxQuery {
		return "", malformed("The query is too long.")
	}
	if strings.Count(raw, "&") >= maxParameters {
		return "", malformed("The query has too many parameters.")
	}
	type parameter struct{ name, value string }
	var parameters []parameter
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name == "" {
			return "", malformed("The query has a parameter without a name.")
		}
		for i := range len(name) {
			if !in(name[i], unreservedLow, unreservedHigh) {
				return "", malformed("The query has a parameter name that no operation has.")
			}
		}
		if len(name) >= 6 && strings.EqualFold(name[:6], "X-Amz-") {
			return "", malformed("The query has an X-Amz-* parameter.")
		}
		value, err := canonicalValue(value)
		if err != nil {
			return "", err
		}
		parameters = append(parameters, parameter{name, value})
	}
	slices.SortFunc(parameters, func(a, b parameter) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	b := make([]byte, 0, len(raw)+16)
	for i, p := range parameters {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, p.name...)
		b = append(b, '=')
		b = append(b, p.value...)
	}
	return string(b), nil
}

func canonicalValue(raw string) (string, *Error) {
	decoded := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '%':
			if i+2 >= len(raw) {
				return "", malformed("The query has a broken percent-encoding.")
			}
			var ok bool
			if c, ok = unhex(raw[i+1], raw[i+2]); !ok {
				return "", malformed("The query has a broken percent-encoding.")
			}
			i += 2
		case c == '+' || !in(c, labelLow|1<<'?', labelHigh):
			return "", malformed("The query has a character that must be escaped.")
		}
		decoded = append(decoded, c)
	}
	if !utf8.Valid(decoded) {
		return "", malformed("The query is not UTF-8.")
	}
	value := string(decoded)
	if strings.ContainsFunc(value, unicode.IsControl) {
		return "", malformed("The query has a control character.")
	}
	return string(EscapeLabel(make([]byte, 0, len(raw)), value)), nil
}
