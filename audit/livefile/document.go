package livefile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
)

// document is a YAML file, with the faults found in it so far.
type document struct {
	file   string
	list   string // the one key of its mapping
	faults []*Fault
	root   ast.Node
}

const byteOrderMark = "\ufeff"

// parseDocument reads the only document of a file.
func parseDocument(file, list string, text []byte) (doc *document, fault *Fault) {
	defer func() {
		// The file may have been written by anyone who may edit it; a defect of
		// the parser must not stop a process that runs on what it has.
		if recover() != nil {
			doc, fault = nil, &Fault{File: file, Problem: "is not YAML that can be read"}
		}
	}()
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	// The parser counts a CRLF behind a comment as two lines.
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	tokens := lexer.Tokenize(string(text))
	if problem, at := excess(tokens); problem != "" {
		return nil, &Fault{File: file, Line: at.Line, Column: at.Column, Problem: problem}
	}
	tree, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxFault(file, err)
	}
	docs := slices.DeleteFunc(tree.Docs, func(d *ast.DocumentNode) bool { return d.Body == nil })
	switch len(docs) {
	case 0:
		return nil, &Fault{File: file, Problem: fmt.Sprintf("is empty; write `%s: []` for no %[1]s", list)}
	case 1:
		return &document{file: file, list: list, root: docs[0].Body}, nil
	}
	line, column := position(docs[1].Body)
	return nil, &Fault{File: file, Line: line, Column: column, Problem: "is a second document; a " + list + " file has one"}
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
