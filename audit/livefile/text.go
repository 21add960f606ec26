package livefile

import (
	"bytes"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// Text is the text of a sound [List] file, with the places at which it can be
// changed. It is changed once: the places are those of the text as it was. All
// changes may fail with [ErrLayout].
type Text struct {
	bytes []byte
	lines []int // where each line begins, and the end of the text

	colon *token.Token // behind the list's name
	list  *ast.SequenceNode
}

func newText(text []byte, doc *document) *Text {
	t := &Text{bytes: text, lines: []int{0}}
	if bytes.HasPrefix(text, []byte(byteOrderMark)) {
		t.lines[0] = len(byteOrderMark) // which is no column
	}
	for i, c := range text {
		if c == '\n' && i+1 < len(text) {
			t.lines = append(t.lines, i+1)
		}
	}
	t.lines = append(t.lines, len(text))
	pairs, _ := pairsOf(doc.root) // a sound file has the list and nothing else
	t.colon, t.list = pairs[0].Start, pairs[0].Value.(*ast.SequenceNode)
	return t
}

// offset is where a position is in the text. The column counts characters.
func (t *Text) offset(p *token.Position) (int, bool) {
	if p == nil || p.Line < 1 || p.Line >= len(t.lines) {
		return 0, false
	}
	at, end := t.lines[p.Line-1], t.lines[p.Line]
	column := 1
	for i := range string(t.bytes[at:end]) {
		if column == p.Column {
			return at + i, true
		}
		column++
	}
	return 0, false
}

// find is offset for a position at which word must stand.
func (t *Text) find(p *token.Position, word string) (int, bool) {
	at, ok := t.offset(p)
	return at, ok && bytes.HasPrefix(t.bytes[at:], []byte(word))
}

func (t *Text) splice(from, to int, text string) {
	t.bytes = slices.Replace(slices.Clone(t.bytes), from, to, []byte(text)...)
}

// insertLines puts lines behind the first n, with the line ends that the file has.
func (t *Text) insertLines(n int, lines ...string) {
	end := "\n"
	if bytes.Contains(t.bytes[:t.lines[1]], []byte("\r\n")) {
		end = "\r\n"
	}
	at := t.lines[n]
	text := strings.Join(lines, end) + end
	if at > 0 && t.bytes[at-1] != '\n' {
		text = end + text
	}
	t.splice(at, at, text)
}

// isRemark says that the n-th line is blank or a comment.
func (t *Text) isRemark(n int) bool {
	line := bytes.TrimSpace(t.bytes[t.lines[n-1]:t.lines[n]])
	return len(line) == 0 || line[0] == '#'
}
