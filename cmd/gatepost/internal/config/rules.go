package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// rules reads correlate.known_direct.
func (d *document) rules(sequence *ast.SequenceNode, k key) ([]KnownDirect, bool) {
	members := reflect.TypeFor[KnownDirect]()
	names := make([]string, members.NumField())
	for i := range names {
		names[i] = members.Field(i).Tag.Get("yaml")
	}
	before := len(d.faults)
	var rules []KnownDirect
	for n, item := range sequence.Values {
		at := fmt.Sprintf("%s[%d]", k.name, n)
		pairs, problem := mapping(item)
		if problem != "" {
			d.fault(d.at(item.GetToken()), at, problem+": write {principal_arn: …, source_ip: …, user_agent: …}")
			continue
		}
		rule := reflect.New(members).Elem()
		seen := map[string]bool{}
		for _, pair := range pairs {
			name, ok := keyText(pair.Key)
			i := slices.Index(names, name)
			switch {
			case !ok || i < 0:
				d.fault(d.at(pair.Key.GetToken()), at+"."+quoteControls(name), "is not a key: the keys here are "+strings.Join(names, ", "))
				continue
			case seen[name]:
				d.fault(d.at(pair.Key.GetToken()), at+"."+name, "is given twice: keep one")
				continue
			}
			seen[name] = true
			text, problem := scalarText(pair.Value)
			if problem == "" {
				if err := setScalar(rule.Field(i), text); err != nil {
					problem = err.Error()
				}
			}
			if problem != "" {
				d.fault(d.at(pair.Value.GetToken()), at+"."+name, problem)
			}
		}
		rules = append(rules, rule.Interface().(KnownDirect))
	}
	if len(d.faults) > before {
		d.broken[k.name] = true
		return nil, false
	}
	return rules, true
}

// rulesText reads rules written as YAML, a list of them or a single one.
func (d *document) rulesText(k key, text string) ([]KnownDirect, bool) {
	if strings.TrimSpace(text) == "" {
		return nil, true
	}
	before := len(d.faults)
	body := d.parse([]byte(text))
	if len(d.faults) > before {
		d.broken[k.name] = true
		return nil, false
	}
	switch n := body.(type) {
	case *ast.SequenceNode:
		return d.rules(n, k)
	case *ast.MappingNode:
		return d.rules(&ast.SequenceNode{Values: []ast.Node{n}}, k)
	case *ast.MappingValueNode:
		return d.rules(&ast.SequenceNode{Values: []ast.Node{n}}, k)
	case nil:
		return nil, true
	}
	d.fault(Origin{Source: d.source, Name: d.name}, k.name, "is not a list of rules: write [{principal_arn: …, source_ip: …, user_agent: …}]")
	d.broken[k.name] = true
	return nil, false
}
