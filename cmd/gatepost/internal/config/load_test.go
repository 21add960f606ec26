package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// write puts text into a configuration file and makes its directory the
// working directory, so that faults name it plainly.
func write(t *testing.T, text string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("gatepost.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "gatepost.yaml"
}

func flags(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return fs
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
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

func TestNothingGivenIsTheDefault(t *testing.T) {
	loaded, err := config.Load(config.Sources{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default(), loaded.Config); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if loaded.File != "" {
		t.Errorf("File = %q", loaded.File)
	}
}

func TestDocumentedDefaults(t *testing.T) {
	loaded, err := config.Load(config.Sources{File: "testdata/defaults.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	emptied := loaded.Config
	// An empty list in the file and no list at all are the same setting.
	if len(emptied.Audit.CheckpointCopies) == 0 {
		emptied.Audit.CheckpointCopies = nil
	}
	if len(emptied.Proxy.PublicNames) == 0 {
		emptied.Proxy.PublicNames = nil
	}
	if len(emptied.Correlate.KnownDirect) == 0 {
		emptied.Correlate.KnownDirect = nil
	}
	if diff := cmp.Diff(config.Default(), emptied); diff != "" {
		t.Errorf("the documented defaults differ from Default (-want +got):\n%s", diff)
	}
	for _, name := range keyNames() {
		if loaded.Origin(name).Source != config.FromFile {
			t.Errorf("testdata/defaults.yaml leaves out %s", name)
		}
	}
}

// keyNames lists every key by walking Config, without the package's help.
func keyNames() []string {
	var names []string
	var walk func(reflect.Type, string)
	walk = func(typ reflect.Type, prefix string) {
		for f := range typ.Fields() {
			name := prefix + f.Tag.Get("yaml")
			if f.Type.Kind() == reflect.Struct {
				walk(f.Type, name+".")
				continue
			}
			names = append(names, name)
		}
	}
	walk(reflect.TypeFor[config.Config](), "")
	return names
}

// field returns the value of the dotted key in c.
func field(t *testing.T, c config.Config, name string) any {
	t.Helper()
	v := reflect.ValueOf(c)
	for part := range strings.SplitSeq(name, ".") {
		i := slices.IndexFunc(reflect.VisibleFields(v.Type()), func(f reflect.StructField) bool {
			return f.Tag.Get("yaml") == part
		})
		if i < 0 {
			t.Fatalf("no field for %s", name)
		}
		v = v.Field(i)
	}
	return v.Interface()
}

// sample is a lawful value of a key that is not its default.
type sample struct {
	file    string // as written in YAML; text when empty
	text    string // as written in a variable or after a flag
	want    any
	context []string // what else must be set, as flags
}

var samples = map[string]sample{
	"proxy.listen":                       {text: "127.0.0.2:81", want: "127.0.0.2:81"},
	"proxy.public_names":                 {file: "[a.example, b.example:8443]", text: "a.example,b.example:8443", want: []string{"a.example", "b.example:8443"}},
	"proxy.tls.cert_file":                {text: "tls/cert.pem", want: "tls/cert.pem", context: []string{"--proxy.tls.key-file=k"}},
	"proxy.tls.key_file":                 {text: "tls/key.pem", want: "tls/key.pem", context: []string{"--proxy.tls.cert-file=c"}},
	"proxy.tls.client_ca_file":           {text: "ca.pem", want: "ca.pem", context: []string{"--proxy.tls.cert-file=c", "--proxy.tls.key-file=k"}},
	"proxy.insecure_plaintext":           {text: "true", want: true},
	"proxy.max_connections":              {text: "12", want: 12},
	"proxy.header_timeout":               {text: "1500ms", want: 1500 * time.Millisecond},
	"proxy.request_timeout":              {text: "1m", want: time.Minute},
	"proxy.idle_timeout":                 {text: "10s", want: 10 * time.Second},
	"admin.listen":                       {text: "localhost:0", want: "localhost:0"},
	"admin.public_names":                 {file: "[a.example, b.example]", text: "a.example,b.example", want: []string{"a.example", "b.example"}},
	"admin.tokens_file":                  {text: "tokens.yaml", want: "tokens.yaml"},
	"callers.keys_file":                  {text: "/etc/gatepost/keys.yaml", want: "/etc/gatepost/keys.yaml"},
	"callers.clock_skew":                 {text: "15m", want: 15 * time.Minute},
	"upstream.regions":                   {file: "[us-gov-west-1, eusc-de-east-1]", text: "us-gov-west-1, eusc-de-east-1", want: []string{"us-gov-west-1", "eusc-de-east-1"}},
	"upstream.endpoint":                  {text: "https://vpce-1.outposts.{region}.vpce.amazonaws.com", want: "https://vpce-1.outposts.{region}.vpce.amazonaws.com"},
	"upstream.fips":                      {text: "true", want: true},
	"upstream.profile":                   {text: "outposts", want: "outposts"},
	"upstream.assume_role.role_arn":      {text: "arn:aws:iam::123456789012:role/gatepost", want: "arn:aws:iam::123456789012:role/gatepost"},
	"upstream.assume_role.per_principal": {text: "true", want: true, context: []string{"--upstream.assume-role.role-arn=arn:aws:iam::123456789012:role/gatepost"}},
	"upstream.timeout":                   {text: "2s", want: 2 * time.Second},
	"upstream.max_in_flight":             {text: "1", want: 1},
	"cache.ttl":                          {text: "0s", want: time.Duration(0)},
	"cache.max_bytes":                    {text: "1GB", want: int64(1_000_000_000)},
	"cache.scope":                        {text: "upstream", want: "upstream"},
	"audit.dir":                          {text: "/var/lib/gatepost/audit", want: "/var/lib/gatepost/audit"},
	"audit.commit_timeout":               {text: "1s", want: time.Second},
	"audit.segment_bytes":                {text: "1048576", want: int64(1 << 20)},
	"audit.checkpoint_interval":          {text: "10s", want: 10 * time.Second},
	"audit.checkpoint_copies":            {file: "[stdout, 'command:/usr/local/bin/witness --log fra1']", text: "stdout,command:/usr/local/bin/witness --log fra1", want: []string{"stdout", "command:/usr/local/bin/witness --log fra1"}},
	"audit.origin":                       {text: "gatepost/fra1", want: "gatepost/fra1"},
	"audit.index":                        {text: "sqlite", want: "sqlite"},
	"audit.reserve":                      {text: "1.5GiB", want: int64(3 << 29)},
	"correlate.source":                   {text: "off", want: "off"},
	"correlate.endpoint":                 {text: "http://127.0.0.1:9000", want: "http://127.0.0.1:9000"},
	"correlate.trail_dir":                {text: "trail", want: "trail"},
	"correlate.trail_keys":               {text: "trail-keys", want: "trail-keys"},
	"correlate.poll_interval":            {text: "5m", want: 5 * time.Minute},
	"correlate.lookups_per_second":       {text: "0.5", want: 0.5},
	"correlate.late_after":               {text: "30m", want: 30 * time.Minute},
	"correlate.settle_after":             {text: "7d", want: 7 * 24 * time.Hour},
	"correlate.known_direct": {
		text: `[{principal_arn: "arn:aws:sts::123456789012:assumed-role/installer/*", source_ip: 192.0.2.0/24}, {user_agent: "oct/*"}]`,
		want: []config.KnownDirect{
			{PrincipalARN: "arn:aws:sts::123456789012:assumed-role/installer/*", SourceIP: "192.0.2.0/24"},
			{UserAgent: "oct/*"},
		},
	},
	"log.level":  {text: "debug", want: "debug"},
	"log.format": {text: "json", want: "json"},
}

// nested writes one key as a YAML document.
func nested(name, value string) string {
	var b strings.Builder
	for depth, part := range strings.Split(name, ".") {
		if depth > 0 {
			b.WriteString("\n" + strings.Repeat("  ", depth))
		}
		b.WriteString(part + ":")
	}
	return b.String() + " " + value + "\n"
}

func TestEveryKeyFromEverySource(t *testing.T) {
	for _, name := range keyNames() {
		t.Run(name, func(t *testing.T) {
			s, ok := samples[name]
			if !ok {
				t.Fatalf("no sample for %s: add one", name)
			}
			if s.file == "" {
				s.file = s.text
			}
			variable := "GATEPOST_" + strings.ToUpper(strings.ReplaceAll(name, ".", "_"))
			option := "--" + strings.ReplaceAll(name, "_", "-")
			sources := map[config.Source]config.Sources{
				config.FromFile:        {File: write(t, nested(name, s.file)), Flags: flags(t, s.context...)},
				config.FromEnvironment: {Env: []string{variable + "=" + s.text}, Flags: flags(t, s.context...)},
				config.FromFlag:        {Flags: flags(t, append([]string{option + "=" + s.text}, s.context...)...)},
			}
			for source, from := range sources {
				loaded, err := config.Load(from)
				if err != nil {
					t.Errorf("source %d: %v", source, err)
					continue
				}
				if diff := cmp.Diff(s.want, field(t, loaded.Config, name)); diff != "" {
					t.Errorf("source %d (-want +got):\n%s", source, diff)
				}
				if got := loaded.Origin(name).Source; got != source {
					t.Errorf("origin is source %d, want %d", got, source)
				}
			}
		})
	}
	for name := range samples {
		if !slices.Contains(keyNames(), name) {
			t.Errorf("sample for %s, which is no key", name)
		}
	}
}

func TestPrecedence(t *testing.T) {
	file := write(t, "proxy:\n  listen: 127.0.0.1:1\n  idle_timeout: 1m\n  header_timeout: 1s\nupstream:\n  regions: [us-east-1, us-east-2]\n")
	loaded, err := config.Load(config.Sources{
		File:  file,
		Env:   []string{"GATEPOST_PROXY_LISTEN=127.0.0.1:2", "GATEPOST_PROXY_IDLE_TIMEOUT=2m", "GATEPOST_UPSTREAM_REGIONS=eu-west-1", "GATEPOST_TEST_REQUIRE=all", "PATH=/bin"},
		Flags: flags(t, "--proxy.listen", "127.0.0.1:3"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Proxy.Listen = "127.0.0.1:3"
	want.Proxy.IdleTimeout = 2 * time.Minute
	want.Proxy.HeaderTimeout = time.Second
	want.Upstream.Regions = []string{"eu-west-1"}
	if diff := cmp.Diff(want, loaded.Config); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for key, want := range map[string]string{
		"proxy.listen":         "flag --proxy.listen",
		"proxy.idle_timeout":   "environment GATEPOST_PROXY_IDLE_TIMEOUT",
		"proxy.header_timeout": "gatepost.yaml:4:19",
		"admin.listen":         "default",
	} {
		if got := loaded.Origin(key).String(); got != want {
			t.Errorf("origin of %s = %q, want %q", key, got, want)
		}
	}
}

func TestFileNamedByTheEnvironment(t *testing.T) {
	file := write(t, "log: {level: debug}\n")
	loaded, err := config.Load(config.Sources{Env: []string{"GATEPOST_CONFIG=" + file}})
	if err != nil {
		t.Fatal(err)
	}
	if loaded.File != file || loaded.Config.Log.Level != "debug" {
		t.Errorf("File = %q, level = %q", loaded.File, loaded.Config.Log.Level)
	}
	_, err = config.Load(config.Sources{Env: []string{"GATEPOST_CONFIG=missing.yaml"}})
	if err == nil || err.Error() != `environment GATEPOST_CONFIG: "missing.yaml": no such file` {
		t.Errorf("missing file: %v", err)
	}
	_, err = config.Load(config.Sources{File: "absent.yaml"})
	if err == nil || err.Error() != "absent.yaml: no such file" {
		t.Errorf("absent file: %v", err)
	}
}

func TestSpellingsOfFlags(t *testing.T) {
	for _, name := range []string{"--audit.commit-timeout", "--audit.commit_timeout", "--audit-commit-timeout"} {
		loaded, err := config.Load(config.Sources{Flags: flags(t, name, "10ms")})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := loaded.Config.Audit.CommitTimeout; got != 10*time.Millisecond {
			t.Errorf("%s = %v", name, got)
		}
	}
	loaded, err := config.Load(config.Sources{Flags: flags(t,
		"--upstream.fips", "--upstream.regions=us-east-1,us-east-2", "--upstream.regions", "us-west-1",
		"--correlate.known-direct", "{user_agent: a/1}", "--correlate.known-direct", "[{source_ip: 192.0.2.1}]")})
	if err != nil {
		t.Fatal(err)
	}
	if !loaded.Config.Upstream.FIPS {
		t.Error("a boolean flag without a value is not true")
	}
	if diff := cmp.Diff([]string{"us-east-1", "us-east-2", "us-west-1"}, loaded.Config.Upstream.Regions); diff != "" {
		t.Errorf("regions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]config.KnownDirect{{UserAgent: "a/1"}, {SourceIP: "192.0.2.1"}}, loaded.Config.Correlate.KnownDirect); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestEveryFaultAtOnce(t *testing.T) {
	text, err := os.ReadFile("testdata/faults.yaml")
	if err != nil {
		t.Fatal(err)
	}
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	file := write(t, string(text))
	_, err = config.Load(config.Sources{
		File: file,
		Env: []string{
			"GATEPOST_PROXY_LISTNE=x", "GATEPOST_NONSENSE=1", "GATEPOST_UPSTREAM_TIMEOUT=10",
			"GATEPOST_AUDIT_RESERVE=1XB", "GATEPOST_UPSTREAM_FIPS=1",
		},
		Flags: flags(t, "--callers.clock-skew=1h", "--cache.ttl=", "--log.level=loud"),
	})
	if err == nil {
		t.Fatal("no fault was found")
	}
	t.Chdir(home)
	golden(t, "faults.golden", err.Error()+"\n")
	faults, ok := errors.AsType[config.Faults](err)
	if !ok {
		t.Fatalf("error is %T", err)
	}
	place := regexp.MustCompile(`^(gatepost\.yaml:[0-9]+:[0-9]+|environment GATEPOST_[A-Z_]+|flag --[a-z.-]+): `)
	for _, f := range faults {
		if !place.MatchString(f.Error()) {
			t.Errorf("fault does not begin with its place: %s", f)
		}
	}
	if first, ok := errors.AsType[*config.Fault](err); !ok || first != faults[0] {
		t.Error("a fault cannot be found by errors.AsType")
	}
}

func TestExampleConfiguration(t *testing.T) {
	const example = "../../../../deploy/gatepost.example.yaml"
	if _, err := config.Load(config.Sources{File: example}); err != nil {
		t.Error(err)
	}
}
