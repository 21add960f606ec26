package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/suggest"
)

const (
	variablePrefix = "GATEPOST_"
	// testPrefix is left to the project's own tests.
	testPrefix = variablePrefix + "TEST_"
	// FileVariable names the configuration file when no flag does.
	FileVariable = variablePrefix + "CONFIG"
	// TokenVariable holds the admin token of commands that ask a running gatepost.
	// It is no setting.
	TokenVariable = variablePrefix + "TOKEN"
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
		case !strings.HasPrefix(name, variablePrefix) || strings.HasPrefix(name, testPrefix) || name == TokenVariable:
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
