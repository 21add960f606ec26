package config_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
)

func TestWriteYAML(t *testing.T) {
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	file := write(t, "proxy:\n  public_names: [gatepost.example, '[2001:db8::1]:8443', 'on']\ncorrelate:\n  known_direct: [{source_ip: 192.0.2.1, user_agent: 'say \"hi\": *'}]\n")
	loaded, err := config.Load(config.Sources{
		File:  file,
		Env:   []string{"GATEPOST_CACHE_TTL=90s", "GATEPOST_UPSTREAM_PROFILE=null"},
		Flags: flags(t, "--audit.origin", "gatepost/fra1", "--audit.dir", "./a#b", "--upstream.regions=us-east-1,us-east-2"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := loaded.WriteYAML(&out); err != nil {
		t.Fatal(err)
	}
	again, err := config.Load(config.Sources{File: write(t, out.String())})
	if err != nil {
		t.Fatalf("what was written is refused: %v\n%s", err, out.String())
	}
	if diff := cmp.Diff(loaded.Config, again.Config, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("what was written reads back differently (-wrote +read):\n%s", diff)
	}
	t.Chdir(home)
	golden(t, "effective.golden", out.String())
}

func TestWarnings(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("keys.yaml", []byte("keys: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		flags []string
		want  []string // a part of each
	}{
		{"defaults", nil, nil},
		{"every address", []string{"--proxy.listen=:8080", "--proxy.insecure-plaintext"},
			[]string{"flag --proxy.listen: proxy.listen: is every address", "flag --proxy.insecure-plaintext: proxy.insecure_plaintext: connection details"}},
		{"every address by name", []string{"--proxy.listen=:8443", "--proxy.tls.cert-file=c", "--proxy.tls.key-file=k", "--proxy.public-names=gatepost.example:8443"}, nil},
		{"admin", []string{"--admin.listen=192.0.2.1:9090", "--admin.tokens-file=t"}, []string{"speaks plain HTTP", "admin.public_names: is empty"}},
		{"admin by name", []string{"--admin.listen=192.0.2.1:9090", "--admin.tokens-file=t", "--admin.public-names=gatepost.example"}, []string{"speaks plain HTTP"}},
		{"copies of checkpoints beside the log", []string{"--audit.dir=log", "--audit.checkpoint-copies=stdout,file:log/../log/copy,file:logs/copy,file:copy"},
			[]string{"audit.checkpoint_copies: file:log/../log/copy is inside audit.dir"}},
		{"no keys yet", []string{"--callers.keys-file=none"}, []string{`flag --callers.keys-file: callers.keys_file: "none" is not there yet`}},
		{"no correlation", []string{"--correlate.source=off"}, []string{"stay unnoticed"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			loaded, err := config.Load(config.Sources{Flags: flags(t, tt.flags...)})
			if err != nil {
				t.Fatal(err)
			}
			got := loaded.Warnings()
			if len(got) != len(tt.want) {
				t.Fatalf("warnings %q, want %d", got, len(tt.want))
			}
			for i := range got {
				if !strings.Contains(got[i], tt.want[i]) {
					t.Errorf("warning %q, want one with %q", got[i], tt.want[i])
				}
			}
		})
	}
}
