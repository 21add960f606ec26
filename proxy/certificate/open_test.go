package certificate_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/proxy/certificate"
)

func TestOpenRefuses(t *testing.T) {
	pair, other := issue(t, "server", nil, nil), issue(t, "other", nil, nil)
	ca := issue(t, "authority", nil, authority)
	set := func(path func(certificate.Files) string, text []byte) func(*testing.T, *certificate.Files) {
		return func(t *testing.T, f *certificate.Files) { overwrite(t, path(*f), text) }
	}
	cert := func(f certificate.Files) string { return f.Cert }
	key := func(f certificate.Files) string { return f.Key }
	clientCA := func(f certificate.Files) string { return f.ClientCA }
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("…")})
	legacy := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: []byte("…"),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}})
	garbage := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("no certificate")})
	chain := bundle(pair, ca)

	tests := []struct {
		name string
		make func(*testing.T, *certificate.Files)
		want []string // parts of the error
	}{
		{"no paths", func(_ *testing.T, f *certificate.Files) { *f = certificate.Files{} }, []string{"a certificate file and a key file are needed"}},
		{"no key path", func(_ *testing.T, f *certificate.Files) { f.Key = "" }, []string{"a certificate file and a key file are needed"}},
		{"no key path beside other faults", func(t *testing.T, f *certificate.Files) { f.Key = ""; os.Remove(f.Cert); overwrite(t, f.ClientCA, nil) },
			[]string{"a certificate file and a key file are needed", "tls.crt: no such file", "callers.crt: holds no certificate"}},
		{"no files", func(t *testing.T, f *certificate.Files) { os.Remove(f.Cert); os.Remove(f.Key); os.Remove(f.ClientCA) },
			[]string{"tls.crt: no such file", "tls.key: no such file", "callers.crt: no such file"}},
		{"a directory", func(_ *testing.T, f *certificate.Files) { f.Cert = filepath.Dir(f.Cert) }, []string{"is not a regular file"}},
		{"a pipe", func(t *testing.T, f *certificate.Files) {
			os.Remove(f.Key)
			if err := syscall.Mkfifo(f.Key, 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"tls.key: is not a regular file"}},
		{"too large", set(clientCA, bytes.Repeat([]byte("#\n"), 3<<20)), []string{"callers.crt: is larger than"}},
		{"a fault in each", func(t *testing.T, f *certificate.Files) {
			os.Remove(f.Cert)
			overwrite(t, f.Key, nil)
			overwrite(t, f.ClientCA, nil)
		},
			[]string{"tls.crt: no such file", "tls.key: holds no private key", "callers.crt: holds no certificate"}},
		{"empty certificate", set(cert, nil), []string{"tls.crt: holds no certificate"}},
		{"empty key", set(key, nil), []string{"tls.key: holds no private key"}},
		{"empty authorities", set(clientCA, nil), []string{"callers.crt: holds no certificate"}},
		{"key of another certificate", set(key, other.keyPEM), []string{"tls.crt: the certificate and the key in ", "tls.key are no pair", "does not match"}},
		{"certificate and key exchanged", func(t *testing.T, f *certificate.Files) { f.Cert, f.Key = f.Key, f.Cert },
			[]string{"tls.key: holds no certificate", "tls.crt: holds no private key"}},
		{"encrypted key", set(key, encrypted), []string{"tls.key: holds a private key that needs a passphrase"}},
		{"encrypted key in the old form", set(key, legacy), []string{"tls.key: holds a private key that needs a passphrase"}},
		{"garbage in PEM", set(cert, garbage), []string{"tls.crt: certificate 1 cannot be read"}},
		{"garbage behind the certificate", set(cert, append(bytes.Clone(pair.certPEM), garbage...)), []string{"tls.crt: certificate 2 cannot be read"}},
		{"garbage among authorities", set(clientCA, append(bytes.Clone(ca.certPEM), garbage...)), []string{"callers.crt: certificate 2 cannot be read"}},
		{"half a chain", set(cert, chain[:len(chain)-100]), []string{"tls.crt: is damaged or only half written"}},
		{"half a line of a chain", set(cert, chain[:len(pair.certPEM)+7]), []string{"tls.crt: is damaged or only half written"}},
		{"half a key", set(key, pair.keyPEM[:len(pair.keyPEM)/2]), []string{"tls.key: is damaged or only half written"}},
		{"half the authorities", set(clientCA, bundle(ca, other)[:len(ca.certPEM)+90]), []string{"callers.crt: is damaged or only half written"}},
		{"expired", func(t *testing.T, f *certificate.Files) {
			writePair(t, *f, issue(t, "old", nil, validUntil(time.Now().Add(-time.Minute))))
		}, []string{"tls.crt: the certificate expired at"}},
		{"not valid yet", func(t *testing.T, f *certificate.Files) {
			writePair(t, *f, issue(t, "new", nil, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }))
		}, []string{"tls.crt: the certificate is not valid before"}},
		{"authorities expired", func(t *testing.T, f *certificate.Files) {
			overwrite(t, f.ClientCA, issue(t, "old", nil, func(c *x509.Certificate) {
				authority(c)
				validUntil(time.Now().Add(-time.Minute))(c)
			}).certPEM)
		}, []string{"callers.crt: none of the authorities is valid now"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := newFiles(t, pair, ca)
			tt.make(t, &files)
			_, err := certificate.Open(files, certificate.Options{})
			if err == nil {
				t.Fatal("opened")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q has no %q", err, want)
				}
			}
		})
	}
}

func TestOpenAccepts(t *testing.T) {
	ca := issue(t, "authority", nil, authority)
	pair := issue(t, "server", ca, nil)
	old := issue(t, "old authority", nil, func(c *x509.Certificate) {
		authority(c)
		validUntil(time.Now().Add(-time.Minute))(c)
	})
	tests := []struct {
		name string
		make func(*testing.T, *certificate.Files)
	}{
		{"as they are", func(*testing.T, *certificate.Files) {}},
		{"a chain", func(t *testing.T, f *certificate.Files) { overwrite(t, f.Cert, bundle(pair, ca)) }},
		{"text around blocks", func(t *testing.T, f *certificate.Files) {
			overwrite(t, f.Cert, []byte("subject=gatepost\n"+string(pair.certPEM)+"\n# end -- \n"))
		}},
		{"line ends of Windows", func(t *testing.T, f *certificate.Files) {
			overwrite(t, f.Cert, bytes.ReplaceAll(pair.certPEM, []byte("\n"), []byte("\r\n")))
		}},
		{"one file for both", func(t *testing.T, f *certificate.Files) {
			overwrite(t, f.Key, append(bytes.Clone(pair.keyPEM), pair.certPEM...))
			f.Cert = f.Key
		}},
		{"an expired authority among others", func(t *testing.T, f *certificate.Files) { overwrite(t, f.ClientCA, bundle(old, ca)) }},
		{"symbolic links", func(t *testing.T, f *certificate.Files) {
			link := filepath.Join(t.TempDir(), "link")
			if err := os.Symlink(f.Key, link); err != nil {
				t.Fatal(err)
			}
			f.Key = link
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := newFiles(t, pair, ca)
			tt.make(t, &files)
			s := open(t, files, certificate.Options{})
			if status := s.Status(); !status.OK || status.Reason != "" || !status.NotAfter.Equal(pair.cert.NotAfter) || status.LoadedAt.IsZero() {
				t.Errorf("status %+v", status)
			}
			if _, err := handshake(t, s.Config(), presenting(issue(t, "caller", ca, caller), ca)); err != nil {
				t.Errorf("handshake: %v", err)
			}
		})
	}
}

func TestModes(t *testing.T) {
	pair, ca := issue(t, "server", nil, nil), issue(t, "authority", nil, authority)
	cert := func(f certificate.Files) string { return f.Cert }
	key := func(f certificate.Files) string { return f.Key }
	clientCA := func(f certificate.Files) string { return f.ClientCA }
	tests := []struct {
		name string
		path func(certificate.Files) string
		mode os.FileMode
		want string // part of the error; empty: accepted
	}{
		{"key for its owner", key, 0o400, ""},
		{"key for a group", key, 0o640, ""},
		{"key that all may read", key, 0o644, "run: chmod o-rwx "},
		{"key that all may write", key, 0o602, "run: chmod o-rwx "},
		{"certificate that all may read", cert, 0o644, ""},
		{"certificate that all may write", cert, 0o646, "run: chmod o-w "},
		{"authorities that all may read", clientCA, 0o444, ""},
		{"authorities that all may write", clientCA, 0o666, "run: chmod o-w "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := newFiles(t, pair, ca)
			if err := os.Chmod(tt.path(files), tt.mode); err != nil {
				t.Fatal(err)
			}
			_, err := certificate.Open(files, certificate.Options{})
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want+tt.path(files))):
				t.Errorf("err = %v, want %q with the path", err, tt.want)
			}
		})
	}

	t.Run("key in a certificate's file that all may read", func(t *testing.T) {
		files := newFiles(t, pair)
		overwrite(t, files.Cert, append(bytes.Clone(pair.certPEM), pair.keyPEM...))
		if err := os.Chmod(files.Cert, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := certificate.Open(files, certificate.Options{}); err == nil || !strings.Contains(err.Error(), "chmod o-rwx "+files.Cert) {
			t.Errorf("err = %v", err)
		}
	})
}

func FuzzParse(f *testing.F) {
	pair, ca := issue(f, "server", nil, nil), issue(f, "authority", nil, authority)
	f.Add(pair.certPEM, pair.keyPEM, ca.certPEM)
	f.Add(bundle(pair, ca), append(bytes.Clone(pair.certPEM), pair.keyPEM...), bundle(ca, pair))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n"), []byte("-----BEGIN PRIVATE KEY-----\nA: b\n\n-----END PRIVATE KEY-----\n"), []byte("-----"))
	f.Add([]byte{}, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, cert, key, clientCA []byte) {
		certificates, authorities, err := certificate.Parse(cert, key, clientCA)
		if err != nil {
			return
		}
		// Whatever was accepted is served with nothing left out.
		if n := bytes.Count(cert, []byte("-----BEGIN CERTIFICATE-----")); certificates == 0 || certificates != n {
			t.Errorf("%d certificates of %d blocks", certificates, n)
		}
		if n := bytes.Count(clientCA, []byte("-----BEGIN CERTIFICATE-----")); clientCA != nil && (authorities == 0 || authorities != n) {
			t.Errorf("%d authorities of %d blocks", authorities, n)
		}
	})
}
