package token

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
)

// parser reads the tree of one tokens file and collects its faults.
type parser struct {
	file   string
	faults []*Fault
}

// parse returns the tokens of a file that has no fault, or all of its faults.
func parse(file string, text []byte) ([]definition, error) {
	root, fault := parseTree(file, text)
	if fault != nil {
		return nil, fault
	}
	p := &parser{file: file}
	tokens := p.tokens(root)
	if err := joinFaults(p.faults); err != nil {
		return nil, err
	}
	return tokens, nil
}

func (p *parser) fault(at ast.Node, key, format string, args ...any) {
	line, column := position(at)
	p.faults = append(p.faults, &Fault{File: p.file, Line: line, Column: column, Key: key, Problem: fmt.Sprintf(format, args...)})
}

func (p *parser) tokens(root ast.Node) []definition {
	fields := p.fields(root, "", "tokens")
	if len(fields) == 0 {
		return nil // which was a fault
	}
	items, _ := p.items(fields[0].value, "tokens")
	tokens := make([]definition, 0, len(items))
	names, sums := make(map[string]int), make(map[sum]int) // on which lines
	for i, item := range items {
		path := fmt.Sprintf("tokens[%d]", i)
		d, at := p.token(item, path)
		if node := at["name"]; node != nil {
			line, _ := position(node)
			if first, twice := names[d.name]; twice {
				p.fault(node, path+".name", "is already the name of the token on line %d", first)
			} else {
				names[d.name] = line
			}
		}
		if node := at["sha256"]; node != nil {
			line, _ := position(node)
			if first, twice := sums[d.sum]; twice {
				p.fault(node, path+".sha256", "is the token on line %d again; make one for each bearer", first)
			} else {
				sums[d.sum] = line
			}
		}
		tokens = append(tokens, d)
	}
	return tokens
}

// token returns the nodes of the values that can be used beside them.
func (p *parser) token(node ast.Node, path string) (d definition, usable map[string]ast.Node) {
	fields := p.fields(node, path, "name", "role", "sha256", "expires")
	given, usable := make(map[string]bool), make(map[string]ast.Node)
	for _, f := range fields {
		given[f.name] = true
		ok := p.text(f, path+"."+f.name, func(text string) (err error) {
			switch f.name {
			case "name":
				d.name, err = text, checkName(text)
			case "role":
				d.role, err = ParseRole(text)
			case "sha256":
				d.sum, err = parseSum(text)
			case "expires":
				d.expires, err = parseExpiry(text)
			}
			return err
		})
		if ok {
			usable[f.name] = f.value
		}
	}
	if len(fields) == 0 {
		return d, nil
	}
	for _, name := range []string{"name", "role", "sha256"} {
		if !given[name] {
			p.fault(fields[0].key, path+"."+name, "is missing")
		}
	}
	return d, usable
}
