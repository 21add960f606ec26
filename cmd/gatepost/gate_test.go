package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
)

// The caller that a gate knows unless a test gives it others.
const (
	callerKey    = "GPK7Q2M4X6ZB3N5C7V2L"
	callerSecret = "a-secret-that-only-tests-have-0123456789abcd"
	callerKeys   = `keys:
  - id: ` + callerKey + `
    secret: ` + callerSecret + `
    principal: installer-fra1
    allow: [{operations: ["*"]}]
`
	plainConnection   = "conn0123456789abcdef"
	awkwardConnection = "aB+/c9=="
)

// gate is a gatepost process, the real binary, in front of a simulated AWS in this process.
type gate struct {
	AWS  *outpoststest.Server
	Dir  string // holds gatepost.yaml, keys.yaml and data/audit
	Host string // what callers sign

	proxy, admin string
	cmd          *exec.Cmd
	exited       chan error
	stderr       *tail
	stdout       *os.File
}

type gateOptions struct {
	config map[string]any // over the defaults of startGate, section by section
	keys   string         // keys.yaml; "" is callerKeys
	env    []string
	stdout *os.File // nil is /dev/null
	aws    outpoststest.Config
}

// startGate starts both and waits until the gate says that it is ready.
func startGate(tb testing.TB, o gateOptions) *gate {
	tb.Helper()
	aws, err := outpoststest.Start(o.aws)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(aws.Close)
	g := &gate{AWS: aws, Dir: tb.TempDir(), stdout: o.stdout}
	if o.keys == "" {
		o.keys = callerKeys
	}
	g.Write(tb, "keys.yaml", o.keys)
	config := map[string]any{
		"proxy":     map[string]any{"listen": "127.0.0.1:0"},
		"admin":     map[string]any{"listen": "127.0.0.1:0"},
		"callers":   map[string]any{"keys_file": filepath.Join(g.Dir, "keys.yaml")},
		"upstream":  map[string]any{"endpoint": aws.URL},
		"audit":     map[string]any{"dir": filepath.Join(g.Dir, "data", "audit"), "reserve": "1MiB", "commit_timeout": "10s"}, // a test machine's disk may stall
		"correlate": map[string]any{"source": "off"},
	}
	for section, values := range o.config {
		merged, _ := config[section].(map[string]any)
		if merged == nil {
			merged = map[string]any{}
			config[section] = merged
		}
		maps.Copy(merged, values.(map[string]any))
	}
	text, err := yaml.Marshal(config)
	if err != nil {
		tb.Fatal(err)
	}
	g.Write(tb, "gatepost.yaml", string(text))
	g.Start(tb, o.env...)
	return g
}

var ready = regexp.MustCompile(`msg=ready .*proxy=(\S+) .*admin=(\S+)`)

// Start starts the binary, again after Kill or Stop.
func (g *gate) Start(tb testing.TB, env ...string) {
	tb.Helper()
	cmd := exec.Command("gatepost", "serve", "--config", filepath.Join(g.Dir, "gatepost.yaml"))
	cmd.Env = append(os.Environ(),
		"AWS_ACCESS_KEY_ID="+outpoststest.DefaultAccessKeyID, "AWS_SECRET_ACCESS_KEY="+outpoststest.DefaultSecret,
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ENDPOINT_URL_STS="+g.AWS.STSURL)
	cmd.Env = append(cmd.Env, env...)
	pipe, err := cmd.StderrPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if g.stdout != nil {
		cmd.Stdout = g.stdout
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	stderr, exited := &tail{}, make(chan error, 1)
	g.cmd, g.stderr, g.exited = cmd, stderr, exited
	found := make(chan []string, 1)
	go func() {
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			stderr.add(lines.Text())
			if m := ready.FindStringSubmatch(lines.Text()); m != nil {
				found <- m
			}
		}
		exited <- cmd.Wait()
		close(exited)
	}()
	tb.Cleanup(func() {
		cmd.Process.Kill()
		for range exited {
		}
		if tb.Failed() {
			tb.Logf("gatepost's stderr:\n%s", stderr)
		}
	})
	select {
	case m := <-found:
		g.proxy, g.admin = m[1], m[2]
		g.Host = g.proxy
	case err := <-g.exited:
		tb.Fatalf("gatepost exited before it was ready: %v\n%s", err, g.stderr)
	case <-time.After(30 * time.Second):
		tb.Fatalf("gatepost is not ready after 30 s\n%s", g.stderr)
	}
}

// Stop asks the gate to end and returns how it did.
func (g *gate) Stop(tb testing.TB) error {
	tb.Helper()
	g.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-g.exited:
		return err
	case <-time.After(30 * time.Second):
		tb.Fatalf("gatepost did not end in 30 s\n%s", g.stderr)
		return nil
	}
}

// Kill ends the gate as a power cut would, as far as the process can tell.
func (g *gate) Kill() {
	g.cmd.Process.Kill()
	<-g.exited
}

func (g *gate) URL() string   { return "http://" + g.proxy }
func (g *gate) Admin() string { return "http://" + g.admin }

func (g *gate) Write(tb testing.TB, name, text string) {
	tb.Helper()
	path := filepath.Join(g.Dir, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		tb.Fatal(err)
	}
}

// Sign returns the header of a request without a body, signed by the usual caller.
func (g *gate) Sign(tb testing.TB, method, path string) http.Header {
	return g.SignAs(tb, callerKey, callerSecret, method, path, "")
}

// SignAs signs a request with any key.
func (g *gate) SignAs(tb testing.TB, id, secret, method, path, body string) http.Header {
	tb.Helper()
	return g.signAt(tb, time.Now(), id, secret, method, path, body)
}

func (g *gate) signAt(tb testing.TB, now time.Time, id, secret, method, path, body string) http.Header {
	tb.Helper()
	path, query, _ := strings.Cut(path, "?")
	req := &sigv4.Request{Method: method, Path: path, Query: query, Fields: []sigv4.Field{{Name: "Host", Value: g.Host}}, PayloadHash: sha256.Sum256([]byte(body))}
	added, err := sigv4.Sign(req, sigv4.Credentials{AccessKeyID: id, Secret: secret}, outpoststest.DefaultRegion, "outposts", now)
	if err != nil {
		tb.Fatal(err)
	}
	header := http.Header{"Host": {g.Host}}
	for _, f := range added {
		header.Set(f.Name, f.Value)
	}
	return header
}

// answer is what came back, with the fields of gatepost's own at hand.
type answer struct {
	status int
	header http.Header
	body   string
	close  bool // the connection ends with it
}

func (a answer) String() string { return fmt.Sprintf("%d %v %s", a.status, a.header, a.body) }

// Call makes a signed call as the usual caller, on a connection of its own.
func (g *gate) Call(tb testing.TB, method, path, body string) answer {
	tb.Helper()
	return g.Send(tb, method, path, body, g.SignAs(tb, callerKey, callerSecret, method, path, body))
}

// Send makes a call with the header given. The path is sent as it is.
func (g *gate) Send(tb testing.TB, method, path, body string, header http.Header) answer {
	tb.Helper()
	var raw strings.Builder
	fmt.Fprintf(&raw, "%s %s HTTP/1.1\r\n", method, path)
	header.Write(&raw)
	if body != "" {
		fmt.Fprintf(&raw, "Content-Length: %d\r\n", len(body))
	}
	raw.WriteString("Connection: close\r\n\r\n" + body)
	a, err := g.Raw(raw.String())
	if err != nil {
		tb.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// Raw sends bytes and reads one answer.
func (g *gate) Raw(raw string) (answer, error) {
	c, err := net.Dial("tcp", g.proxy)
	if err != nil {
		return answer{}, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(c, raw); err != nil {
		return answer{}, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body), resp.Close}, err
}

// Event is the entry of the log that an answer names.
func (g *gate) Event(tb testing.TB, a answer) audit.Event {
	tb.Helper()
	index, err := strconv.ParseUint(a.header.Get("X-Gatepost-Event-Index"), 10, 64)
	if err != nil {
		tb.Fatalf("answer without an index: %s", a)
	}
	for line, err := range journal.ReadDir(g.logDir(), index) {
		if err != nil {
			tb.Fatal(err)
		}
		e, err := audit.ParseLine(line.Bytes)
		if err != nil {
			tb.Fatal(err)
		}
		if e.ID != a.header.Get("X-Gatepost-Event-Id") || e.Index != index {
			tb.Fatalf("entry %d is %s %s, the answer names %s", index, e.Kind, e.ID, a.header.Get("X-Gatepost-Event-Id"))
		}
		return e
	}
	tb.Fatalf("the log has no entry %d", index)
	return audit.Event{}
}

// Log is every entry.
func (g *gate) Log(tb testing.TB) []audit.Event {
	tb.Helper()
	var events []audit.Event
	for line, err := range journal.ReadDir(g.logDir(), 0) {
		if err != nil {
			tb.Fatal(err)
		}
		e, err := audit.ParseLine(line.Bytes)
		if err != nil {
			tb.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// LogBytes is every byte of every file below the data directory.
func (g *gate) LogBytes(tb testing.TB) []byte {
	tb.Helper()
	var all []byte
	err := filepath.WalkDir(filepath.Join(g.Dir, "data"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all = append(all, b...)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

func (g *gate) logDir() string { return filepath.Join(g.Dir, "data", "audit") }

// Metric is the value of one series, 0 when it is not there.
func (g *gate) Metric(tb testing.TB, series string) float64 {
	tb.Helper()
	resp, err := http.Get(g.Admin() + "/metrics")
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), series+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				tb.Fatal(err)
			}
			return n
		}
	}
	return 0
}

// Reload replaces the keys file and waits until the change is in force, which is promised for 250 ms.
func (g *gate) Reload(tb testing.TB, keys string) {
	tb.Helper()
	g.Write(tb, "keys.yaml", keys)
	time.Sleep(250 * time.Millisecond)
}

// waitForNextSecond waits until a signature made now differs from the last one.
func (g *gate) waitForNextSecond() {
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
}

// tail keeps the last lines of a process's stderr.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines = append(t.lines, line); len(t.lines) > 200 {
		t.lines = t.lines[1:]
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}

// tool finds a program that a test drives. Without it the test is skipped, or fails where everything is required.
func tool(tb testing.TB, path string) string {
	tb.Helper()
	found, err := exec.LookPath(path)
	switch {
	case err == nil:
		return found
	case os.Getenv("GATEPOST_TEST_REQUIRE") == "all":
		tb.Fatalf("%s is required: %v", path, err)
	default:
		tb.Skipf("%s is not installed", path)
	}
	return ""
}

func freeAddress(tb testing.TB) string {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// waitFor polls for what happens beside the request path.
func waitFor(tb testing.TB, what string, happened func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(20 * time.Second); !happened(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("still waiting for %s", what)
		}
	}
}
