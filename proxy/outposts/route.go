package outposts

import "strings"

// node is a place in the tree of path templates. A place has either literal
// segments below it or one label, never both.
type node struct {
	literals   map[string]*node
	label      *node
	operations map[string]*Operation // by method, for a path that ends here
}

var (
	routes = newRoutes(operations)

	getConnection   = routes.find("GET", "/connections/x")
	startConnection = routes.find("POST", "/connections")
)

func newRoutes(table []Operation) *node {
	root := new(node)
	for i := range table {
		o := &table[i]
		n := root
		for segment := range strings.SplitSeq(o.Template[1:], "/") {
			n = n.grow(segment)
		}
		if n.operations == nil {
			n.operations = make(map[string]*Operation)
		}
		n.operations[o.Method] = o
	}
	return root
}

func (n *node) grow(segment string) *node {
	if segment[0] == '{' {
		if n.label == nil {
			n.label = new(node)
		}
		return n.label
	}
	child, ok := n.literals[segment]
	if !ok {
		if n.literals == nil {
			n.literals = make(map[string]*node)
		}
		child = new(node)
		n.literals[segment] = child
	}
	return child
}

// find returns the operation of a canonical path, nil if there is none.
func (n *node) find(method, path string) *Operation {
	for segment := range strings.SplitSeq(path[1:], "/") {
		if child, ok := n.literals[segment]; ok {
			n = child
		} else if n = n.label; n == nil {
			return nil
		}
	}
	return n.operations[method]
}
