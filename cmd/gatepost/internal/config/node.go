package config

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// mapping returns the members of node, or what is wrong with it.
func mapping(node ast.Node) (members []*ast.MappingValueNode, problem string) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, ""
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, ""
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		return nil, "anchors, aliases and tags are not read here: write the value out"
	default:
		return nil, "is not a mapping of keys to values"
	}
}

// keyText returns the text of a mapping's key.
func keyText(node ast.MapKeyNode) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return n.GetToken().Value, true
	default:
		return "", false
	}
}

// scalarText returns a scalar as it is written, or what is wrong with node.
func scalarText(node ast.Node) (text, problem string) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, ""
	case *ast.LiteralNode:
		return strings.TrimSuffix(n.Value.Value, "\n"), ""
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, ""
	case *ast.NullNode:
		return "", `has no value: write one ("" for none), or remove the key for its default`
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		return "", "anchors, aliases and tags are not read here: write the value out"
	case *ast.SequenceNode:
		return "", "is a list where one value belongs: write the value without [ ] and -"
	default:
		return "", "is not a single value"
	}
}
