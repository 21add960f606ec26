package keyring

import (
	"fmt"
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// parser reads the tree of one keys file and collects its faults.
type parser struct {
	file   string
	words  *vocabulary
	faults []*Fault
}

// parse returns the keys of a file that has no fault, or all of its faults.
func parse(file string, text []byte, words *vocabulary) ([]definition, error) {
	p := &parser{file: file, words: words}
	root, fault := parseTree(file, text)
	if fault != nil {
		return nil, fault
	}
	keys := p.keys(root)
	if err := joinFaults(p.faults); err != nil {
		return nil, err
	}
	return keys, nil
}

func (p *parser) fault(at ast.Node, key, format string, args ...any) {
	line, column := position(at)
	p.faults = append(p.faults, &Fault{File: p.file, Line: line, Column: column, Key: key, Problem: fmt.Sprintf(format, args...)})
}

func (p *parser) keys(root ast.Node) []definition {
	var list ast.Node
	for _, f := range p.fields(root, "", "keys") {
		list = f.value
	}
	if list == nil {
		if len(p.faults) == 0 {
			p.fault(root, "keys", "is missing; write `keys: []` for none")
		}
		return nil
	}
	items, ok := p.items(list, "keys")
	if !ok {
		return nil
	}
	keys := make([]definition, 0, len(items))
	lines := make(map[string]int, len(items)) // of the ids
	for i, item := range items {
		path := fmt.Sprintf("keys[%d]", i)
		key, idNode := p.key(item, path)
		if idNode != nil && key.id != "" {
			line, _ := position(idNode)
			if first, ok := lines[key.id]; ok {
				p.fault(idNode, path+".id", "%s is already on line %d", key.id, first)
			} else {
				lines[key.id] = line
			}
		}
		keys = append(keys, key)
	}
	return keys
}

// key returns the node of the id beside the key, and an empty id for one that
// cannot be used.
func (p *parser) key(node ast.Node, path string) (k definition, id ast.Node) {
	given := make(map[string]bool)
	fields := p.fields(node, path, "id", "secret", "principal", "expires", "disabled", "allow")
	for _, f := range fields {
		given[f.name] = true
		at := path + "." + f.name
		switch f.name {
		case "id":
			if text, ok := p.text(f.value, at, checkKeyID); ok {
				k.id, id = text, f.value
			}
		case "secret":
			if text, ok := p.text(f.value, at, checkSecret); ok {
				k.secret = newSecret(text)
			}
		case "principal":
			k.principal, _ = p.text(f.value, at, checkPrincipal)
		case "expires":
			p.text(f.value, at, func(text string) (err error) {
				k.expires, err = parseExpiry(text)
				return err
			})
		case "disabled":
			k.disabled = p.flag(f.value, at)
		case "allow":
			k.allow = p.allow(f.value, at)
		}
	}
	if fields == nil {
		return k, nil
	}
	for _, name := range []string{"id", "secret", "principal"} {
		if !given[name] {
			p.fault(fields[0].key, path+"."+name, "is missing")
		}
	}
	return k, id
}

func (p *parser) allow(node ast.Node, path string) []Allow {
	items, ok := p.items(node, path)
	if !ok {
		return nil
	}
	entries := make([]Allow, 0, len(items))
	for i, item := range items {
		path := fmt.Sprintf("%s[%d]", path, i)
		fields := p.fields(item, path, "operations", "regions", "connections")
		var a Allow
		for _, f := range fields {
			at := path + "." + f.name
			switch f.name {
			case "operations":
				a.Operations = p.texts(f.value, at, p.words.checkOperation)
			case "regions":
				a.Regions = p.texts(f.value, at, p.words.checkRegion)
			case "connections":
				a.Connections = p.texts(f.value, at, checkGlob)
			}
		}
		if fields != nil && !slices.ContainsFunc(fields, func(f field) bool { return f.name == "operations" }) {
			p.fault(fields[0].key, path+".operations", "is missing")
		}
		entries = append(entries, a)
	}
	return entries
}

// texts is a list that, when it is given, is not empty: an empty list could be
// read as none and as all.
func (p *parser) texts(node ast.Node, path string, check func(string) error) []string {
	items, ok := p.items(node, path)
	if !ok {
		return nil
	}
	if len(items) == 0 {
		p.fault(node, path, "is an empty list; name at least one")
	}
	texts := make([]string, 0, len(items))
	for i, item := range items {
		if text, ok := p.text(item, fmt.Sprintf("%s[%d]", path, i), check); ok {
			texts = append(texts, text)
		}
	}
	return texts
}
