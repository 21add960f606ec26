package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/console"
	"github.com/gatepost-proxy/gatepost/audit/console/token"
	"github.com/gatepost-proxy/gatepost/audit/index"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a console over a real log.
type bench struct {
	journal *journal.Journal
	ledger  *ledger.Ledger
	index   *index.Index
	console *console.Console
	cache   *cache
	records records
	log     *bytes.Buffer
	url     string

	viewer, operator string // tokens
	tokens           token.File
	store            *token.Store
}

type options struct {
	open     bool // without tokens
	recorder func(console.Recorder) console.Recorder
	still    bool // nobody follows the log
	change   func(*console.Config)
}

// cache has three entries: two for one connection.
type cache struct {
	mu      sync.Mutex
	entries []string
}

func (c *cache) PurgeAll() int { return c.PurgeConnection("") }

func (c *cache) PurgeConnection(id string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	var kept []string
	for _, e := range c.entries {
		if id != "" && e != id {
			kept = append(kept, e)
		}
	}
	n := len(c.entries) - len(kept)
	c.entries = kept
	return n
}

func start(t *testing.T, o options) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{cache: &cache{entries: []string{"a/b+c=", "a/b+c=", "other"}}, records: records{}, log: &bytes.Buffer{}}
	logger := slog.New(slog.NewTextHandler(&lockedWriter{w: b.log}, nil))
	var err error
	b.journal, err = journal.Open(t.Context(), journal.Config{Dir: filepath.Join(dir, "audit"), Origin: "gatepost/test", CommitTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	source := ledger.JournalSource(b.journal, filepath.Join(dir, "audit"))
	if b.ledger, err = ledger.Open(t.Context(), ledger.Config{Dir: filepath.Join(dir, "audit"), Origin: "gatepost/test", Interval: 10 * time.Millisecond, Source: source}); err != nil {
		t.Fatal(err)
	}
	if b.index, err = index.Open(t.Context(), index.Config{Dir: filepath.Join(dir, "audit"), Source: source}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var followers sync.WaitGroup
	if !o.still {
		followers.Go(func() { b.ledger.Run(ctx) })
		followers.Go(func() { b.index.Run(ctx) })
	}
	b.tokens = token.File{Path: filepath.Join(dir, "tokens.yaml")}
	b.viewer = b.newToken(t, "soc", token.Viewer)
	b.operator = b.newToken(t, "ops", token.Operator)
	if b.store, err = token.Open(b.tokens.Path, token.Options{}); err != nil {
		t.Fatal(err)
	}
	c := console.Config{
		Log: b.journal, Recorder: b.journal, Index: b.index, Prover: b.ledger, Tiles: b.ledger.Handler(), Purger: b.cache, Records: b.records,
		Ready: func(context.Context) console.Readiness {
			return console.Readiness{Ready: true, Components: map[string]console.Component{
				"audit":    {OK: true, Details: map[string]any{"size": b.journal.Size()}},
				"upstream": {OK: false, Reason: "credentials", Since: new(time.Unix(0, 0)), Details: map[string]any{"account": "123456789012"}},
			}}
		},
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "gatepost_up 1\n") }),
		Tokens:  b.store, Logger: logger, Hosts: []string{"Gatepost.example:8443"},
	}
	if o.open {
		c.Tokens = nil
	}
	if o.recorder != nil {
		c.Recorder = o.recorder(b.journal)
	}
	if o.change != nil {
		o.change(&c)
	}
	b.console = console.New(c)
	server := b.console.Server()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.url = "http://" + listener.Addr().String()
	followers.Go(func() { server.Serve(listener) })
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop, done := context.WithTimeout(context.Background(), 10*time.Second)
		defer done()
		if err := server.Shutdown(stop); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		cancel()
		followers.Wait()
		b.journal.Close(stop)
		b.index.Close()
		b.ledger.Close(stop)
	})
	return b
}

// records are CloudTrail's.
type records map[string]string

func (r records) Record(_ context.Context, eventID string) (json.RawMessage, error) {
	if text, ok := r[eventID]; ok {
		return json.RawMessage(text), nil
	}
	return nil, nil
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(p)
}

func (b *bench) newToken(t *testing.T, name string, role token.Role) string {
	t.Helper()
	text, err := b.tokens.New(t.Context(), token.Info{Name: name, Role: role})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// append adds events, and returns their lines.
func (b *bench) append(t *testing.T, events ...audit.Event) (lines []string) {
	t.Helper()
	for i := range events {
		if _, err := b.journal.Append(t.Context(), &events[i]); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(audit.AppendLine(nil, &events[i])))
	}
	return lines
}

// settle waits until all that is in the log is indexed.
func (b *bench) settle(t *testing.T) {
	t.Helper()
	if err := b.index.Wait(t.Context(), b.journal.Size()); err != nil {
		t.Fatal(err)
	}
}

// last is the newest entry of the log.
func (b *bench) last(t *testing.T) audit.Event {
	t.Helper()
	for line, err := range b.journal.ReadBackward(1 << 62) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := audit.ParseLine(line.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	t.Fatal("the log is empty")
	return audit.Event{}
}

type response struct {
	status int
	header http.Header
	body   string
}

// get asks as the viewer.
func (b *bench) get(t *testing.T, path string) response {
	t.Helper()
	return b.send(t, http.MethodGet, path, b.viewer, nil)
}

func (b *bench) send(t *testing.T, method, path, bearer string, header http.Header) response {
	t.Helper()
	return b.sendBody(t, method, path, bearer, header, "")
}

func (b *bench) sendBody(t *testing.T, method, path, bearer string, header http.Header, body string) response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, header)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	if host := header.Get("Host"); host != "" {
		req.Host = host
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{resp.StatusCode, resp.Header, string(answer)}
}

func decode[T any](t *testing.T, r response) (v T) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(r.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return v
}

// eventPage is an answer of /api/v1/events.
type eventPage struct {
	Events  []json.RawMessage `json:"events"`
	States  map[string]string `json:"states"`
	Next    string            `json:"next_cursor"`
	Indexed uint64            `json:"indexed"`
}

func texts(list []json.RawMessage) []string {
	out := []string{}
	for _, l := range list {
		out = append(out, string(l))
	}
	return out
}

var epoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// call is the intent and the outcome of a call to AWS.
func call(n int) (intent, outcome audit.Event) {
	intent = audit.Event{
		ID: fmt.Sprintf("01936f2a-0000-7000-8000-%012d", n), Kind: audit.KindIntent, Time: epoch.Add(time.Duration(n) * time.Second),
		Principal: fmt.Sprintf("installer-%d", n%3), AccessKeyID: "GPK7Q2M4X6ZB3N5C8V1L", SourceIP: "10.1.2.3", SourcePort: 40123,
		UserAgent: "aws-cli/2.31 <script>alert(1)</script> & more", Operation: "GetConnection", ReadOnly: true, Region: "us-west-2",
		ConnectionID: fmt.Sprintf("conn/%d+x==", n%5), Decision: audit.Allow, Cache: audit.CacheMiss,
	}
	outcome = intent
	outcome.Kind, outcome.Time = audit.KindOutcome, intent.Time.Add(100*time.Millisecond)
	outcome.Attempts = []audit.Attempt{
		{RequestID: fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", n), Status: 503, ErrorCode: "InternalServerException", DurationUS: 900},
		{RequestID: fmt.Sprintf("bbbbbbbb-0000-4000-8000-%012d", n), Status: 200, DurationUS: 1200},
	}
	outcome.Status, outcome.ErrorClass = 200, audit.ErrorClassNone
	return intent, outcome
}
