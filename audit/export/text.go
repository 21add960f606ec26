package export

import (
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// hidden holds for what does not show itself as it stands: controls, line and
// paragraph separators, invisible and reordering characters, blanks other than
// the space, what Unicode has not assigned.
func hidden(r rune) bool { return !unicode.IsPrint(r) }

// appendEscape appends r as JSON escapes it.
func appendEscape(dst []byte, r rune) []byte {
	if r > 0xffff {
		hi, lo := utf16.EncodeRune(r)
		return appendEscape(appendEscape(dst, hi), lo)
	}
	return append(dst, '\\', 'u', hexDigits[r>>12], hexDigits[r>>8&0xf], hexDigits[r>>4&0xf], hexDigits[r&0xf])
}

// AppendQuoted appends s for the inside of a JSON string. What does not show
// itself is escaped; invalid bytes become U+FFFD.
func AppendQuoted(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		start := i
		for i < len(s) && ' ' <= s[i] && s[i] < 0x7f && s[i] != '"' && s[i] != '\\' {
			i++
		}
		dst = append(dst, s[start:i]...)
		if i == len(s) {
			break
		}
		r, width := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case hidden(r):
			dst = appendEscape(dst, r)
		default:
			dst = utf8.AppendRune(dst, r)
		}
		i += width
	}
	return dst
}
