package importlaw

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// graph is what imports what: this module's packages, by their path from its
// root, and all that they depend on.
type graph map[string]*node

type node struct {
	imports  []string
	ours     bool
	standard bool
}

// load asks the go command, which knows build constraints and the module graph.
func load(t *testing.T) graph {
	t.Helper()
	module := strings.TrimSpace(string(run(t, "go", "list", "-m")))
	out := run(t, "go", "list", "-deps", "-json=ImportPath,Imports,Standard,Module", module+"/...")
	g := make(graph)
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
			Standard   bool
			Module     *struct{ Main bool }
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		n := &node{ours: p.Module != nil && p.Module.Main, standard: p.Standard}
		for _, imported := range p.Imports {
			n.imports = append(n.imports, short(module, imported))
		}
		g[short(module, p.ImportPath)] = n
	}
	if g["metrics"] == nil || !g["metrics"].ours {
		t.Fatalf("go list knows no package metrics; %d others", len(g))
	}
	return g
}

func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("%s: %v\n%s", name, err, exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	return out
}

// short is a package's path from the module's root; other modules' stay whole.
func short(module, path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}

// fake makes a graph in which the paths without a dot in their first element
// are ours when they import something, and the standard library's when not.
func fake(imports map[string][]string) graph {
	g := make(graph)
	for path, imported := range imports {
		g[path] = &node{imports: imported, ours: !strings.Contains(path, ".")}
		for _, i := range imported {
			if g[i] == nil && imports[i] == nil {
				g[i] = &node{standard: !strings.Contains(i, ".")}
			}
		}
	}
	return g
}

func (g graph) matches(path string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		switch below, ok := strings.CutSuffix(pattern, "/..."); {
		case pattern == "...":
			return true
		case pattern == "std":
			return g[path] != nil && g[path].standard
		case ok:
			return path == below || strings.HasPrefix(path, below+"/")
		default:
			return path == pattern
		}
	})
}

// violation is one importer that breaks one law.
type violation struct {
	importer string
	imported string
	by       []string // the packages between the two
	law      string
}

func (v violation) breach() string {
	s := v.importer + " imports " + v.imported
	if len(v.by) > 0 {
		s += " by way of " + strings.Join(v.by, ", ")
	}
	return s
}

func (v violation) String() string { return fmt.Sprintf("%s\n\tthe law: %s", v.breach(), v.law) }

func check(g graph, laws []law) []violation {
	var found []violation
	for _, l := range laws {
		for _, importer := range slices.Sorted(maps.Keys(g)) {
			if !g[importer].ours || !g.matches(importer, l.binds) || g.matches(importer, l.except) {
				continue
			}
			for _, imported := range g[importer].imports {
				if l.only != nil && !g.matches(imported, l.only) || !l.deep && g.matches(imported, l.never) {
					found = append(found, violation{importer: importer, imported: imported, law: l.text})
				}
			}
			if l.deep {
				found = append(found, g.reach(importer, l)...)
			}
		}
	}
	return found
}

// reach looks, breadth first, for what the law's importer must not depend on,
// and tells the shortest way to it.
func (g graph) reach(importer string, l law) []violation {
	var found []violation
	from := map[string]string{importer: ""}
	for queue := []string{importer}; len(queue) > 0; queue = queue[1:] {
		n := g[queue[0]]
		if n == nil {
			continue
		}
		for _, imported := range n.imports {
			if _, seen := from[imported]; seen {
				continue
			}
			from[imported] = queue[0]
			if !g.matches(imported, l.never) {
				queue = append(queue, imported)
				continue
			}
			v := violation{importer: importer, imported: imported, law: l.text}
			for by := queue[0]; by != importer; by = from[by] {
				v.by = append([]string{by}, v.by...)
			}
			found = append(found, v)
		}
	}
	return found
}
