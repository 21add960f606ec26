package audit

import (
	"unicode/utf16"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string, quotes included, of at most limit
// bytes between the quotes, and reports whether s had to be cut. A cut never
// splits a character or an escape. Each invalid byte becomes U+FFFD.
func appendString(dst []byte, s string, limit int) ([]byte, bool) {
	dst = append(dst, '"')
	end := len(dst) + limit
	for i := 0; i < len(s); {
		mark := len(dst)
		run, stop := i, min(len(s), i+end-mark)
		for run < stop && isPlain(s[run]) {
			run++
		}
		if run > i {
			dst = append(dst, s[i:run]...)
			i = run
			continue
		}
		width := 1
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < utf8.RuneSelf:
			dst = appendEscape(dst, uint16(c))
		default:
			var r rune
			r, width = utf8.DecodeRuneInString(s[i:])
			dst = appendRune(dst, r)
		}
		if len(dst) > end {
			return append(dst[:mark], '"'), true
		}
		i += width
	}
	return append(dst, '"'), false
}

// isPlain holds for the bytes that stand for themselves.
func isPlain(c byte) bool {
	return c >= ' ' && c < 0x7f && c != '"' && c != '\\'
}

func appendRune(dst []byte, r rune) []byte {
	switch {
	case !isHidden(r):
		return utf8.AppendRune(dst, r)
	case r <= 0xffff:
		return appendEscape(dst, uint16(r))
	default:
		hi, lo := utf16.EncodeRune(r)
		return appendEscape(appendEscape(dst, uint16(hi)), uint16(lo))
	}
}

func appendEscape(dst []byte, u uint16) []byte {
	return append(dst, '\\', 'u',
		hexDigits[u>>12], hexDigits[u>>8&0xf], hexDigits[u>>4&0xf], hexDigits[u&0xf])
}

// isHidden holds for the characters beyond ASCII that can steer a terminal,
// reorder or end a line, or hide text: C1 controls, bidirectional controls,
// line and paragraph separators, invisible formatting and tag characters. The
// list is written out, not taken from package unicode, because its tables grow
// from one Go release to the next and the encoding of a recorded line must not.
func isHidden(r rune) bool {
	switch {
	case r <= 0x9f,
		r == 0xad,
		r == 0x61c,
		r == 0x180e,
		0x200b <= r && r <= 0x200f,
		0x2028 <= r && r <= 0x202e,
		0x2060 <= r && r <= 0x206f,
		r == 0xfeff,
		0xfff9 <= r && r <= 0xfffb,
		0xe0000 <= r && r <= 0xe007f:
		return true
	}
	return false
}
