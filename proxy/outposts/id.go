package outposts

// maxConnectionID is the longest ConnectionId of the API's model.
const maxConnectionID = 1024

// ValidConnectionID reports whether id, decoded, matches the API's pattern
// ^[a-zA-Z0-9+/=]{1,1024}$. No client checks that by itself.
func ValidConnectionID(id string) bool {
	if id == "" || len(id) > maxConnectionID {
		return false
	}
	for i := range len(id) {
		if !in(id[i], idLow, idHigh) {
			return false
		}
	}
	return true
}

// EscapeLabel appends s as one path segment, in the canonical encoding: every
// byte percent-encoded in capitals but the unreserved ones.
func EscapeLabel(dst []byte, s string) []byte {
	for i := range len(s) {
		dst = appendByte(dst, s[i])
	}
	return dst
}

// appendByte appends c, percent-encoded unless it is unreserved.
func appendByte(dst []byte, c byte) []byte {
	if in(c, unreservedLow, unreservedHigh) {
		return append(dst, c)
	}
	const hexUpper = "0123456789ABCDEF"
	return append(dst, '%', hexUpper[c>>4], hexUpper[c&15])
}

// Sets of ASCII characters as bit masks over the 64 codes below and above '@'.
const (
	digits  = 0x3ff << '0'
	letters = 0x3ffffff<<('A'-64) | 0x3ffffff<<('a'-64)

	unreservedLow  = digits | 1<<'-' | 1<<'.'
	unreservedHigh = letters | 1<<('_'-64) | 1<<('~'-64)

	idLow  = digits | 1<<'+' | 1<<'/' | 1<<'='
	idHigh = letters

	// What a label may hold once decoded: RFC 3986 pchar and '/', less ';'.
	labelLow  = unreservedLow | 1<<'/' | 1<<':' | 1<<'!' | 1<<'$' | 1<<'&' | 1<<'\'' | 1<<'(' | 1<<')' | 1<<'*' | 1<<'+' | 1<<',' | 1<<'='
	labelHigh = unreservedHigh | 1<<('@'-64)
)

// in reports whether c is in the set given as two masks.
func in(c byte, low, high uint64) bool {
	switch {
	case c < 64:
		return low>>c&1 != 0
	case c < 128:
		return high>>(c-64)&1 != 0
	}
	return false
}

// unhex decodes the two digits after a '%'.
func unhex(high, low byte) (c byte, ok bool) {
	h, l := hexValue(high), hexValue(low)
	return h<<4 | l, h|l <= 15
}

// hexValue is the value of a hexadecimal digit in either case, 255 if c is none.
func hexValue(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
