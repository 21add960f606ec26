package livefile

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Add puts an item at the end of the file. lines are its lines, the first with the
// dash, without the list's indentation.
func (t *Text) Add(lines ...string) error {
	if !t.list.IsFlowStyle {
		t.insertLines(len(t.lines)-1, indented(t.list.Entries[0].Start.Position.Column, lines)...)
		return nil
	}
	from, ok1 := t.find(t.colon.Position, ":")
	to, ok2 := t.find(t.list.End.Position, "]")
	if !ok1 || !ok2 || to < from || strings.TrimSpace(string(t.bytes[from+1:to])) != "[" {
		return ErrLayout // it has items, or a comment that would be lost
	}
	t.insertLines(len(t.lines)-1, indented(3, lines)...)
	t.splice(from+1, to+1, "")
	return nil
}

// Remove takes out the lines from the item's dash to the last that is neither blank
// nor a comment before the next item.
func (t *Text) Remove(item int) error {
	if t.list.IsFlowStyle {
		return ErrLayout
	}
	first, end := t.list.Entries[item].Start.Position.Line, len(t.lines)
	if item+1 < len(t.list.Entries) {
		end = t.list.Entries[item+1].Start.Position.Line
	}
	if first < 1 || end <= first || end > len(t.lines) {
		return ErrLayout
	}
	for end > first+1 && t.isRemark(end-1) {
		end--
	}
	from, to := t.lines[first-1], t.lines[end-1]
	if len(t.list.Entries) > 1 {
		t.splice(from, to, "")
		return nil
	}
	at, ok := t.find(t.colon.Position, ":")
	if !ok || at >= from {
		return ErrLayout
	}
	t.splice(from, to, "")
	t.splice(at+1, at+1, " []")
	return nil
}

// Set gives a field of an item a word for its value, in the place of the word that
// is there, or in a field of its own beside the field next, which is there.
func (t *Text) Set(item int, field, word, next string) error {
	var beside *ast.MappingValueNode
	pairs, _ := pairsOf(t.list.Values[item])
	for _, pair := range pairs {
		switch pair.Key.GetToken().Value {
		case field:
			old := pair.Value.GetToken()
			at, ok := t.find(old.Position, old.Value)
			if !ok {
				return ErrLayout
			}
			t.splice(at, at+len(old.Value), word)
			return nil
		case next:
			beside = pair
		}
	}
	if beside == nil {
		return ErrLayout
	}
	if m, ok := t.list.Values[item].(*ast.MappingNode); ok && m.IsFlowStyle {
		at, ok := t.offset(beside.Key.GetToken().Position)
		if !ok {
			return ErrLayout
		}
		t.splice(at, at, fmt.Sprintf("%s: %s, ", field, word))
		return nil
	}
	line := beside.Value.GetToken().Position.Line
	if line >= len(t.lines) {
		return ErrLayout
	}
	t.insertLines(line, indented(beside.Key.GetToken().Position.Column, []string{field + ": " + word})...)
	return nil
}

// indented are lines that begin at a column.
func indented(column int, lines []string) []string {
	indent := strings.Repeat(" ", column-1)
	moved := make([]string, len(lines))
	for i, line := range lines {
		moved[i] = indent + line
	}
	return moved
}
