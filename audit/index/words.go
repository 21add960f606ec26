package index

import (
	"strings"
	"unicode/utf8"
)

const (
	trigram = 3 // characters
	// maxTrigrams bounds the full-text expression. What it finds is looked at in
	// full anyway.
	maxTrigrams = 48
)

// indexedText is what full text keeps of a value: the tokenizer would stop at a
// zero.
func indexedText(s string) string { return strings.ReplaceAll(s, "\x00", "\ufffd") }

// matchExpression returns a full-text expression that all values have which
// contain q, and perhaps others. It is "" if q is too short for one. Each
// trigram is a quoted string of its own: in a quoted string only the quote has a
// meaning, and it is doubled.
func matchExpression(q string) string {
	if !utf8.ValidString(q) {
		return ""
	}
	q = indexedText(q)
	var b strings.Builder
	var starts [trigram]int // of the last characters
	n, terms := 0, 0
	for i, r := range q {
		starts[n%trigram] = i
		n++
		if n < trigram {
			continue
		}
		if terms++; terms > maxTrigrams {
			break
		}
		if terms > 1 {
			b.WriteString(" AND ")
		}
		term := q[starts[n%trigram] : i+utf8.RuneLen(r)]
		b.WriteByte('"')
		b.WriteString(strings.ReplaceAll(term, `"`, `""`))
		b.WriteByte('"')
	}
	return b.String()
}
