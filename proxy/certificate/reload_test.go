package certificate_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit/livefile/livefiletest"
	"github.com/gatepost-proxy/gatepost/proxy/certificate"
)

// soon is more than Run needs to load files that changed once.
const soon = 250 * time.Millisecond

func TestRunServesNewFiles(t *testing.T) {
	before, after := issue(t, "server", nil, nil), issue(t, "server", nil, nil)
	ways := []struct {
		name  string
		write func(*testing.T, certificate.Files)
	}{
		{"renamed into place", func(t *testing.T, f certificate.Files) { writePair(t, f, after) }},
		{"written in place", func(t *testing.T, f certificate.Files) {
			overwrite(t, f.Key, after.keyPEM)
			overwrite(t, f.Cert, after.certPEM)
		}},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			files := newFiles(t, before)
			synctest.Test(t, func(t *testing.T) {
				s := open(t, files, certificate.Options{Now: issuedNow})
				run(t, s)
				time.Sleep(soon)
				way.write(t, files)
				time.Sleep(soon)
				synctest.Wait()
				if !s.Leaf().Equal(after.cert) {
					t.Errorf("the old certificate is still served; %+v", s.Status())
				}
			})
		})
	}
}

// issuedNow is a time at which what issue makes is valid, for tests whose own
// clock is synctest's.
func issuedNow() time.Time { return issuedAt }

var issuedAt = time.Now()

// A mounted secret of Kubernetes is a directory behind a symbolic link that is
// replaced.
func TestRunFollowsALinkOnTheWay(t *testing.T) {
	before, after := issue(t, "server", nil, nil), issue(t, "server", nil, nil)
	root := t.TempDir()
	for name, pair := range map[string]*issued{"1": before, "2": after} {
		if err := os.Mkdir(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
		writePair(t, certificate.Files{Cert: filepath.Join(root, name, "tls.crt"), Key: filepath.Join(root, name, "tls.key")}, pair)
	}
	link := func(to string) {
		temp := filepath.Join(root, "new")
		if err := os.Symlink(to, temp); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(temp, filepath.Join(root, "data")); err != nil {
			t.Fatal(err)
		}
	}
	link("1")
	s := open(t, certificate.Files{Cert: filepath.Join(root, "data", "tls.crt"), Key: filepath.Join(root, "data", "tls.key")}, certificate.Options{})
	link("2")
	look(s)
	if !s.Leaf().Equal(after.cert) {
		t.Errorf("the old certificate is still served; %+v", s.Status())
	}
}

func TestNewConnectionsSeeTheNewCertificate(t *testing.T) {
	before, after := issue(t, "server", nil, nil), issue(t, "server", nil, nil)
	files := newFiles(t, before)
	s := open(t, files, certificate.Options{})
	config := s.Config()
	for _, pair := range []*issued{before, after, before} {
		writePair(t, files, pair)
		look(s)
		state, err := handshake(t, config, trusting(before, after))
		if err != nil {
			t.Fatal(err)
		}
		if !state.PeerCertificates[0].Equal(pair.cert) {
			t.Error("a certificate that is no longer in the files was served")
		}
	}
}

func TestNewConnectionsSeeTheNewAuthorities(t *testing.T) {
	server := issue(t, "server", nil, nil)
	old, next := issue(t, "old authority", nil, authority), issue(t, "new authority", nil, authority)
	byOld, byNext := presenting(issue(t, "caller", old, caller), server), presenting(issue(t, "caller", next, caller), server)
	files := newFiles(t, server, old)
	s := open(t, files, certificate.Options{})
	config := s.Config()
	steps := []struct {
		authorities []*issued
		old, next   bool // whose caller is accepted
	}{
		{[]*issued{old}, true, false},
		{[]*issued{old, next}, true, true},
		{[]*issued{next}, false, true},
	}
	for i, step := range steps {
		replace(t, files.ClientCA, bundle(step.authorities...))
		look(s)
		if _, err := handshake(t, config, byOld); (err == nil) != step.old {
			t.Errorf("step %d, caller of the old authority: %v", i, err)
		}
		if _, err := handshake(t, config, byNext); (err == nil) != step.next {
			t.Errorf("step %d, caller of the new authority: %v", i, err)
		}
		if _, err := handshake(t, config, trusting(server)); err == nil {
			t.Errorf("step %d: a caller without a certificate was accepted", i)
		}
	}
}

func TestFaultKeepsWhatIsInUse(t *testing.T) {
	pair, other := issue(t, "server", nil, nil), issue(t, "other", nil, nil)
	ca := issue(t, "authority", nil, authority)
	own := presenting(issue(t, "caller", ca, caller), pair)
	tests := []struct {
		name   string
		damage func(*testing.T, certificate.Files)
		want   string // part of the reason
	}{
		{"certificate of another key", func(t *testing.T, f certificate.Files) { replace(t, f.Cert, other.certPEM) }, "are no pair"},
		{"key of another certificate", func(t *testing.T, f certificate.Files) { replace(t, f.Key, other.keyPEM) }, "are no pair"},
		{"half-written certificate", func(t *testing.T, f certificate.Files) { overwrite(t, f.Cert, pair.certPEM[:300]) }, "half written"},
		{"emptied key", func(t *testing.T, f certificate.Files) { overwrite(t, f.Key, nil) }, "holds no private key"},
		{"removed certificate", func(t *testing.T, f certificate.Files) { os.Remove(f.Cert) }, "no such file"},
		{"expired pair", func(t *testing.T, f certificate.Files) {
			writePair(t, f, issue(t, "old", nil, validUntil(time.Now().Add(-time.Minute))))
		}, "expired at"},
		{"key opened to all", func(t *testing.T, f certificate.Files) {
			if err := os.Chmod(f.Key, 0o644); err != nil {
				t.Fatal(err)
			}
		}, "chmod o-rwx"},
		{"half-written authorities", func(t *testing.T, f certificate.Files) { overwrite(t, f.ClientCA, ca.certPEM[:300]) }, "half written"},
		{"removed authorities", func(t *testing.T, f certificate.Files) { os.Remove(f.ClientCA) }, "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := newFiles(t, pair, ca)
			var log livefiletest.Log
			s := open(t, files, certificate.Options{Logger: log.Logger()})
			config, loaded := s.Config(), s.Status()
			log.Take()

			tt.damage(t, files)
			look(s)
			status := s.Status()
			if status.OK || !strings.Contains(status.Reason, tt.want) || strings.Contains(status.Reason, "\n") {
				t.Errorf("status %+v, want not OK for %q", status, tt.want)
			}
			if !status.LoadedAt.Equal(loaded.LoadedAt) || !status.NotAfter.Equal(loaded.NotAfter) {
				t.Errorf("status %+v is not about what was loaded before: %+v", status, loaded)
			}
			if _, err := handshake(t, config, own); err != nil {
				t.Errorf("what was loaded before is not in use: %v", err)
			}
			if err := s.Reload(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("reload: %v, want %q", err, tt.want)
			}
			look(s)
			if lines := log.Take(); len(lines) != 1 || !strings.Contains(lines[0], "level=ERROR") || !strings.Contains(lines[0], tt.want) {
				t.Errorf("logged %q, want one error with %q", lines, tt.want)
			}

			writePair(t, files, pair)
			replace(t, files.ClientCA, ca.certPEM)
			look(s)
			if status := s.Status(); !status.OK || status.Reason != "" {
				t.Errorf("status %+v after it was mended", status)
			}
			if diff := cmp.Diff([]string{`level=INFO msg="TLS files mended" cert_file=` + files.Cert}, log.Take()); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnotherFaultIsLoggedAgain(t *testing.T) {
	pair := issue(t, "server", nil, nil)
	files := newFiles(t, pair)
	var log livefiletest.Log
	s := open(t, files, certificate.Options{Logger: log.Logger()})
	log.Take()
	for range 2 {
		replace(t, files.Cert, issue(t, "other", nil, nil).certPEM)
		look(s)
		look(s)
		if lines := log.Take(); len(lines) != 1 {
			t.Errorf("logged %q, want one line for each change", lines)
		}
	}
}

// Without this a forgotten authority file would let the server's certificate run
// out, and the other way round.
func TestAFaultKeepsNotTheOtherFileFromRenewal(t *testing.T) {
	before, after := issue(t, "server", nil, nil), issue(t, "server", nil, nil)
	old, next := issue(t, "old authority", nil, authority), issue(t, "new authority", nil, authority)

	t.Run("pair renewed beside bad authorities", func(t *testing.T) {
		files := newFiles(t, before, old)
		s := open(t, files, certificate.Options{})
		writePair(t, files, after)
		overwrite(t, files.ClientCA, []byte("#\n"))
		look(s)
		if s.Status().OK || !s.Leaf().Equal(after.cert) || !s.Authorities()[0].Equal(old.cert) {
			t.Errorf("status %+v, leaf renewed: %v", s.Status(), s.Leaf().Equal(after.cert))
		}
	})
	t.Run("authorities renewed beside a bad pair", func(t *testing.T) {
		files := newFiles(t, before, old)
		s := open(t, files, certificate.Options{})
		replace(t, files.Cert, after.certPEM)
		replace(t, files.ClientCA, next.certPEM)
		look(s)
		if s.Status().OK || !s.Leaf().Equal(before.cert) || !s.Authorities()[0].Equal(next.cert) {
			t.Errorf("status %+v, leaf kept: %v", s.Status(), s.Leaf().Equal(before.cert))
		}
	})
	t.Run("both bad", func(t *testing.T) {
		files := newFiles(t, before, old)
		s := open(t, files, certificate.Options{})
		replace(t, files.Cert, after.certPEM)
		overwrite(t, files.ClientCA, []byte("#\n"))
		err := s.Reload()
		if err == nil || strings.Count(err.Error(), "\n") != 1 {
			t.Errorf("reload: %v, want a line for each fault", err)
		}
		if reason := s.Status().Reason; !strings.Contains(reason, "no pair") || !strings.Contains(reason, "holds no certificate") {
			t.Errorf("reason %q", reason)
		}
	})
}

// Renewal replaces one file, then the other. A look between the two must not raise
// an alarm.
func TestHalfReplacedPairIsWaitedFor(t *testing.T) {
	files := newFiles(t, issue(t, "server", nil, nil))
	var log livefiletest.Log
	s := open(t, files, certificate.Options{Logger: log.Logger()})
	const renewals = 20 // more than looks in a row that are waited for
	for range renewals {
		before, after := s.Leaf(), issue(t, "server", nil, nil)
		log.Take()
		replace(t, files.Cert, after.certPEM)
		s.Poll()
		if status := s.Status(); !status.OK || !s.Leaf().Equal(before) {
			t.Fatalf("status %+v after a single look", status)
		}
		replace(t, files.Key, after.keyPEM)
		look(s)
		if status := s.Status(); !status.OK || !s.Leaf().Equal(after.cert) {
			t.Errorf("status %+v", status)
		}
		if lines := log.Take(); len(lines) != 1 || !strings.Contains(lines[0], "TLS files loaded") {
			t.Errorf("logged %q, want the load alone", lines)
		}
	}
}

func TestEndlessWriterIsNotWaitedForForEver(t *testing.T) {
	pair := issue(t, "server", nil, nil)
	files := newFiles(t, pair)
	s := open(t, files, certificate.Options{})
	text := bytes.Clone(issue(t, "other", nil, nil).certPEM)
	const many = 20
	for range many {
		text = append(text, '\n')
		replace(t, files.Cert, text)
		s.Poll()
		if !s.Status().OK {
			return
		}
	}
	t.Errorf("a certificate of another key was not noticed in %d looks", many)
}

func TestReloadDoesNotWait(t *testing.T) {
	before, after := issue(t, "server", nil, nil), issue(t, "server", nil, nil)
	files := newFiles(t, before)
	s := open(t, files, certificate.Options{})
	loaded := s.Status().LoadedAt
	if err := s.Reload(); err != nil || !s.Status().LoadedAt.Equal(loaded) {
		t.Errorf("reload of the same files: %v, %+v", err, s.Status())
	}
	writePair(t, files, after)
	if err := s.Reload(); err != nil || !s.Leaf().Equal(after.cert) {
		t.Errorf("reload: %v, new certificate in use: %v", err, s.Leaf().Equal(after.cert))
	}
	if !s.Status().LoadedAt.After(loaded) {
		t.Error("LoadedAt is that of the files before")
	}
}

// A look reads files whose state has changed, and those that changed so lately that
// another change might not show.
func TestWhenALookReads(t *testing.T) {
	pair, other := issue(t, "server", nil, nil), issue(t, "other", nil, nil)
	sameSize := append(bytes.Clone(other.certPEM), pair.certPEM...)[:len(pair.certPEM)]
	tests := []struct {
		name          string
		before, after time.Duration // the age of the files when they change, and then
		text          []byte
		read          bool
	}{
		{"old, nothing else", time.Hour, time.Hour, sameSize, false},
		{"old, another size", time.Hour, time.Hour, other.certPEM[:100], true},
		{"old, another time", time.Hour, 2 * time.Hour, sameSize, true},
		{"young, nothing else", time.Second, time.Second, sameSize, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files, now := newFiles(t, pair), time.Now()
			age := func(d time.Duration) {
				for _, path := range []string{files.Cert, files.Key} {
					if err := os.Chtimes(path, now.Add(-d), now.Add(-d)); err != nil {
						t.Fatal(err)
					}
				}
			}
			age(tt.before)
			s := open(t, files, certificate.Options{})
			look(s)
			overwrite(t, files.Cert, tt.text)
			age(tt.after)
			look(s)
			if read := !s.Status().OK; read != tt.read {
				t.Errorf("read = %v, want %v", read, tt.read)
			}
			if err := s.Reload(); err == nil {
				t.Error("Reload did not read")
			}
		})
	}
}

func TestCertificateForTomorrow(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	before := issue(t, "server", nil, nil)
	after := issue(t, "server", nil, func(c *x509.Certificate) { c.NotBefore = now.Add(24 * time.Hour) })
	files := newFiles(t, before)
	s := open(t, files, certificate.Options{Now: clock})
	writePair(t, files, after)
	look(s)
	if status := s.Status(); status.OK || !strings.Contains(status.Reason, "is not valid before") || !s.Leaf().Equal(before.cert) {
		t.Fatalf("status %+v", status)
	}
	now = now.Add(25 * time.Hour)
	s.Poll()
	if status := s.Status(); !status.OK || !s.Leaf().Equal(after.cert) {
		t.Errorf("status %+v a day later", status)
	}
}

func TestExpiryIsToldAhead(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	pair := issue(t, "server", nil, validUntil(now.Add(15*24*time.Hour)))
	files := newFiles(t, pair)
	var log livefiletest.Log
	s := open(t, files, certificate.Options{Logger: log.Logger(), Now: clock})
	steps := []struct {
		name    string
		forward time.Duration
		want    string // the level of the one line that is logged; empty: none
		ok      bool
	}{
		{"15 days before", 0, "", true},
		{"14 days before", 24 * time.Hour, "WARN", true},
		{"at once", time.Second, "", true},
		{"next day", 24 * time.Hour, "WARN", true},
		{"last hour", 13*24*time.Hour - time.Hour, "WARN", true},
		{"expired", 2 * time.Hour, "ERROR", false},
		{"expired, at once", time.Second, "", false},
		{"expired, next day", 24 * time.Hour, "", false},
	}
	log.Take()
	for _, step := range steps {
		now = now.Add(step.forward)
		if got := s.Status().OK; got != step.ok {
			t.Errorf("%s: OK = %v before a look", step.name, got)
		}
		s.Poll()
		if got := s.Status(); got.OK != step.ok || step.ok != (got.Reason == "") {
			t.Errorf("%s: status %+v", step.name, got)
		}
		lines := log.Take()
		if step.want == "" && len(lines) > 0 || step.want != "" && (len(lines) != 1 || !strings.Contains(lines[0], "level="+step.want)) {
			t.Errorf("%s: logged %q", step.name, lines)
		}
	}
	for range 2 {
		writePair(t, files, issue(t, "server", nil, validUntil(now.Add(24*time.Hour))))
		look(s)
		if lines := strings.Join(log.Take(), "\n"); !s.Status().OK || strings.Count(lines, "level=WARN") != 1 {
			t.Errorf("status %+v, logged %q after a renewal for a day", s.Status(), lines)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	files := newFiles(t, issue(t, "server", nil, nil))
	synctest.Test(t, func(t *testing.T) {
		s := open(t, files, certificate.Options{Now: issuedNow})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { s.Run(ctx) })
		time.Sleep(soon)
		stop()
		running.Wait() // a Run that goes on fails the bubble's end
	})
}

func TestHandshakesDuringReloads(t *testing.T) {
	ca := issue(t, "authority", nil, authority)
	pairs := []*issued{issue(t, "server", nil, nil), issue(t, "server", nil, nil)}
	own := presenting(issue(t, "caller", ca, caller), pairs...)
	files := newFiles(t, pairs[0], ca)
	s := open(t, files, certificate.Options{})
	config := s.Config()
	var calling sync.WaitGroup
	for range 4 {
		calling.Go(func() {
			for range 10 {
				if _, err := handshake(t, config, own); err != nil {
					t.Error(err)
				}
				s.Status()
			}
		})
	}
	for i := range 30 {
		writePair(t, files, pairs[i%2])
		if err := s.Reload(); err != nil {
			t.Error(err)
		}
	}
	calling.Wait()
}

func BenchmarkConfigForClient(b *testing.B) {
	s := open(b, newFiles(b, issue(b, "server", nil, nil)), certificate.Options{})
	choose := s.Config().GetConfigForClient
	hello := &tls.ClientHelloInfo{ServerName: "gatepost.test"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := choose(hello); err != nil {
			b.Fatal(err)
		}
	}
}
