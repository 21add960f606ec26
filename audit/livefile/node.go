package livefile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Node is a value in a YAML file. Its methods take it for what it ought to be, and
// note a fault, with its place and path, if it is something else.
type Node struct {
	Name string // of a field

	doc  *document
	path string // as keys[0].allow
	node ast.Node
}

// Line is where it begins.
func (n Node) Line() int {
	line, _ := position(n.node)
	return line
}

// Fault notes a fault of this value.
func (n Node) Fault(format string, args ...any) {
	n.doc.fault(n.node, n.path, format, args...)
}

func (d *document) fault(at ast.Node, key, format string, args ...any) {
	line, column := position(at)
	d.faults = append(d.faults, &Fault{File: d.file, Line: line, Column: column, Key: key, Problem: fmt.Sprintf(format, args...)})
}

// Fields are those of a mapping that are known and given once. The others are
// faults, and so are those required that are missing, beside one that is there.
func (n Node) Fields(required []string, optional ...string) []Node {
	known := slices.Concat(required, optional)
	words := strings.Join(known, ", ")
	pairs, ok := pairsOf(n.node)
	if !ok {
		n.wrongKind("a mapping of " + words)
		return nil
	}
	if len(pairs) == 0 {
		n.Fault("is empty; known keys are %s", words)
	}
	var fields []Node
	keys := make(map[string]ast.Node, len(pairs))
	for _, pair := range pairs {
		name, ok := "", false
		if key, isText := pair.Key.(*ast.StringNode); isText {
			name, ok = key.Value, true
		}
		switch first := keys[name]; {
		case !ok:
			n.doc.fault(pair.Key, n.path, "has a key that is not a plain word; known are %s", words)
		case !slices.Contains(known, name):
			n.doc.fault(pair.Key, n.path, "unknown key%s; known are %s", QuoteWord(name), words)
		case first != nil:
			line, _ := position(first)
			n.doc.fault(pair.Key, n.below(name), "is already given on line %d", line)
		default:
			keys[name] = pair.Key
			fields = append(fields, Node{Name: name, doc: n.doc, path: n.below(name), node: pair.Value})
		}
	}
	for _, name := range required {
		if len(fields) > 0 && keys[name] == nil {
			n.doc.fault(keys[fields[0].Name], n.below(name), "is missing")
		}
	}
	return fields
}

func (n Node) below(name string) string { return strings.TrimPrefix(n.path+"."+name, ".") }

// Items are those of a list, and nil of anything else.
func (n Node) Items() []Node {
	list, ok := n.node.(*ast.SequenceNode)
	if !ok {
		n.wrongKind("a list")
		return nil
	}
	items := make([]Node, len(list.Values))
	for i, item := range list.Values {
		items[i] = Node{doc: n.doc, path: fmt.Sprintf("%s[%d]", n.path, i), node: item}
	}
	return items
}

// Text has take look at a text, whose error is a fault, and says whether it was
// taken. What YAML reads as a number or a truth is no text.
func (n Node) Text(take func(text string) error) bool {
	text, ok := n.node.(*ast.StringNode)
	if !ok {
		want := "text"
		switch n.node.(type) {
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
			want += "; put it in quotation marks"
		}
		n.wrongKind(want)
		return false
	}
	return n.take(text.Value, take)
}

// Digits is Text for what may look like a number, as a hash does at times.
func (n Node) Digits(take func(text string) error) bool {
	switch n.node.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return n.take(n.node.GetToken().Value, take)
	}
	return n.Text(take)
}

func (n Node) take(text string, take func(string) error) bool {
	err := take(text)
	if err != nil {
		n.Fault("%s", err.Error())
	}
	return err == nil
}

// Flag is true or false.
func (n Node) Flag() bool {
	b, ok := n.node.(*ast.BoolNode)
	if !ok {
		n.wrongKind("true or false")
		return false
	}
	return b.Value
}

// wrongKind names what stands there by its kind, never by its value.
func (n Node) wrongKind(want string) {
	switch n.node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		n.Fault("anchors, aliases and tags are not used in a %s file; write it out", n.doc.list)
	case nil, *ast.NullNode:
		n.Fault("has no value; it needs %s", want)
	default:
		n.Fault("is %s; it needs %s", strings.ToLower(n.node.Type().YAMLName()), want)
	}
}
