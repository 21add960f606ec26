package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/suggest"
)

const (
	variablePrefix = "GATEPOST_"
	// testPrefix is left to the project's own tests.
	testPrefix = variablePrefix + "TEST_"
	// FileVariable names the configuration file when no flag does.
	FileVariable = variablePrefix + "CONFIG"
)

// environment is gatepost's part of a process's environment.
type environment struct {
	file      string            // of FileVariable
	variables map[string]string // the others, by name
}

// newEnvironment picks gatepost's variables out of env, a list as of
// os.Environ. Of a variable given twice the last counts, as for exec.
func newEnvironment(env []string) environment {
	e := environment{variables: map[string]string{}}
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		switch {
		case !strings.HasPrefix(name, variablePrefix) || strings.HasPrefix(name, testPrefix):
		case name == FileVariable:
			e.file = value
		default:
			e.variables[name] = value
		}
	}
	return e
}

// applyEnvironment reads every variable. An unknown one is a fault: a
// mistyped GATEPOST_PROXY_TLS_CERT_FILE must not leave a listener in
// plaintext.
func (l *loader) applyEnvironment(e environment) {
	keys := map[string]key{}
	for _, k := range l.schema.keys {
		keys[k.variable()] = k
	}
	for _, name := range slices.Sorted(maps.Keys(e.variables)) {
		o := Origin{Source: FromEnvironment, Name: quoteControls(name)}
		k, ok := keys[name]
		if !ok {
			problem := "no key has this variable: unset it"
			if near := suggest.Nearest(name, slices.Sorted(maps.Keys(keys))); near != "" {
				problem = fmt.Sprintf("no key has this variable: did you mean %s?", near)
			}
			l.fault(o, "", problem)
			continue
		}
		l.assignOutside(k, o, []string{e.variables[name]})
	}
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
