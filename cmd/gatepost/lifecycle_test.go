package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
)

// The demonstration holds, tells its story and leaves nothing behind.
func TestDemoOnce(t *testing.T) {
	tmp := t.TempDir()
	cmd := exec.Command("gatepost", "demo", "--once")
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, told := range []string{
		"200 fwd=miss; stored", "200 hit; ttl=", "aB+/c9==", "403 AccessDeniedException", "403 InvalidSignatureException",
		"404 NotFoundException", "400 ThrottlingException", "StartConnection", "goes round the proxy", "Everything was as it should be.",
	} {
		if !strings.Contains(string(out), told) {
			t.Errorf("the story lacks %q:\n%s", told, out)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A directory holds several demonstrations, and one that nobody could read has not been told.
func TestDemoAgain(t *testing.T) {
	dir := t.TempDir()
	for n := range 2 {
		out, err := exec.Command("gatepost", "demo", "--once", "--data-dir", dir).CombinedOutput()
		if err != nil {
			t.Fatalf("demonstration %d: %v\n%s", n+1, err, out)
		}
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil && os.Getenv("GATEPOST_TEST_REQUIRE") == "all" {
		t.Fatal(err)
	} else if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	cmd := exec.Command("gatepost", "demo", "--once")
	cmd.Stdout = full
	if err := cmd.Run(); err == nil {
		t.Error("it is told to nobody, and says that all is well")
	}
}

// SIGTERM lets the answer in the making go out, takes no more calls, and ends with 0 and a stop in the log.
func TestTermination(t *testing.T) {
	g := startGate(t, gateOptions{})
	g.AWS.Script(outpoststest.Fault{Delay: time.Second})
	answers := make(chan answer, 1)
	go func() { answers <- g.Call(t, "GET", "/connections/"+plainConnection, "") }()
	for len(g.AWS.CallsOf("GetConnection")) == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := g.Stop(t); err != nil {
		t.Errorf("exit: %v", err)
	}
	if a := <-answers; a.status != 200 || !a.close {
		t.Errorf("the call under way: %s", a)
	}
	if c, err := net.Dial("tcp", g.proxy); err == nil {
		c.Close()
		t.Error("still accepting")
	}
	log := g.Log(t)
	if first, last := log[0], log[len(log)-1]; first.Action != "start" || last.Action != "stop" {
		t.Errorf("the log begins with %q and ends with %q", first.Action, last.Action)
	}
}

// A second signal ends it at once, whatever is under way.
func TestSecondSignal(t *testing.T) {
	g := startGate(t, gateOptions{})
	g.AWS.Script(outpoststest.Fault{Delay: time.Minute})
	go g.Raw(rawGet(g, t))
	for len(g.AWS.CallsOf("GetConnection")) == 0 {
		time.Sleep(time.Millisecond)
	}
	g.cmd.Process.Signal(syscall.SIGTERM)
	for !strings.Contains(g.stderr.String(), "stopping") {
		time.Sleep(time.Millisecond)
	}
	g.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-g.exited:
		if ee, ok := errors.AsType[*exec.ExitError](err); !ok || ee.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
			t.Errorf("exit: %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("still running")
	}
}

func rawGet(g *gate, t *testing.T) string {
	var raw strings.Builder
	raw.WriteString("GET /connections/" + plainConnection + " HTTP/1.1\r\n")
	g.Sign(t, "GET", "/connections/"+plainConnection).Write(&raw)
	return raw.String() + "\r\n"
}

// A log directory has one writer: a second gatepost says whose it is, and exits with 3.
func TestOneWriter(t *testing.T) {
	g := startGate(t, gateOptions{})
	out, err := exec.Command("gatepost", "serve", "--config", filepath.Join(g.Dir, "gatepost.yaml")).CombinedOutput()
	ee, ok := errors.AsType[*exec.ExitError](err)
	if !ok || ee.ExitCode() != 3 || !strings.Contains(string(out), filepath.Join(g.Dir, "data", "audit")) {
		t.Errorf("%v: %s", err, out)
	}
	if a := g.Call(t, "GET", "/connections/"+plainConnection, ""); a.status != 200 {
		t.Errorf("the first one: %s", a)
	}
}

// What was torn off by a power cut is kept aside and recorded, and the log goes on.
func TestTornTail(t *testing.T) {
	g := startGate(t, gateOptions{})
	a := g.Call(t, "GET", "/connections/"+plainConnection, "")
	g.Kill()
	segments, err := filepath.Glob(filepath.Join(g.logDir(), "segment-*"))
	if err != nil || len(segments) != 1 {
		t.Fatalf("%v, %v", segments, err)
	}
	f, err := os.OpenFile(segments[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"v":1,"index":99,"id":"0`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	g.Start(t)
	if b := g.Call(t, "GET", "/connections/"+plainConnection, ""); b.status != 200 {
		t.Fatal(b)
	}
	g.Event(t, a)
	torn := false
	for _, e := range g.Log(t) {
		torn = torn || e.Action == "torn_tail"
	}
	kept, _ := filepath.Glob(filepath.Join(g.logDir(), "torn-*"))
	if !torn || len(kept) != 1 {
		t.Errorf("recorded %v, kept %v", torn, kept)
	}
}

// A log file deleted or replaced under a running gatepost is noticed, and calls go on into a new one, or are refused: never answered
// into a file that nobody can find.
func TestLogFileTaken(t *testing.T) {
	g := startGate(t, gateOptions{})
	first := g.Call(t, "GET", "/connections/"+plainConnection, "")
	g.Event(t, first)
	segments, _ := filepath.Glob(filepath.Join(g.logDir(), "segment-*"))
	for _, s := range segments {
		if err := os.Remove(s); err != nil {
			t.Fatal(err)
		}
	}
	var a answer
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if a = g.Call(t, "GET", "/connections/"+plainConnection, ""); a.status == 200 {
			break
		}
		if a.status != 503 || a.header.Get("X-Amzn-Errortype") != "ServiceUnavailableException" {
			t.Fatal(a)
		}
	}
	if a.status != 200 {
		t.Fatalf("did not recover: %s", a)
	}
	g.Event(t, a)
	if !strings.Contains(g.stderr.String(), "level=ERROR") {
		t.Error("operators were not told")
	}
}

// Less room than the reserve refuses calls, in readiness and metrics too, before the disk is really full.
func TestReserve(t *testing.T) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(t.TempDir(), &disk); err != nil {
		t.Fatal(err)
	}
	g := startGate(t, gateOptions{config: map[string]any{"audit": map[string]any{"reserve": "1TiB"}}})
	if disk.Bavail*uint64(disk.Bsize) > 1<<40 {
		t.Skip("this disk has more room than a reserve may be")
	}
	a := g.Call(t, "GET", "/connections/"+plainConnection, "")
	if a.status != 503 || a.header.Get("Retry-After") == "" || len(g.AWS.CallsOf("GetConnection")) != 0 {
		t.Errorf("%s", a)
	}
	status, ready := g.ready(t)
	if status != 503 || ready.Ready || ready.Components["audit"].OK || ready.Components["audit"].Reason != "reserve" {
		t.Errorf("readyz %d %+v", status, ready)
	}
	if g.Metric(t, "gatepost_audit_healthy") != 0 || g.Metric(t, `gatepost_audit_refusals_total{reason="reserve"}`) == 0 {
		t.Error("the metrics do not show it")
	}
}

type readyAnswer struct {
	Ready      bool
	Components map[string]struct {
		OK     bool
		Reason string
	}
}

func (g *gate) ready(t *testing.T) (int, readyAnswer) {
	t.Helper()
	resp, err := http.Get(g.Admin() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var r readyAnswer
	if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, r
}

// The admin listener has what it has and nothing else, and callers reach none of it.
func TestAdmin(t *testing.T) {
	g := startGate(t, gateOptions{})
	if status, ready := g.ready(t); status != 200 || !ready.Ready || !ready.Components["upstream"].OK || !ready.Components["keys"].OK {
		t.Errorf("readyz %d %+v", status, ready)
	}
	for path, want := range map[string]int{
		"/healthz": 200, "/metrics": 200, "/debug/pprof/": 404, "/debug/vars": 404, "/connections/" + plainConnection: 404,
	} {
		resp, err := http.Get(g.Admin() + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/debug/pprof/"} {
		if a := g.Send(t, "GET", path, "", http.Header{"Host": {g.Host}}); a.status != 403 && a.status != 400 && a.status != 404 {
			t.Errorf("callers get %s: %s", path, a)
		}
	}
	g.Write(t, "keys.yaml", "keys: nonsense")
	for deadline := time.Now().Add(5 * time.Second); ; {
		status, ready := g.ready(t)
		if status == 200 && !ready.Components["keys"].OK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a keys file that does not load is not shown: %d %+v", status, ready)
		}
	}
	if a := g.Call(t, "GET", "/connections/"+plainConnection, ""); a.status != 200 {
		t.Errorf("the keys loaded before are not in use: %s", a)
	}
	if v := g.Metric(t, `gatepost_config_last_reload_successful{file="keys"}`); v != 0 {
		t.Error("the metrics do not show it")
	}
}

// With TLS the listener speaks HTTP/1.1 over 1.2 and later only, tells plaintext what it is, and takes new certificates as they come.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	first := writeCertificate(t, cert, key)
	g := startGate(t, gateOptions{config: map[string]any{"proxy": map[string]any{"tls": map[string]any{"cert_file": cert, "key_file": key}}}})

	call := func(pool *x509.CertPool, max uint16) (answer, error) {
		c, err := tls.Dial("tcp", g.proxy, &tls.Config{RootCAs: pool, ServerName: "gatepost.test", NextProtos: []string{"h2", "http/1.1"}, MaxVersion: max})
		if err != nil {
			return answer{}, err
		}
		defer c.Close()
		if p := c.ConnectionState().NegotiatedProtocol; p != "http/1.1" {
			t.Errorf("negotiated %q", p)
		}
		io.WriteString(c, rawGet(g, t))
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return answer{}, err
		}
		return answer{status: resp.StatusCode, header: resp.Header}, nil
	}
	a, err := call(first, 0)
	if err != nil || a.status != 200 {
		t.Fatalf("%s, %v", a, err)
	}
	if e := g.Event(t, a); e.TLS == nil || e.TLS.Version != "TLS 1.3" || e.TLS.Cipher == "" {
		t.Errorf("recorded as %+v", e.TLS)
	}
	if _, err := call(first, tls.VersionTLS11); err == nil {
		t.Error("TLS 1.1 is accepted")
	}
	if a, err := g.Raw("GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil || a.status != 400 || a.header.Get("X-Amzn-Errortype") != "InvalidRequestException" || a.body != `{"message":"This port speaks HTTPS, not HTTP."}` {
		t.Errorf("plaintext: %s, %v", a, err)
	} else if _, err := http.ParseTime(a.header.Get("Date")); err != nil {
		t.Error(err)
	}
	second := writeCertificate(t, cert, key)
	g.cmd.Process.Signal(syscall.SIGHUP)
	for deadline := time.Now().Add(5 * time.Second); ; {
		if a, err := call(second, 0); err == nil && a.status == 200 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not in use")
		}
	}
}

// writeCertificate makes a self-signed pair and returns the pool that trusts it.
func writeCertificate(t *testing.T, certFile, keyFile string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{"gatepost.test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool
}
