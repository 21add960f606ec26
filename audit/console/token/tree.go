package token

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	yamlparser "github.com/goccy/go-yaml/parser"
)

// parseTree returns the only document of a file.
func parseTree(file string, text []byte) (root ast.Node, fault *Fault) {
	defer func() {
		// The file may have been written by anyone who may edit it; a defect of
		// the parser must not stop a gatepost that runs on the tokens it has.
		if recover() != nil {
			root, fault = nil, &Fault{File: file, Problem: "is not YAML that can be read"}
		}
	}()
	// The parser counts a CRLF behind a comment as two lines.
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	tree, err := yamlparser.ParseBytes(text, 0, yamlparser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxFault(file, err)
	}
	docs := slices.DeleteFunc(tree.Docs, func(d *ast.DocumentNode) bool { return d.Body == nil })
	switch len(docs) {
	case 0:
		return nil, &Fault{File: file, Problem: "is empty; write `tokens: []` for no tokens"}
	case 1:
		return docs[0].Body, nil
	}
	line, column := position(docs[1].Body)
	return nil, &Fault{File: file, Line: line, Column: column, Problem: "is a second document; a tokens file has one"}
}

func syntaxFault(file string, err error) *Fault {
	f := &Fault{File: file, Problem: "is not YAML"}
	at, ok := errors.AsType[yaml.Error](err)
	if !ok {
		return f
	}
	if token := at.GetToken(); token != nil && token.Position != nil {
		f.Line, f.Column = token.Position.Line, token.Position.Column
	}
	// The parser's messages are fixed texts, but for those that quote, always in
	// quotation marks, what stands in the file.
	if message := at.GetMessage(); !strings.Contains(message, `"`) {
		f.Problem = "is not YAML: " + message
	}
	return f
}

// pairsOf are the members of a mapping.
func pairsOf(node ast.Node) (pairs []*ast.MappingValueNode, ok bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// field is one key of a mapping.
type field struct {
	name  string
	key   ast.Node
	value ast.Node
}

// fields are those of a mapping that are known and given once; the others, and a
// node that is no mapping, are faults.
func (p *parser) fields(node ast.Node, path string, known ...string) []field {
	pairs, ok := pairsOf(node)
	if !ok {
		p.wrongKind(node, path, "a mapping of "+strings.Join(known, ", "))
		return nil
	}
	if len(pairs) == 0 {
		p.fault(node, path, "is empty")
	}
	var fields []field
	lines := make(map[string]int, len(pairs))
	for _, pair := range pairs {
		name, ok := "", false
		if key, isText := pair.Key.(*ast.StringNode); isText {
			name, ok = key.Value, true
		}
		switch first, twice := lines[name]; {
		case !ok:
			p.fault(pair.Key, path, "has a key that is not a plain word; known are %s", strings.Join(known, ", "))
		case !slices.Contains(known, name):
			p.fault(pair.Key, path, "unknown key%s; known are %s", quoteWord(name), strings.Join(known, ", "))
		case twice:
			p.fault(pair.Key, join(path, name), "is already given on line %d", first)
		default:
			lines[name], _ = position(pair.Key)
			fields = append(fields, field{name: name, key: pair.Key, value: pair.Value})
		}
	}
	return fields
}

func join(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }

func (p *parser) items(node ast.Node, path string) ([]ast.Node, bool) {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		p.wrongKind(node, path, "a list")
		return nil, false
	}
	return list.Values, true
}

// text has check look at a text. What YAML takes for a number is none, but for a
// SHA-256 whose digits happen to make one.
func (p *parser) text(f field, path string, check func(string) error) bool {
	var text string
	switch n := f.value.(type) {
	case *ast.StringNode:
		text = n.Value
	case *ast.IntegerNode, *ast.FloatNode:
		if f.name == "sha256" {
			text = n.GetToken().Value
			break
		}
		p.wrongKind(f.value, path, "text; put it in quotation marks")
		return false
	default:
		p.wrongKind(f.value, path, "text")
		return false
	}
	if err := check(text); err != nil {
		p.fault(f.value, path, "%s", err.Error())
		return false
	}
	return true
}

// wrongKind names what stands there by its kind, never by its value.
func (p *parser) wrongKind(node ast.Node, path, want string) {
	switch node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		p.fault(node, path, "anchors, aliases and tags are not used in a tokens file; write it out")
	case nil, *ast.NullNode:
		p.fault(node, path, "has no value; it needs %s", want)
	default:
		p.fault(node, path, "is %s; it needs %s", strings.ToLower(node.Type().YAMLName()), want)
	}
}

// position is where a node begins: a mapping at its first key.
func position(node ast.Node) (line, column int) {
	switch n := node.(type) {
	case nil:
		return 0, 0
	case *ast.MappingNode:
		if len(n.Values) > 0 && !n.IsFlowStyle {
			return position(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return position(n.Key)
	}
	token := node.GetToken()
	if token == nil || token.Position == nil {
		return 0, 0
	}
	return token.Position.Line, token.Position.Column
}
