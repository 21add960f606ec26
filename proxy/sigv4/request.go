package sigv4

// Field is one header field line as received: the name in the case received,
// the value without surrounding white space. A field sent twice is two Fields,
// in the order sent.
type Field struct{ Name, Value string }

// Request is what a signature covers, as it came over the wire.
type Request struct {
	Method string
	// Path is the request target before '?' and Query what follows it, both
	// exactly as received: still percent-encoded and not cleaned up.
	Path, Query string
	// Fields holds every header field, Host included.
	Fields []Field
	// PayloadHash is the SHA-256 of the body as it was read.
	PayloadHash [32]byte
}

// maxSignedFields bounds the names in SignedHeaders. Each costs a look at every
// field before the signature has been checked; real clients sign ten at most.
const maxSignedFields = 64

// asciiLower returns c in lower case if it is an ASCII capital.
func asciiLower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// isName reports whether the field name s is lower, which is in lower case.
func isName(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		if asciiLower(s[i]) != lower[i] {
			return false
		}
	}
	return true
}

// isAmz reports whether the field or query name s begins with x-amz- in any case.
func isAmz(s string) bool {
	return len(s) >= 6 && isName(s[:6], "x-amz-")
}

// Sets of ASCII characters as bit masks over the 64 codes below and above '@'.
const (
	digits = 0x3ff << '0'
	upper  = 0x3ffffff << ('A' - 64)
	lower  = 0x3ffffff << ('a' - 64)

	unreservedLow  = digits | 1<<'-' | 1<<'.'
	unreservedHigh = upper | lower | 1<<('_'-64) | 1<<('~'-64)

	// The characters of a field name (RFC 9110 token) without capitals.
	nameLow  = digits | 1<<'!' | 1<<'#' | 1<<'$' | 1<<'%' | 1<<'&' | 1<<'\'' | 1<<'*' | 1<<'+' | 1<<'-' | 1<<'.'
	nameHigh = lower | 1<<('^'-64) | 1<<('_'-64) | 1<<('`'-64) | 1<<('|'-64) | 1<<('~'-64)

	wordLow  = digits
	wordHigh = upper | lower | 1<<('_'-64)
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
