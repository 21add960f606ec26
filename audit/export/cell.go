package export

import (
	"strings"
	"unicode/utf8"
)

// AppendCell appends s as a cell of CSV that no spreadsheet acts upon; the
// package's documentation says how.
func AppendCell(dst []byte, s string) []byte {
	quoted := strings.ContainsAny(s, `",;`) || strings.HasPrefix(s, " ") || strings.HasSuffix(s, " ")
	if quoted {
		dst = append(dst, '"')
	}
	if strings.HasPrefix(s, "'") || beginsFormula(s) {
		dst = append(dst, '\'')
	}
	for i, width := 0, 0; i < len(s); i += width {
		var r rune
		r, width = utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '"':
			dst = append(dst, '"', '"')
		case r == '\\':
			dst = append(dst, '\\', '\\')
		case hidden(r), r == ';' && beginsFormula(s[i+1:]):
			dst = appendEscape(dst, r)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	if quoted {
		dst = append(dst, '"')
	}
	return dst
}

// beginsFormula reports whether a spreadsheet might calculate s. Spaces in front
// are taken off by some.
func beginsFormula(s string) bool {
	r, _ := utf8.DecodeRuneInString(strings.TrimLeft(s, " "))
	switch r {
	case '=', '+', '-', '@', '\t', '\r', '\n',
		'＝', '＋', '－', '＠', // full width
		'﹦', '﹢', '﹣', '﹫', // small
		'−': // the minus sign proper
		return true
	}
	return false
}
