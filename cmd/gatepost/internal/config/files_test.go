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
func writePair(t *testing.T, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
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

func TestCheckFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	writePair(t, "cert.pem", "key.pem")
	writePair(t, "other-cert.pem", "other-key.pem")
	for name, mode := range map[string]os.FileMode{"open.yaml": 0o644, "keys.yaml": 0o600} {
		if err := os.WriteFile(name, []byte("keys: []\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
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
			[]string{"holds no PEM certificate"}},
		{"open keys", []string{"--callers.keys-file=open.yaml"}, []string{`callers.keys_file: "open.yaml" has mode 0644 and holds secrets: run chmod 600 on it`}},
		{"directory for keys", []string{"--callers.keys-file=trail"}, []string{`"trail" is a directory`}},
		{"missing tokens", []string{"--admin.tokens-file=/absent/tokens.yaml"}, []string{`admin.tokens_file: "/absent/tokens.yaml": no such file`}},
		{"file for the log", []string{"--audit.dir=keys.yaml"}, []string{"is not a directory"}},
		{"trail", []string{"--correlate.source=trail-files", "--correlate.trail-dir=trail"}, nil},
		{"with faults of other kinds", []string{"--callers.keys-file=open.yaml", "--cache.ttl=1h", "--audit.dir="},
			[]string{"audit.dir: is empty", "cache.ttl: 1h is outside", "chmod 600"}},
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
