// Package deploy_test holds the files of this folder to the binary they deploy.
package deploy_test

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// gatepost builds the command.
func gatepost(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "gatepost")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../cmd/gatepost").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// run returns what the command prints, and its exit status. The environment of
// the test is kept from it: it would be configuration.
func run(t *testing.T, name string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	var out, diagnostics bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		status = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return out.String(), diagnostics.String(), status
}

// settings flattens a configuration to its keys, each with its value.
func settings(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var sections map[string]any
	if err := yaml.Unmarshal(text, &sections); err != nil {
		t.Fatal(err)
	}
	flat := make(map[string]any)
	var add func(prefix string, section map[string]any)
	add = func(prefix string, section map[string]any) {
		for name, value := range section {
			if below, ok := value.(map[string]any); ok {
				add(prefix+name+".", below)
				continue
			}
			flat[prefix+name] = value
		}
	}
	add("", sections)
	return flat
}

func TestExamples(t *testing.T) {
	binary := gatepost(t)
	t.Run("gatepost.yaml", func(t *testing.T) { testConfiguration(t, binary) })
	t.Run("keys.yaml", func(t *testing.T) { testKeys(t, binary) })
}

// testConfiguration: every key is shown, and has its default but for two paths.
func testConfiguration(t *testing.T, binary string) {
	const example = "gatepost.example.yaml"
	effective, stderr, status := run(t, binary, "config", "check", "--config", example)
	if status != 0 {
		t.Fatalf("config check: exit status %d\n%s", status, stderr)
	}
	defaults, stderr, status := run(t, binary, "config", "check")
	if status != 0 {
		t.Fatalf("config check without a file: exit status %d\n%s", status, stderr)
	}

	want := settings(t, []byte(defaults))
	want["callers.keys_file"] = "/etc/gatepost/keys.yaml"
	want["audit.dir"] = "/var/lib/gatepost/audit"
	if diff := cmp.Diff(want, settings(t, []byte(effective))); diff != "" {
		t.Errorf("settings (-default +example):\n%s", diff)
	}

	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	shown := settings(t, text)
	for key := range maps.Keys(want) {
		if _, ok := shown[key]; !ok {
			t.Errorf("%s does not show %s", example, key)
		}
	}
}

// testKeys: the placeholders are refused, and they alone.
func testKeys(t *testing.T, binary string) {
	text, err := os.ReadFile("keys.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	list := func(content []byte) (string, string, int) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "keys.yaml")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return run(t, binary, "keys", "list", "--file", file)
	}

	_, stderr, status := list(text)
	if status == 0 {
		t.Error("published secrets are accepted")
	}
	if n, want := strings.Count(stderr, "secret"), bytes.Count(text, []byte("secret: ")); n < want {
		t.Errorf("%d secrets are refused, want %d, and nothing else:\n%s", n, want, stderr)
	}

	secret := []byte(strings.Repeat("s3cr3t", 7))
	stdout, stderr, status := list(bytes.ReplaceAll(text, []byte(`"<40 or more characters>"`), secret))
	if status != 0 {
		t.Fatalf("with real secrets: exit status %d\n%s", status, stderr)
	}
	for _, principal := range []string{"installer-fra1", "inventory", "old-tooling"} {
		if !strings.Contains(stdout, principal) {
			t.Errorf("keys list does not show %s:\n%s", principal, stdout)
		}
	}
}

func TestUnit(t *testing.T) {
	const analyze = "systemd-analyze"
	if _, err := exec.LookPath(analyze); err != nil {
		if os.Getenv("GATEPOST_TEST_REQUIRE") == "all" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	text, err := os.ReadFile("gatepost.service")
	if err != nil {
		t.Fatal(err)
	}
	const installed = "ExecStart=/usr/local/bin/gatepost "
	if !bytes.Contains(text, []byte(installed)) {
		t.Fatalf("the unit has no %s", installed)
	}
	unit := filepath.Join(t.TempDir(), "gatepost.service")
	if err := os.WriteFile(unit, bytes.Replace(text, []byte(installed), []byte("ExecStart=/bin/true "), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if stdout, stderr, status := run(t, analyze, "verify", "--man=no", unit); status != 0 || stdout+stderr != "" {
		t.Errorf("verify: exit status %d\n%s%s", status, stdout, stderr)
	}
	// The threshold is in tenths: 1.2 of 10, where 10 is an unconfined service.
	if stdout, stderr, status := run(t, analyze, "security", "--offline=true", "--threshold=12", unit); status != 0 {
		t.Errorf("security: exit status %d\n%s%s", status, stdout, stderr)
	}
}
