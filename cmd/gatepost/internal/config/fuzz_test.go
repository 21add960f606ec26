package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
)

// FuzzLoad holds that no file makes Load panic, that its faults are text fit
// for a terminal, and that what it accepts is written in a form that it reads
// back to the same configuration.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"testdata/defaults.yaml", "testdata/faults.yaml"} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, text := range []string{
		"", "---\n...\n", "proxy: &a {listen: *a}\n", "? {a: b}\n: c\n", "log: !!map {level: >-\n info}\n",
		"upstream: {profile: 'x: [y]'}\n", "correlate: {known_direct: [{user_agent: \"\\e\\u202e\"}]}\n", "proxy: {listen: '\"'}\n",
	} {
		f.Add([]byte(text))
	}
	file := filepath.Join(f.TempDir(), "gatepost.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		loaded, err := config.Load(config.Sources{File: file})
		if err != nil {
			faults, ok := errors.AsType[config.Faults](err)
			if !ok || len(faults) == 0 {
				t.Fatalf("error is %T", err)
			}
			for _, fault := range faults {
				if strings.ContainsFunc(fault.Error(), unicode.IsControl) {
					t.Fatalf("fault holds a control character: %q", fault.Error())
				}
			}
			return
		}
		var out strings.Builder
		if err := loaded.WriteYAML(&out); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := config.Load(config.Sources{File: file})
		if err != nil {
			t.Fatalf("what was written is refused: %v\n%s", err, out.String())
		}
		if diff := cmp.Diff(loaded.Config, again.Config, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("what was written reads back differently (-wrote +read):\n%s\n%s", diff, out.String())
		}
	})
}
