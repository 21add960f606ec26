package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
)

// writePair makes a certificate and its key as PEM files.
func writePair(t *testing.T, cert, key string, validFor time.Duration) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(validFor)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: der},
		key:  {Type: "PRIVATE KEY", Bytes: pkcs8},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCheckFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	writePair(t, "cert.pem", "key.pem", time.Hour)
	writePair(t, "other-cert.pem", "other-key.pem", time.Hour)
	writePair(t, "old-cert.pem", "old-key.pem", -time.Hour)
	cert, key := readFile(t, "cert.pem"), readFile(t, "key.pem")
	for name, file := range map[string]struct {
		mode os.FileMode
		text string
	}{
		"open.yaml":    {0o644, "keys: []\n"},
		"keys.yaml":    {0o600, "keys: []\n"},
		"open-key.pem": {0o644, key},
		"cut.pem":      {0o600, cert + cert[:100]},
		"faulty.yaml": {0o600, "keys:\n  - id: AKIAIOSFODNN7EXAMPLE\n    secret: 0123456789012345678901234567890123456789x\n" +
			"    allow: [{operations: [\"*\"], regions: [eu-west-1]}]\n"},
	} {
		if err := os.WriteFile(name, []byte(file.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, file.mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("trail", 0o700); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		flags  []string
		faults []string // a part of each, in order
	}{
		{"defaults", nil, nil},
		{"keys to be made", []string{"--callers.keys-file=later.yaml"}, nil},
		{"pair", []string{"--proxy.tls.cert-file=cert.pem", "--proxy.tls.key-file=key.pem", "--proxy.tls.client-ca-file=cert.pem"}, nil},
		{"missing pair", []string{"--proxy.tls.cert-file=no.pem", "--proxy.tls.key-file=nokey.pem"},
			[]string{`proxy.tls.cert_file: "no.pem" in "/`, `proxy.tls.key_file: "nokey.pem" in "/`}},
		{"mixed pair", []string{"--proxy.tls.cert-file=cert.pem", "--proxy.tls.key-file=other-key.pem"}, []string{"are no pair"}},
		{"authorities without any", []string{"--proxy.tls.cert-file=cert.pem", "--proxy.tls.key-file=key.pem", "--proxy.tls.client-ca-file=keys.yaml"},
			[]string{"proxy.tls.client_ca_file: keys.yaml: holds no certificate in PEM form"}},
		{"expired pair", []string{"--proxy.tls.cert-file=old-cert.pem", "--proxy.tls.key-file=old-key.pem"}, []string{"proxy.tls.cert_file: old-cert.pem: the certificate expired at "}},
		{"TLS key that all may read", []string{"--proxy.tls.cert-file=cert.pem", "--proxy.tls.key-file=open-key.pem"}, []string{"proxy.tls.key_file: open-key.pem: has mode 0644, "}},
		{"half an authority behind another", []string{"--proxy.tls.cert-file=cert.pem", "--proxy.tls.key-file=key.pem", "--proxy.tls.client-ca-file=cut.pem"},
			[]string{"proxy.tls.client_ca_file: cut.pem: is damaged or only half written"}},
		{"no key, and missing files", []string{"--proxy.tls.cert-file=no.pem", "--proxy.tls.client-ca-file=noca.pem"},
			[]string{`proxy.tls.cert_file: "no.pem" in "/`, "proxy.tls.key_file: is missing", `proxy.tls.client_ca_file: "noca.pem" in "/`}},
		{"one missing file for both", []string{"--proxy.tls.cert-file=no.pem", "--proxy.tls.key-file=no.pem"}, []string{`proxy.tls.cert_file: "no.pem" in "/`}},
		{"keys with faults", []string{"--callers.keys-file=faulty.yaml"},
			[]string{"callers.keys_file: faulty.yaml:2:5: keys[0].principal: is missing", "faulty.yaml:2:9: keys[0].id: this is an access key id of AWS",
				`faulty.yaml:4:43: keys[0].allow[0].regions[0]: region "eu-west-1" is not served`}},
		{"keys with faults beside no regions", []string{"--callers.keys-file=faulty.yaml", "--upstream.regions="},
			[]string{"faulty.yaml:2:5: keys[0].principal: is missing", "faulty.yaml:2:9: keys[0].id: this is an access key id of AWS", "upstream.regions: is empty"}},
		{"tokens with a fault", []string{"--admin.tokens-file=keys.yaml"}, []string{`admin.tokens_file: keys.yaml:1:1: unknown key "keys"`}},
		{"open keys", []string{"--callers.keys-file=open.yaml"}, []string{"callers.keys_file: open.yaml: has mode 0644, and holds secrets that only its owner may read; run: chmod 600 open.yaml"}},
		{"directory for keys", []string{"--callers.keys-file=trail"}, []string{"callers.keys_file: trail: is not a regular file"}},
		{"missing tokens", []string{"--admin.tokens-file=/absent/tokens.yaml"}, []string{`admin.tokens_file: "/absent/tokens.yaml": no such file`}},
		{"file for the log", []string{"--audit.dir=keys.yaml"}, []string{"is not a directory"}},
		{"copies of checkpoints", []string{"--audit.checkpoint-copies=stdout,file:trail/checkpoint,command:/bin/sh -c true"}, nil},
		{"copies of checkpoints to nowhere", []string{"--audit.checkpoint-copies=file:/absent/checkpoint,command:/absent/witness"},
			[]string{`audit.checkpoint_copies: "/absent": no such file`, `audit.checkpoint_copies: "/absent/witness": no such file`}},
		{"trail", []string{"--correlate.source=trail-files", "--correlate.trail-dir=trail"}, nil},
		{"with faults of other kinds", []string{"--callers.keys-file=open.yaml", "--cache.ttl=1h", "--audit.dir="},
			[]string{"audit.dir: is empty", "cache.ttl: 1h is outside", "chmod 600"}},
		{"no keys of a trail", []string{"--correlate.source=trail-files", "--correlate.trail-dir=.", "--correlate.trail-keys=none"}, []string{`correlate.trail_keys: "none" in`}},
		{"no trail", []string{"--correlate.source=trail-files", "--correlate.trail-dir=none"}, []string{`correlate.trail_dir: "none" in`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := config.Load(config.Sources{Flags: flags(t, tt.flags...), CheckFiles: true})
			if len(tt.faults) == 0 {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			faults, ok := errors.AsType[config.Faults](err)
			if !ok || len(faults) != len(tt.faults) {
				t.Fatalf("error %v, want %d faults", err, len(tt.faults))
			}
			for i := range faults {
				if !strings.Contains(faults[i].Error(), tt.faults[i]) {
					t.Errorf("fault %q, want one with %q", faults[i], tt.faults[i])
				}
				if !strings.HasPrefix(faults[i].Error(), "flag --") {
					t.Errorf("fault %q does not name the flag", faults[i])
				}
			}
		})
	}
}
