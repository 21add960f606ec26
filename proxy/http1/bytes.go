package http1

// tokenBytes are the bytes of a field name (RFC 9110 section 5.6.2).
var tokenBytes = set("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

// targetBytes are the bytes of an origin-form target: RFC 3986's pchar, "/", "?" and "%". A fragment, a backslash, a quote or a byte
// outside ASCII has more than one reading along a chain of proxies.
var targetBytes = set("!$%&'()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~")

func set(s string) (t [256]bool) {
	for i := range len(s) {
		t[s[i]] = true
	}
	return t
}
