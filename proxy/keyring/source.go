package keyring

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// emptyFile is what a file is made from.
const emptyFile = "# The access keys of gatepost's callers; keep mode 0600. `gatepost keys --help` tells more.\nkeys: []\n"

// source is the text of a sound keys file, with the places at which it can be
// changed. A source is changed once: the places are those of the text as it was.
type source struct {
	text  []byte
	lines []int // where each line begins, and the end of the text
	keys  []definition

	colon *token.Token // of `keys:`
	list  *ast.SequenceNode
}

// parseSource refuses a file that has a fault.
func parseSource(file string, text []byte, words *vocabulary) (*source, error) {
	keys, err := parse(file, text, words)
	if err != nil {
		return nil, err
	}
	root, fault := parseTree(file, text)
	if fault != nil {
		return nil, fault
	}
	s := &source{text: text, lines: []int{0}, keys: keys}
	for i, c := range text {
		if c == '\n' && i+1 < len(text) {
			s.lines = append(s.lines, i+1)
		}
	}
	s.lines = append(s.lines, len(text))
	pair := pairsOf(root)[0] // a sound file has `keys` and nothing else
	s.colon, s.list = pair.Start, pair.Value.(*ast.SequenceNode)
	return s, nil
}

func (s *source) find(id string) (int, error) {
	i := slices.IndexFunc(s.keys, func(k definition) bool { return k.id == id })
	if i < 0 {
		return 0, ErrNoKey
	}
	return i, nil
}

// setDisabled changes the word that is there, or adds one behind the id.
func (s *source) setDisabled(i int, disabled bool) error {
	var id *ast.MappingValueNode
	for _, pair := range pairsOf(s.list.Values[i]) {
		switch pair.Key.GetToken().Value {
		case "disabled":
			word := pair.Value.GetToken()
			at, ok := s.offset(word.Position)
			if !ok || !strings.HasPrefix(string(s.text[at:]), word.Value) {
				return errLayout
			}
			s.splice(at, at+len(word.Value), fmt.Sprint(disabled))
			return nil
		case "id":
			id = pair
		}
	}
	if m, ok := s.list.Values[i].(*ast.MappingNode); ok && m.IsFlowStyle {
		at, ok := s.offset(id.Key.GetToken().Position)
		if !ok {
			return errLayout
		}
		s.splice(at, at, fmt.Sprintf("disabled: %t, ", disabled))
		return nil
	}
	line := id.Value.GetToken().Position.Line
	if line >= len(s.lines) {
		return errLayout
	}
	indent := strings.Repeat(" ", id.Key.GetToken().Position.Column-1)
	s.insertLines(line, fmt.Sprintf("%sdisabled: %t", indent, disabled))
	return nil
}

// remove takes out the lines from the key's dash to the last that is neither blank
// nor a comment before the next key.
func (s *source) remove(i int) error {
	if s.list.IsFlowStyle {
		return errLayout
	}
	first, end := s.list.Entries[i].Start.Position.Line, len(s.lines)
	if i+1 < len(s.list.Entries) {
		end = s.list.Entries[i+1].Start.Position.Line
	}
	if first < 1 || end <= first || end > len(s.lines) {
		return errLayout
	}
	for end > first+1 && isRemark(s.text[s.lines[end-2]:s.lines[end-1]]) {
		end--
	}
	from, to := s.lines[first-1], s.lines[end-1]
	if len(s.keys) > 1 {
		s.splice(from, to, "")
		return nil
	}
	at, ok := s.offset(s.colon.Position)
	if !ok || at >= from || s.text[at] != ':' {
		return errLayout
	}
	s.splice(from, to, "")
	s.splice(at+1, at+1, " []")
	return nil
}

// add puts a key at the end of the file.
func (s *source) add(k *definition) error {
	indent := "  "
	switch {
	case !s.list.IsFlowStyle:
		indent = strings.Repeat(" ", s.list.Entries[0].Start.Position.Column-1)
		s.insertLines(len(s.lines)-1, keyLines(k, indent)...)
	case len(s.keys) > 0:
		return errLayout
	default:
		from, ok1 := s.offset(s.colon.Position)
		to, ok2 := s.offset(s.list.End.Position)
		if !ok1 || !ok2 || s.text[from] != ':' || s.text[to] != ']' {
			return errLayout
		}
		s.insertLines(len(s.lines)-1, keyLines(k, indent)...)
		s.splice(from+1, to+1, "")
	}
	return nil
}

// keyLines are a key as an entry of a list that is indented by indent.
func keyLines(k *definition, indent string) []string {
	lines := []string{
		indent + "- id: " + k.id,
		indent + "  secret: " + yamlQuote(k.secret.Reveal()),
		indent + "  principal: " + yamlText(k.principal),
	}
	if !k.expires.IsZero() {
		lines = append(lines, indent+"  expires: "+k.expires.Format(time.RFC3339))
	}
	if len(k.allow) == 0 {
		return append(lines, indent+"  allow: []")
	}
	lines = append(lines, indent+"  allow:")
	for _, a := range k.allow {
		lines = append(lines, indent+"    - operations: "+yamlList(a.Operations))
		if len(a.Regions) > 0 {
			lines = append(lines, indent+"      regions: "+yamlList(a.Regions))
		}
		if len(a.Connections) > 0 {
			lines = append(lines, indent+"      connections: "+yamlList(a.Connections))
		}
	}
	return lines
}

func yamlList(texts []string) string {
	written := make([]string, len(texts))
	for i, t := range texts {
		written[i] = yamlText(t)
	}
	return "[" + strings.Join(written, ", ") + "]"
}

// yamlText leaves out the quotation marks around what reads as text anyway.
func yamlText(s string) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	if len(s) < 6 || !strings.ContainsAny(s[:1], letters) || strings.Trim(s, letters+"0123456789-") != "" {
		return yamlQuote(s) // the words that YAML takes for something else are shorter
	}
	return s
}

func yamlQuote(s string) string { return fmt.Sprintf("%q", s) }

// offset is where a position is in the text. The column counts characters.
func (s *source) offset(p *token.Position) (int, bool) {
	if p == nil || p.Line < 1 || p.Line >= len(s.lines) {
		return 0, false
	}
	at, end := s.lines[p.Line-1], s.lines[p.Line]
	column := 1
	for i := range string(s.text[at:end]) {
		if column == p.Column {
			return at + i, true
		}
		column++
	}
	return 0, false
}

func (s *source) splice(from, to int, text string) {
	s.text = slices.Replace(slices.Clone(s.text), from, to, []byte(text)...)
}

// insertLines puts lines behind the first n, with the line ends that the file has.
func (s *source) insertLines(n int, lines ...string) {
	end := "\n"
	if strings.Contains(string(s.text[:s.lines[1]]), "\r\n") {
		end = "\r\n"
	}
	at := s.lines[n]
	text := strings.Join(lines, end) + end
	if at > 0 && s.text[at-1] != '\n' {
		text = end + text
	}
	s.splice(at, at, text)
}

// isRemark says that a line is blank or a comment.
func isRemark(line []byte) bool {
	text := strings.TrimSpace(string(line))
	return text == "" || text[0] == '#'
}

func pairsOf(node ast.Node) []*ast.MappingValueNode {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}
