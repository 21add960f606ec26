package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
)

func TestRules(t *testing.T) {
	const pair = "--proxy.tls.cert-file=c --proxy.tls.key-file=k "
	tests := []struct {
		name  string
		flags string // separated by spaces
		fault string // a part of the only fault; empty when lawful
	}{
		{"IPv6 loopback in plaintext", "--proxy.listen=[::1]:8080", ""},
		{"localhost in plaintext", "--proxy.listen=localhost:8080", ""},
		{"any free port", "--proxy.listen=127.0.0.1:0 --admin.listen=127.0.0.1:0", ""},
		{"mapped loopback", "--proxy.listen=[::ffff:127.0.0.1]:8080", ""},
		{"plaintext beyond loopback", "--proxy.listen=192.0.2.1:8080", "is not loopback and has no TLS"},
		{"plaintext on every address", "--proxy.listen=:8080", "is not loopback and has no TLS"},
		{"plaintext on a name", "--proxy.listen=gatepost.example:8080", "is not loopback and has no TLS"},
		{"plaintext allowed", "--proxy.listen=:8080 --proxy.insecure-plaintext", ""},
		{"TLS beyond loopback", "--proxy.listen=:8443 " + pair, ""},
		{"certificate alone", "--proxy.tls.cert-file=c", "proxy.tls.key_file: is missing"},
		{"key alone", "--proxy.tls.key-file=k", "proxy.tls.cert_file: is missing"},
		{"client authorities without TLS", "--proxy.tls.client-ca-file=ca", "needs TLS"},
		{"address without port", "--proxy.listen=127.0.0.1", "is not an address"},
		{"port too large", "--proxy.listen=127.0.0.1:65536", "has no port"},
		{"service name for a port", "--proxy.listen=127.0.0.1:http", "has no port"},
		{"address with a space", "--admin.listen=\x00a b:80", "control character"},
		{"public names", "--proxy.public-names=a.example,[2001:db8::1]:8443,192.0.2.1,localhost:8080", ""},
		{"public name with a path", "--proxy.public-names=a.example/x", "more than a host"},
		{"public name without a host", "--proxy.public-names=:8080", "is not a host"},
		{"empty public name", "--proxy.public-names=a,,b", "empty name"},
		{"admin name with a path", "--admin.public-names=a.example/x", "admin.public_names: \"a.example/x\" is more than a host"},
		{"admin beyond loopback", "--admin.listen=0.0.0.0:9090", "admin.tokens_file: is missing"},
		{"admin beyond loopback with tokens", "--admin.listen=0.0.0.0:9090 --admin.tokens-file=t", ""},
		{"admin on the proxy's address", "--admin.listen=127.0.0.1:8080", "collides"},
		{"admin on the proxy's port elsewhere", "--admin.listen=127.0.0.2:8080", ""},
		{"admin on the proxy's port by another name", "--admin.listen=localhost:8080", "collides"},
		{"admin within every address", "--proxy.listen=:9090 " + pair, "collides"},
		{"admin without an address", "--admin.listen=9090", "admin.listen: \"9090\" is not an address"},
		{"too many connections", "--proxy.max-connections=1000001", "outside 1 to 1000000"},
		{"fractional connections", "--proxy.max-connections=1.5", "is not a whole number"},
		{"address of a strange host", "--proxy.listen=a_:80", "no host name or IP address"},
		{"public name with a strange port", "--proxy.public-names=a:http", "has no port from 1"},
		{"endpoint with a strange port", "--upstream.endpoint=https://a.example:0", "has no port from 1"},
		{"skew too small", "--callers.clock-skew=500ms", "outside 1s to 15m"},
		{"skew too large", "--callers.clock-skew=16m", "outside 1s to 15m"},
		{"no regions", "--upstream.regions=", "is empty"},
		{"isolated region", "--upstream.regions=us-isob-east-1,cn-north-1", ""},
		{"availability zone for a region", "--upstream.regions=us-west-2a", "form of a region"},
		{"endpoint", "--upstream.endpoint=https://outposts.{region}.example:444/", ""},
		{"simulator", "--upstream.endpoint=http://[::1]:4566", ""},
		{"endpoint in plaintext", "--upstream.endpoint=http://outposts.example", "plaintext"},
		{"endpoint with a path", "--upstream.endpoint=https://a.example/prefix", "more than a scheme and a host"},
		{"endpoint with a query", "--upstream.endpoint=https://a.example?x=1", "more than a scheme and a host"},
		{"endpoint without a scheme", "--upstream.endpoint=a.example", "does not begin with https://"},
		{"endpoint without a host", "--upstream.endpoint=https://", "names no host"},
		{"endpoint with another placeholder", "--upstream.endpoint=https://{zone}.example", "not an address"},
		{"endpoint of another scheme", "--correlate.endpoint=file:///etc/passwd", "does not begin with https://"},
		{"FIPS", "--upstream.fips", ""},
		{"FIPS with an endpoint", "--upstream.fips --upstream.endpoint=https://a.example", "no effect"},
		{"role", "--upstream.assume-role.role-arn=arn:aws-us-gov:iam::123456789012:role/team/gatepost", ""},
		{"user for a role", "--upstream.assume-role.role-arn=arn:aws:iam::123456789012:user/x", "not the ARN of a role"},
		{"a role each without a role", "--upstream.assume-role.per-principal", "needs upstream.assume_role.role_arn"},
		{"upstream slower than the request", "--upstream.timeout=30s", "not shorter than proxy.request_timeout"},
		{"cache off", "--cache.ttl=0s", ""},
		{"cache too long", "--cache.ttl=15m1s", "outside 0s to 15m"},
		{"negative cache", "--cache.ttl=-1s", "outside 0s to 15m"},
		{"cache too small", "--cache.max-bytes=1000", "outside 1MiB to 1TiB"},
		{"no log directory", "--audit.dir=", "is empty"},
		{"endless commits", "--audit.commit-timeout=0", "outside 1ms to 30s"},
		{"copies of checkpoints", "--audit.checkpoint-copies=stdout,file:elsewhere/checkpoint,command:/usr/bin/witness", ""},
		{"copy of an unknown kind", "--audit.checkpoint-copies=stdout,s3://bucket", `"s3://bucket" is not known`},
		{"copy without a file", "--audit.checkpoint-copies=file:", "names no file"},
		{"copy to a directory", "--audit.checkpoint-copies=file:/mnt/", "names no file"},
		{"copy without a command", "--audit.checkpoint-copies=command:", "names no command"},
		{"copy to a command without its path", "--audit.checkpoint-copies=command:witness", "by its full path"},
		{"copy that is given twice", "--audit.checkpoint-copies=stdout,stdout", "given twice"},
		{"origin with a plus", "--audit.origin=a+b", "cannot name a log"},
		{"no reserve", "--audit.reserve=0", "outside 1MiB to 1TiB"},
		{"trail files", "--correlate.source=trail-files --correlate.trail-dir=t", ""},
		{"trail files from nowhere", "--correlate.source=trail-files", "correlate.trail_dir: is missing"},
		{"lookups faster than AWS", "--correlate.lookups-per-second=2.5", "at most 2"},
		{"lookups of a simulator", "--correlate.lookups-per-second=50 --correlate.endpoint=http://127.0.0.1:1", ""},
		{"no lookups", "--correlate.lookups-per-second=0", "source: off"},
		{"lookups not a number", "--correlate.lookups-per-second=NaN", "is not a number"},
		{"late before settled", "--correlate.late-after=2h", "not longer than correlate.late_after"},
		{"settled past what AWS keeps", "--correlate.settle-after=91d", "outside 1s to 90d"},
		{"late before the next look", "--correlate.late-after=30s", "shorter than correlate.poll_interval"},
		{"a rule for an address", "--correlate.known-direct={source_ip:\u00a02001:db8::/32}", ""},
		{"a rule for everyone", "--correlate.known-direct={}", "would match every call"},
		{"a rule for every tool", `--correlate.known-direct={"user_agent":"**"}`, "matches every call"},
		{"a rule for no principal", `--correlate.known-direct={"principal_arn":"root"}`, "not the ARN of a principal"},
		{"a rule for no address", `--correlate.known-direct={"source_ip":"192.0.2.300"}`, "neither an address nor a prefix"},
		{"a rule with an unknown member", `--correlate.known-direct={"colour":"red"}`, "known_direct[0].colour: is not a key"},
		{"rules that are text", "--correlate.known-direct=anything", "is not a list of rules"},
		{"rules that are not YAML", "--correlate.known-direct=[{", "is not valid YAML"},
		{"level", "--log.level=trace", "use debug, info, warn or error"},
		{"invalid UTF-8", "--upstream.profile=a\xff", "is not UTF-8"},
		{"direction override", "--upstream.profile=a\u202eb", "control character"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var args []string
			for arg := range strings.SplitSeq(tt.flags, " ") {
				if arg != "" {
					args = append(args, strings.ReplaceAll(arg, "\u00a0", " "))
				}
			}
			_, err := config.Load(config.Sources{Flags: flags(t, args...)})
			if tt.fault == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			faults, ok := errors.AsType[config.Faults](err)
			if !ok {
				t.Fatalf("error is %v, want a fault with %q", err, tt.fault)
			}
			if len(faults) != 1 || !strings.Contains(faults[0].Error(), tt.fault) {
				t.Errorf("faults:\n%v\nwant one with %q", faults, tt.fault)
			}
			for _, r := range faults.Error() {
				if r < ' ' && r != '\n' || r == '\u202e' {
					t.Errorf("fault holds %q", r)
				}
			}
		})
	}
}

func TestFaultsOfTheFile(t *testing.T) {
	tests := []struct {
		name, text, fault string
	}{
		{"empty", "", ""},
		{"comments alone", "# nothing\n", ""},
		{"a section without members", "proxy:\n  # listen: 127.0.0.1:1\n", ""},
		{"one document marked", "---\nlog: {level: warn}\n", ""},
		{"a number for text", "upstream: {profile: 12}\n", ""},
		{"a block scalar", "audit:\n  origin: |\n    gatepost/fra1\n", ""},
		{"two documents", "log: {level: warn}\n---\nlog: {level: info}\n", "a second YAML document"},
		{"a list", "- proxy\n", "write sections such as proxy: and admin:"},
		{"text", "hello\n", "write sections such as proxy: and admin:"},
		{"not YAML", "proxy: [\n", "is not valid YAML"},
		{"a NUL byte", "proxy:\x00\n", "NUL byte"},
		{"a tab for indentation", "proxy:\n\tlisten: a:1\n", "is not valid YAML"},
		{"an anchor", "proxy: &p\n  listen: 127.0.0.1:1\n", "anchors, aliases and tags are not read"},
		{"a merge", "proxy:\n  <<: {listen: 127.0.0.1:1}\n", "not plain text"},
		{"a tag", "proxy:\n  listen: !!str 127.0.0.1:1\n", "anchors, aliases and tags are not read"},
		{"a complex key", "? {listen: 1}\n: 2\n", "is not valid YAML"},
		{"a key in its long form", "proxy:\n  ? listen\n", "not plain text"},
		{"a number for a key", "1: 2\n", "is not a section"},
		{"an alias for a list", "upstream:\n  regions: *r\n", "is not a list"},
		{"a sequence for a rule", "correlate:\n  known_direct: [[a]]\n", "known_direct[0]: is not a mapping"},
		{"a key with a dash", "proxy:\n  header-timeout: 5s\n", "did you mean proxy.header_timeout?"},
		{"a dotted key", "proxy.listen: 127.0.0.1:1\n", "write listen below proxy:"},
		{"a key of another section", "proxy:\n  regions: [us-west-2]\n", "did you mean upstream.regions?"},
		{"text for a list", "upstream:\n  regions: us-west-2\n", "is not a list"},
		{"an item without a value", "upstream:\n  regions: [us-west-2, ]\nproxy:\n  public_names:\n  -\n", "has no value"},
		{"a mapping for a value", "proxy:\n  listen: {host: a}\n", "is not a single value"},
		{"yes for true", "upstream: {fips: yes}\n", "neither true nor false"},
		{"a rule that is text", "correlate:\n  known_direct: [root]\n", "known_direct[0]: is not a mapping"},
		{"a rule's member twice", "correlate:\n  known_direct: [{user_agent: a, user_agent: b}]\n", "is given twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := config.Load(config.Sources{File: write(t, tt.text)})
			switch {
			case tt.fault == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)):
				t.Errorf("error %v, want one with %q", err, tt.fault)
			case tt.fault != "" && !strings.HasPrefix(err.Error(), "gatepost.yaml"):
				t.Errorf("error %v does not name the file first", err)
			case tt.fault != "" && strings.Contains(err.Error(), "\n"):
				t.Errorf("more than one fault:\n%v", err)
			}
		})
	}
}

func TestFileTooLarge(t *testing.T) {
	_, err := config.Load(config.Sources{File: write(t, strings.Repeat("# log line\n", 1<<17))})
	if err == nil || !strings.Contains(err.Error(), "is this the right file?") {
		t.Errorf("error %v", err)
	}
	_, err = config.Load(config.Sources{File: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("error for a directory: %v", err)
	}
}
