package token

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// emptyFile is what a file is made from.
const emptyFile = "# The tokens of gatepost's admin listener, as SHA-256. `gatepost tokens --help` tells more.\ntokens: []\n"

// source is the text of a sound tokens file, with the places at which it can be
// changed. A source is changed once: the places are those of the text as it was.
type source struct {
	text   []byte
	lines  []int // where each line begins, and the end of the text
	tokens []definition

	colon *token.Token // of `tokens:`
	list  *ast.SequenceNode
}

// parseSource refuses a file that has a fault.
func parseSource(file string, text []byte) (*source, error) {
	tokens, err := parse(file, text)
	if err != nil {
		return nil, err
	}
	root, fault := parseTree(file, text)
	if fault != nil {
		return nil, fault
	}
	s := &source{text: text, lines: []int{0}, tokens: tokens}
	for i, c := range text {
		if c == '\n' && i+1 < len(text) {
			s.lines = append(s.lines, i+1)
		}
	}
	s.lines = append(s.lines, len(text))
	pairs, _ := pairsOf(root) // a sound file has `tokens`, a list, and nothing else
	s.colon, s.list = pairs[0].Start, pairs[0].Value.(*ast.SequenceNode)
	return s, nil
}

func (s *source) find(name string) (int, error) {
	i := slices.IndexFunc(s.tokens, func(d definition) bool { return d.name == name })
	if i < 0 {
		return 0, ErrNoToken
	}
	return i, nil
}

// remove takes out the lines from the token's dash to the last that is neither
// blank nor a comment before the next token.
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
	if len(s.tokens) > 1 {
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

// add puts a token at the end of the file.
func (s *source) add(d *definition) error {
	indent := "  "
	switch {
	case !s.list.IsFlowStyle:
		indent = strings.Repeat(" ", s.list.Entries[0].Start.Position.Column-1)
		s.append(indent + d.line())
	case len(s.tokens) > 0:
		return errLayout
	default:
		from, ok1 := s.offset(s.colon.Position)
		to, ok2 := s.offset(s.list.End.Position)
		if !ok1 || !ok2 || s.text[from] != ':' || s.text[to] != ']' || strings.TrimSpace(string(s.text[from+1:to])) != "[" {
			return errLayout // or a comment between the brackets would be lost
		}
		s.append(indent + d.line())
		s.splice(from+1, to+1, "")
	}
	return nil
}

// line is a token as an entry of a list.
func (d *definition) line() string {
	line := fmt.Sprintf("- {name: %s, role: %s, sha256: %q", yamlText(d.name), d.role, hex.EncodeToString(d.sum[:]))
	if !d.expires.IsZero() {
		line += ", expires: " + d.expires.Format(time.RFC3339)
	}
	return line + "}"
}

// yamlText leaves out the quotation marks around what reads as text anyway.
func yamlText(s string) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "y", "n", "null":
		return fmt.Sprintf("%q", s)
	}
	if !strings.ContainsAny(s[:1], letters) || strings.Trim(s, letters+"0123456789-_.@") != "" {
		return fmt.Sprintf("%q", s)
	}
	return s
}

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

// append adds a line, with the line end that the file has.
func (s *source) append(line string) {
	end := "\n"
	if strings.Contains(string(s.text[:s.lines[1]]), "\r\n") {
		end = "\r\n"
	}
	text := line + end
	if n := len(s.text); n > 0 && s.text[n-1] != '\n' {
		text = end + text
	}
	s.splice(len(s.text), len(s.text), text)
}

// isRemark says that a line is blank or a comment.
func isRemark(line []byte) bool {
	text := strings.TrimSpace(string(line))
	return text == "" || text[0] == '#'
}
