package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
)

// gatepost runs the command line args with the environment env.
func gatepost(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, env, strings.NewReader(""), &out, &errs)
	return out.String(), errs.String(), code
}

// checkGolden compares got with testdata/name.
func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *updateGolden {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got), accept with -update:\n%s", path, diff)
	}
}

func TestWrongUsage(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		stderr string // a part of it
	}{
		{"unknown command", []string{"sevre"}, `unknown command "sevre": did you mean "gatepost serve"?`},
		{"unknown command without a likeness", []string{"xyzzy"}, `unknown command "xyzzy": the commands are`},
		{"unknown subcommand", []string{"keys", "lits"}, `did you mean "gatepost keys list"?`},
		{"help of an unknown command", []string{"help", "sevre"}, `did you mean "gatepost serve"?`},
		{"help of an unknown subcommand", []string{"help", "keys", "lits"}, `did you mean "gatepost keys list"?`},
		{"unknown shell", []string{"completion", "bsh"}, `did you mean "gatepost completion bash"?`},
		{"unknown flag", []string{"audit", "query", "--pricipal", "x"}, `unknown flag "--pricipal": did you mean --principal?`},
		{"flag of a section", []string{"config", "check", "--listen", "x"}, `did you mean --proxy.listen?`},
		{"unknown short flag", []string{"audit", "tail", "-z"}, `unknown flag "-z"`},
		{"flag without its value", []string{"audit", "tail", "-n"}, "flag needs an argument"},
		{"choice", []string{"audit", "query", "--decision", "maybe"}, "use allow, deny"},
		{"moment", []string{"audit", "query", "--since", "yesterday"}, "neither a time nor a duration"},
		{"period", []string{"audit", "query", "--since", "2026-01-02", "--until", "2026-01-01", "-d", "testdata/log"}, "is not before --until"},
		{"negative limit", []string{"audit", "query", "--limit=-1"}, "write a positive number"},
		{"negative lines", []string{"audit", "tail", "-n=-1"}, "write 0 or a positive number"},
		{"no trail", []string{"audit", "reconcile", "-d", "testdata/log"}, "say where CloudTrail's log files are: name directories or files of them"},
		{"unexpected argument", []string{"version", "please"}, `unexpected argument "please"`},
		{"missing event", []string{"audit", "show"}, "missing argument: the id of an event"},
		{"malformed event", []string{"audit", "show", "a b"}, `"a b" is neither an id nor a position in the log`},
		{"two events", []string{"audit", "show", "1", "2"}, `unexpected argument "2"`},
		{"two logs", []string{"audit", "tail", "-d", "a", "-c", "b"}, "both name the log"},
		{"no log", []string{"audit", "tail", "-d", "nowhere"}, `there is no log directory "nowhere" in "/`},
		{"a file for a log", []string{"audit", "tail", "-d", "main.go"}, `"main.go" is not a directory`},
		{"a log by a faulty configuration", []string{"audit", "tail", "-c", "main.go"}, "1 fault in the configuration"},
		{"no principal", []string{"keys", "new"}, "name the caller"},
		{"expired", []string{"keys", "new", "--principal", "p", "--expires", "2020-01-01"}, "is in the past"},
		{"operation", []string{"keys", "new", "--principal", "p", "--allow", "GetConection"}, `did you mean GetConnection?`},
		{"endpoint", []string{"keys", "new", "--principal", "p", "--endpoint-url", "gatepost:8080"}, "with its scheme"},
		{"region", []string{"keys", "new", "--principal", "p", "--region", "Oregon"}, "form of a region"},
		{"profile", []string{"keys", "new", "--principal", "p", "--profile", "a]"}, "--profile"},
		{"no keys file", []string{"keys", "list", "-f", "nowhere.yaml"}, `there is no keys file "nowhere.yaml"`},
		{"no key", []string{"keys", "disable"}, "missing argument: the id of a key"},
		{"control characters", []string{"\x1b[31mred"}, `unknown command "\x1b[31mred"`},
		{"control characters in a flag", []string{"audit", "tail", "-d", "\x1b[2J\u202e"}, `\u202e`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, code := gatepost(t, nil, tt.args...)
			if code != exitUsage {
				t.Errorf("exit status %d, want %d", code, exitUsage)
			}
			if stdout != "" {
				t.Errorf("stdout: %q", stdout)
			}
			if !strings.Contains(stderr, tt.stderr) {
				t.Errorf("stderr %q, want a part %q", stderr, tt.stderr)
			}
			checkPrintable(t, stderr)
		})
	}
}

// checkPrintable reports text that a terminal would act upon.
func checkPrintable(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028') {
			t.Errorf("output holds %q: %q", r, text)
			return
		}
	}
}

func TestHelpOfEveryCommand(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		stdout, stderr, code := gatepost(t, nil, args...)
		switch {
		case code != exitDone || stderr != "":
			t.Errorf("%v: exit status %d, stderr %q", args, code, stderr)
		case !strings.Contains(stdout, "Usage:\n  "+cmd.CommandPath()):
			t.Errorf("%v: no usage in %q", args, stdout)
		case !cmd.HasSubCommands() && !strings.Contains(stdout, "Examples:\n") && cmd.Parent().Name() != "completion":
			t.Errorf("%v: no examples", args)
		}
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(newRootCommand(&program{stdin: strings.NewReader(""), stdout: t.Output(), stderr: t.Output()}))
}

func TestGroupsShowTheirHelp(t *testing.T) {
	for _, args := range [][]string{nil, {"keys"}, {"audit"}, {"config"}, {"help"}, {"help", "keys"}} {
		stdout, stderr, code := gatepost(t, nil, args...)
		if code != exitDone || stderr != "" || !strings.Contains(stdout, "COMMAND [flags]") {
			t.Errorf("%v: exit status %d, stderr %q, stdout %q", args, code, stderr, stdout)
		}
	}
}

func TestHelpGroupsTheConfiguration(t *testing.T) {
	stdout, _, _ := gatepost(t, nil, "config", "check", "--help")
	last := -1
	for _, section := range []string{"Flags:", "Configuration, proxy:", "Configuration, admin:", "Configuration, callers:", "Configuration, upstream:",
		"Configuration, cache:", "Configuration, audit:", "Configuration, correlate:", "Configuration, log:"} {
		at := strings.Index(stdout, "\n"+section+"\n")
		if at <= last {
			t.Errorf("%q stands at %d, after %d:\n%s", section, at, last, stdout)
		}
		last = at
	}
}

func TestVersion(t *testing.T) {
	stdout, _, code := gatepost(t, nil, "version", "-o", "json")
	var b buildInfo
	if err := json.Unmarshal([]byte(stdout), &b); err != nil || code != exitDone {
		t.Fatalf("exit status %d, %v: %s", code, err, stdout)
	}
	if b.Version != version || !strings.HasPrefix(b.Go, "go1.") || b.Platform == "" || b.FIPS140.Module == "" {
		t.Errorf("%+v", b)
	}
	stdout, _, _ = gatepost(t, nil, "version")
	for _, want := range []string{"gatepost  " + version, b.Go, "fips 140  "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q lacks %q", stdout, want)
		}
	}
	if stdout, _, _ := gatepost(t, nil, "--version"); stdout != "gatepost "+version+"\n" {
		t.Errorf("--version: %q", stdout)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if stdout, _, code := gatepost(t, nil, "completion", shell); code != exitDone || !strings.Contains(stdout, "gatepost") {
			t.Errorf("%s: exit status %d", shell, code)
		}
	}
	tests := []struct {
		args []string
		want []string // each offered, in a line of its own
	}{
		{[]string{"ke"}, []string{"keys"}},
		{[]string{"help", "audit", ""}, []string{"query", "tail"}},
		{[]string{"audit", "query", "--cache", ""}, []string{"hit", "coalesced"}},
		{[]string{"audit", "tail", "--operation", "Get"}, []string{"GetConnection"}},
		{[]string{"config", "check", "--cache.scope", ""}, []string{"principal", "upstream"}},
		{[]string{"keys", "new", "--allow", "GetConnection,Start"}, []string{"GetConnection,StartConnection"}},
		{[]string{"version", "--output", ""}, []string{"text", "json"}},
	}
	for _, tt := range tests {
		stdout, _, _ := gatepost(t, nil, append([]string{"__completeNoDesc"}, tt.args...)...)
		for _, want := range tt.want {
			if !strings.Contains("\n"+stdout, "\n"+want+"\n") {
				t.Errorf("%q offers %q, not %q", tt.args, stdout, want)
			}
		}
	}
}

func TestConfigCheck(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, stderr, code := gatepost(t, nil, "config", "check"); code != exitDone || !strings.HasPrefix(stderr, `warning: default: callers.keys_file: "keys.yaml" is not there yet`) {
		t.Errorf("without a keys file: exit status %d, %q", code, stderr)
	}
	if err := os.WriteFile("keys.yaml", []byte("keys: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const file = "proxy:\n  listen: :8080\n  insecure_plaintext: true\n"
	if err := os.WriteFile("gatepost.yaml", []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := gatepost(t, []string{"GATEPOST_CACHE_TTL=5m"}, "config", "check", "--config", "gatepost.yaml", "--log-level", "debug")
	if code != exitDone {
		t.Fatalf("exit status %d: %s", code, stderr)
	}
	for _, want := range []string{"  listen: \":8080\"  # gatepost.yaml:2:11\n", "  ttl: 5m  # environment GATEPOST_CACHE_TTL\n", "  level: debug  # flag --log.level\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("stdout lacks %q:\n%s", want, stdout)
		}
	}
	for _, want := range []string{"warning: gatepost.yaml:2:11: proxy.listen: is every address", "gatepost.yaml: no faults\n"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("stderr lacks %q:\n%s", want, stderr)
		}
	}
	if _, stderr, code := gatepost(t, nil, "config", "check"); code != exitDone || stderr != "no file was read: no faults\n" {
		t.Errorf("without a file: exit status %d, %q", code, stderr)
	}

	stdout, stderr, code = gatepost(t, []string{"GATEPOST_CACHE_TTL=1h", "GATEPOST_CONFIG=gatepost.yaml"}, "config", "check",
		"--proxy.insecure-plaintext=false", "--proxy.tls.cert-file=no.pem", "--proxy.tls.key-file=no.key")
	if code != exitUsage || stdout != "" {
		t.Errorf("exit status %d, stdout %q", code, stdout)
	}
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	want := []string{
		"environment GATEPOST_CACHE_TTL: cache.ttl: 1h is outside 0s to 15m",
		"flag --proxy.tls.cert-file: proxy.tls.cert_file: \"no.pem\" in ",
		"flag --proxy.tls.key-file: proxy.tls.key_file: \"no.key\" in ",
		"gatepost: 3 faults in the configuration",
	}
	if len(lines) != len(want) {
		t.Fatalf("stderr:\n%s", stderr)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("line %q, want %q…", lines[i], want[i])
		}
	}
}

func TestReport(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		code   int
		stderr string
	}{
		{"nothing", nil, exitDone, ""},
		{"plain", errors.New("it broke"), exitUsage, "gatepost: it broke\n"},
		{"no", answerNo("there is none"), exitNo, "gatepost: there is none\n"},
		{"start", &exitError{exitStart, errors.New("no port")}, exitStart, "gatepost: no port\n"},
		{"usage", misuse("bad %s", "flag"), exitUsage, "gatepost: bad flag\nRun 'gatepost --help' for usage.\n"},
		{"terminal", errors.New("a\x1b[2Jb\nc\u202ed"), exitUsage, "gatepost: a\\u001b[2Jb\nc\\u202ed\n"},
		{"one fault", config.Faults{{Key: "k", Problem: "is odd"}}, exitUsage, "default: k: is odd\ngatepost: 1 fault in the configuration\n"},
		{"interrupted", fmt.Errorf("wait: %w", context.Canceled), exitNo, "gatepost: interrupted\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stderr strings.Builder
			p := &program{stderr: &stderr}
			if code := p.report(&cobra.Command{Use: "gatepost"}, tt.err); code != tt.code {
				t.Errorf("exit status %d, want %d", code, tt.code)
			}
			if diff := cmp.Diff(tt.stderr, stderr.String()); diff != "" {
				t.Errorf("stderr (-want +got):\n%s", diff)
			}
		})
	}
}
