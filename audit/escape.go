package audit

import (
	"math/bits"
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
		if run := plainRun(s[i:min(len(s), i+end-mark)]); run > 0 {
			dst = append(dst, s[i:i+run]...)
			i += run
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

// plainRun returns how many bytes at the front of s stand for themselves: ASCII
// without controls, the quote and the backslash. Nearly all bytes of a log do,
// so it looks at eight at a time.
func plainRun(s string) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	i := 0
	for ; i+8 <= len(s); i += 8 {
		v := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		quote, backslash, del := v^'"'*ones, v^'\\'*ones, v^0x7f*ones
		// The lowest high bit that remains is that of the first byte which is below
		// a space, one of the three, or not ASCII; a borrow can only set later ones.
		special := (v-' '*ones)&^v | (quote-ones)&^quote | (backslash-ones)&^backslash | (del-ones)&^del | v
		if special &= highs; special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			break
		}
	}
	return i
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
