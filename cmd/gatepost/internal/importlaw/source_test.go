package importlaw

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What no source file of the program may import or name, and why. There is no
// list of exceptions.
var (
	bannedImports = map[string]string{
		"C":              "the program is built without cgo",
		"expvar":         "it publishes on the default mux by being imported",
		"math/rand":      "ids, nonces and jitter come from crypto/rand or math/rand/v2",
		"net/http/pprof": "it publishes on the default mux by being imported",
		"unsafe":         "memory safety is part of what is promised",
	}
	bannedNames = map[string]string{
		"InsecureSkipVerify": "TLS is verified, with no way round it",
	}
)

// TestSource reads every file itself, so go test runs this package again, and
// TestImports with it, whenever one has changed.
func TestSource(t *testing.T) {
	root := filepath.Dir(strings.TrimSpace(string(run(t, "go", "env", "GOMOD"))))
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		files++
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		for _, fault := range faults(t, rel, src) {
			t.Error(fault)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatalf("no source files under %s", root)
	}
}

// faults names what is banned in one file, with its position.
func faults(t *testing.T, name string, src []byte) []string {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if why, banned := bannedImports[path]; banned {
			found = append(found, fset.Position(spec.Pos()).String()+": imports "+path+": "+why)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if ident, ok := n.(*ast.Ident); ok {
			if why, banned := bannedNames[ident.Name]; banned {
				found = append(found, fset.Position(ident.Pos()).String()+": "+ident.Name+": "+why)
			}
		}
		return true
	})
	return found
}

func TestFaults(t *testing.T) {
	tests := []struct {
		name, src string
		want      []string // beginnings
	}{
		{"clean", "package p\nimport \"math/rand/v2\"\n// InsecureSkipVerify is not for us.\nvar _ = rand.N(3)\n", nil},
		{"renamed import", "package p\nimport r \"math/rand\"\nvar _ = r.Int()\n", []string{"p.go:2:8: imports math/rand: "}},
		{"blank import", "package p\nimport (\n\t_ \"net/http/pprof\"\n\t_ \"unsafe\"\n)\n", []string{"p.go:3:2: imports net/http/pprof: ", "p.go:4:2: imports unsafe: "}},
		{"literal", "package p\nimport \"crypto/tls\"\nvar c = tls.Config{InsecureSkipVerify: true}\n", []string{"p.go:3:20: InsecureSkipVerify: "}},
		{"assignment", "package p\nimport \"crypto/tls\"\nfunc f(c *tls.Config) { c.InsecureSkipVerify = true }\n", []string{"p.go:3:27: InsecureSkipVerify: "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := faults(t, "p.go", []byte(tt.src))
			if !slices.EqualFunc(got, tt.want, strings.HasPrefix) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
