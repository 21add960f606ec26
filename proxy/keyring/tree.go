package keyring

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	yamlparser "github.com/goccy/go-yaml/parser"
)

// parseTree returns the only document of a file. Its fault never quotes the file,
// as the parser's own errors do: the line at fault may be that of a secret.
func parseTree(file string, text []byte) (root ast.Node, fault *Fault) {
	defer func() {
		// The file may have been written by anyone who may edit it; a defect of
		// the parser must not stop a proxy that runs on the keys it has.
		if recover() != nil {
			root, fault = nil, &Fault{File: file, Problem: "is not YAML that can be read"}
		}
	}()
	tree, err := yamlparser.ParseBytes(text, 0, yamlparser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxFault(file, err)
	}
	docs := slices.DeleteFunc(tree.Docs, func(d *ast.DocumentNode) bool { return d.Body == nil })
	switch len(docs) {
	case 0:
		return nil, &Fault{File: file, Problem: "is empty; write `keys: []` for no keys"}
	case 1:
		return docs[0].Body, nil
	}
	line, column := position(docs[1].Body)
	return nil, &Fault{File: file, Line: line, Column: column, Problem: "is a second document; a keys file has one"}
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

// field is one key of a mapping.
type field struct {
	name  string
	key   ast.Node
	value ast.Node
}

// fields are those of a mapping that are known and given once; the others, and a
// node that is no mapping, are faults. It is nil only when there is no field.
func (p *parser) fields(node ast.Node, path string, known ...string) []field {
	pairs := pairsOf(node)
	if _, empty := node.(*ast.MappingNode); len(pairs) == 0 && !empty {
		p.wrongKind(node, path, "a mapping of "+strings.Join(known, ", "))
		return nil
	}
	if len(pairs) == 0 {
		p.fault(node, path, "is empty; known keys are %s", strings.Join(known, ", "))
	}
	var fields []field
	lines := make(map[string]int, len(pairs))
	for _, pair := range pairs {
		name, ok := "", false
		if key, isText := pair.Key.(*ast.StringNode); isText {
			name, ok = key.Value, true
		}
		full := strings.TrimPrefix(path+"."+name, ".")
		switch first, twice := lines[name]; {
		case !ok:
			p.fault(pair.Key, path, "has a key that is not a plain word; known are %s", strings.Join(known, ", "))
		case !slices.Contains(known, name):
			p.fault(pair.Key, path, "unknown key%s; known are %s", quoteWord(name), strings.Join(known, ", "))
		case twice:
			p.fault(pair.Key, full, "is already given on line %d", first)
		default:
			lines[name], _ = position(pair.Key)
			fields = append(fields, field{name: name, key: pair.Key, value: pair.Value})
		}
	}
	return fields
}

func (p *parser) items(node ast.Node, path string) ([]ast.Node, bool) {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		p.wrongKind(node, path, "a list")
		return nil, false
	}
	return list.Values, true
}

func (p *parser) text(node ast.Node, path string, check func(string) error) (string, bool) {
	text, ok := node.(*ast.StringNode)
	if !ok {
		p.wrongKind(node, path, "text; put it in quotation marks")
		return "", false
	}
	if err := check(text.Value); err != nil {
		p.fault(node, path, "%s", err.Error())
		return "", false
	}
	return text.Value, true
}

func (p *parser) flag(node ast.Node, path string) bool {
	b, ok := node.(*ast.BoolNode)
	if !ok {
		p.wrongKind(node, path, "true or false")
		return false
	}
	return b.Value
}

// wrongKind names what stands there by its kind, never by its value.
func (p *parser) wrongKind(node ast.Node, path, want string) {
	switch node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		p.fault(node, path, "anchors, aliases and tags are not used in a keys file; write it out")
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

// quoteWord quotes what looks like the name of a key, mistyped, and nothing that
// could be a secret that slipped into its place.
func quoteWord(name string) string {
	if len(name) > 20 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") != "" {
		return ""
	}
	return fmt.Sprintf(" %q", name)
}
