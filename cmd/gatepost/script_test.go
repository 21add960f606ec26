package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain puts the real command on the path of every test of this package.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gatepost": main})
}

// TestScripts runs testdata/script, each script in a directory of its own
// with a copy of the sample log in log.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       *updateGolden,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			return os.CopyFS(filepath.Join(env.WorkDir, "log"), os.DirFS(filepath.Join("testdata", "log")))
		},
	})
}
