package dashboard_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/console"
	"github.com/gatepost-proxy/gatepost/audit/console/dashboard"
	"github.com/gatepost-proxy/gatepost/audit/console/token"
	"github.com/gatepost-proxy/gatepost/audit/index"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// site is a console over a real log, on a listener of its own.
type site struct {
	url     string // with tokens
	openURL string // without
	journal *journal.Journal
	index   *index.Index
	ledger  *ledger.Ledger
	cache   *answers
	tokens  token.File
	store   *token.Store

	viewer, operator string // tokens

	mu    sync.Mutex // guards ready
	ready console.Readiness
}

// answers are what a cache holds.
type answers struct {
	mu   sync.Mutex
	list []dashboard.Cached
}

func (a *answers) Cached() []dashboard.Cached {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.list)
}

func (a *answers) PurgeAll() int { return a.purge(func(dashboard.Cached) bool { return true }) }

func (a *answers) PurgeConnection(id string) int {
	return a.purge(func(c dashboard.Cached) bool { return c.ConnectionID == id })
}

func (a *answers) purge(chosen func(dashboard.Cached) bool) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := len(a.list)
	a.list = slices.DeleteFunc(a.list, chosen)
	return before - len(a.list)
}

type keys []dashboard.Key

func (k keys) Keys(context.Context) ([]dashboard.Key, error) { return k, nil }

// records are CloudTrail's.
type records struct{}

func (records) Record(_ context.Context, id string) (json.RawMessage, error) {
	return json.RawMessage(`{"eventID":"` + id + `","eventName":"GetConnection","userAgent":"<script>window.hacked=1</script>"}`), nil
}

// startSite serves a log of so many entries.
func startSite(t testing.TB, entries int) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{cache: &answers{}, ready: health()}
	logDir := filepath.Join(dir, "audit")
	now := time.Now().UTC().Truncate(time.Millisecond)
	if entries > 0 {
		writeLog(t, logDir, entries, now)
	}
	for n := range 6 {
		s.cache.list = append(s.cache.list, dashboard.Cached{
			ConnectionID: connectionID(n), Principal: "installer-fra1", Region: "us-west-2", EventID: callID(entries - 10 - n),
			Filled: now.Add(-20 * time.Second), Expires: now.Add(40 * time.Minute),
		})
	}
	var err error
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s.journal, err = journal.Open(t.Context(), journal.Config{Dir: logDir, Origin: origin, CommitTimeout: 10 * time.Second})
	must(err)
	source := ledger.JournalSource(s.journal, logDir)
	s.ledger, err = ledger.Open(t.Context(), ledger.Config{Dir: logDir, Origin: origin, Interval: 20 * time.Millisecond, Source: source})
	must(err)
	s.index, err = index.Open(t.Context(), index.Config{Dir: logDir, Source: source})
	must(err)
	ctx, cancel := context.WithCancel(context.Background())
	var background sync.WaitGroup
	background.Go(func() { s.ledger.Run(ctx) })
	background.Go(func() { s.index.Run(ctx) })
	s.tokens = token.File{Path: filepath.Join(dir, "tokens.yaml")}
	s.viewer, err = s.tokens.New(t.Context(), token.Info{Name: "soc", Role: token.Viewer})
	must(err)
	s.operator, err = s.tokens.New(t.Context(), token.Info{Name: "ops", Role: token.Operator})
	must(err)
	s.store, err = token.Open(s.tokens.Path, token.Options{})
	must(err)

	config := console.Config{
		Log: s.journal, Recorder: s.journal, Index: s.index, Prover: s.ledger, Tiles: s.ledger.Handler(), Purger: s.cache, Cached: s.cache, Records: records{},
		Keys: keys{
			{ID: "GPK7Q2M4X6ZB3N5C8V1L", Principal: "installer-fra1", Expires: now.Add(200 * 24 * time.Hour)},
			{ID: "GPK2W4E6R8T0Y1U3I5O7", Principal: "installer-iad2", Expires: now.Add(6*24*time.Hour + 5*time.Hour)},
			{ID: "GPK9Z8X7C6V5B4N3M2L1", Principal: "installer-sin1", Expires: now.Add(-26 * time.Hour)},
			{ID: "GPKNEVERUSED00000001", Principal: "installer-gru1", Disabled: true},
		},
		Ready: func(context.Context) console.Readiness {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.ready
		},
		Metrics: http.NotFoundHandler(), Tokens: s.store, VerifierKey: s.ledger.VerifierKey(), Version: "0.1.0",
	}
	var servers []*http.Server
	serve := func(c console.Config) string {
		server := console.New(c).Server()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		must(err)
		servers = append(servers, server)
		background.Go(func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
		})
		return "http://" + listener.Addr().String()
	}
	s.url = serve(config)
	config.Tokens = nil
	s.openURL = serve(config)
	t.Cleanup(func() {
		stop, done := context.WithTimeout(context.Background(), 20*time.Second)
		defer done()
		for _, server := range servers {
			if err := server.Shutdown(stop); err != nil {
				server.Close()
			}
		}
		cancel()
		background.Wait()
		s.journal.Close(stop)
		s.index.Close()
		s.ledger.Close(stop)
	})
	must(s.index.Wait(t.Context(), s.journal.Size()))
	return s
}

const origin = "gatepost/fra1"

func health() console.Readiness {
	began := time.Now().Add(-17 * time.Minute)
	return console.Readiness{Ready: true, Components: map[string]console.Component{
		"audit":       {OK: true, Details: map[string]any{"size": uint64(100_000), "free_bytes": int64(700 << 20), "reserve_bytes": int64(256 << 20)}},
		"upstream":    {OK: true, Details: map[string]any{"account": "123456789012", "identity_arn": "arn:aws:sts::123456789012:assumed-role/gatepost/fra1", "clock_offset_ms": int64(12)}},
		"keys":        {OK: true, Details: map[string]any{"keys": 4, "loaded": time.Now().Add(-3 * time.Hour)}},
		"cache":       {OK: true, Details: map[string]any{"entries": 6, "bytes": int64(18342)}},
		"ledger":      {OK: true, Details: map[string]any{"size": uint64(99_998), "signed": time.Now().Add(-time.Second)}},
		"index":       {OK: true, Details: map[string]any{"entries": uint64(100_000), "lag": uint64(0)}},
		"correlation": {OK: false, Reason: "CloudTrail could not be read: ThrottlingException", Since: &began, Details: map[string]any{"source": "lookup-events"}},
	}}
}

func callID(n int) string { return fmt.Sprintf("019a8b3c-%04x-7000-8000-%012d", n&0xffff, n) }

func connectionID(n int) string {
	return fmt.Sprintf("aB+%04d/cDeFgHiJkLmNoPqRsTuVwXyZ0123456789abcdef%03d=", n, n%1000)
}

// hostile are texts that do something where a page is careless.
var hostile = []string{
	`<script>window.hacked=1</script>`,
	`"><img src=x onerror=window.hacked=1>`,
	`javascript:window.hacked=1`,
	`'-window.hacked=1-'`,
	`</title></textarea><svg onload=window.hacked=1>`,
	`{{.Viewer}}${window.hacked=1}`,
	`&lt;script&gt;` + "\u202eevil\u202c",
}

// writeLog writes a log as it stands after a busy day, faster than a journal
// would.
func writeLog(t testing.TB, dir string, entries int, now time.Time) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("segment-%020d.jsonl", 0)), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	random := rand.New(rand.NewPCG(1, 2))
	at := now.Add(-25 * time.Hour)
	step := 25 * time.Hour / time.Duration(entries+1)
	var line []byte
	index := 0
	write := func(e audit.Event) {
		if index >= entries {
			return
		}
		e.Index, e.Origin = uint64(index), origin
		if e.Time.IsZero() {
			e.Time = at
		}
		line = append(audit.AppendLine(line[:0], &e), '\n')
		w.Write(line)
		index++
		at = at.Add(step)
	}
	write(audit.Event{ID: audit.NewID(at), Kind: audit.KindSystem, Action: "start", Detail: "gatepost 0.1.0"})
	for index < entries {
		n := index
		e := audit.Event{
			ID: callID(n), Principal: []string{"installer-fra1", "installer-fra1", "installer-iad2", "installer-sin1"}[n%4],
			AccessKeyID: []string{"GPK7Q2M4X6ZB3N5C8V1L", "GPK7Q2M4X6ZB3N5C8V1L", "GPK2W4E6R8T0Y1U3I5O7", "GPK9Z8X7C6V5B4N3M2L1"}[n%4],
			SourceIP:    fmt.Sprintf("10.20.%d.%d", n%4, 1+n%200), SourcePort: uint16(30000 + n%20000), TLS: &audit.TLS{Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256"},
			UserAgent: "aws-cli/2.31.4 md/awscrt#0.27 ua/2.1 os/linux#6.8 lang/python#3.13", Operation: "GetConnection", ReadOnly: true, Region: "us-west-2",
			ConnectionID: connectionID(random.IntN(300)), Decision: audit.Allow, Kind: audit.KindOutcome, Status: 200, ErrorClass: audit.ErrorClassNone,
			ResponseBytes: 612, ResponseSHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		}
		switch dice := random.IntN(1000); {
		case dice < 620:
			e.Cache, e.DurationUS = audit.CacheHit, 300+int64(random.ExpFloat64()*400)
			e.Fill = &audit.Fill{EventID: callID(max(1, n-40)), RequestID: fmt.Sprintf("5a0b9d6e-0000-4000-8000-%012d", n), AgeMS: 12_000}
			write(e)
		case dice < 650:
			e.Cache, e.DurationUS = audit.CacheCoalesced, 40_000+int64(random.ExpFloat64()*20_000)
			write(e)
		case dice < 900:
			intent := e
			intent.Kind, intent.Status, intent.ErrorClass, intent.ResponseBytes, intent.ResponseSHA256, intent.Cache = audit.KindIntent, 0, "", 0, "", audit.CacheMiss
			write(intent)
			e.Cache, e.DurationUS, e.CommitUS = audit.CacheMiss, 60_000+int64(random.ExpFloat64()*30_000), 1800
			e.Upstream = &audit.Upstream{Account: "123456789012", IdentityARN: "arn:aws:sts::123456789012:assumed-role/gatepost/fra1", AccessKeyID: "ASIAEXAMPLEEXAMPLE00", Endpoint: "https://outposts.us-west-2.amazonaws.com"}
			e.Attempts = []audit.Attempt{{RequestID: fmt.Sprintf("5a0b9d6e-0000-4000-8000-%012d", n), Status: 200, DurationUS: e.DurationUS - 2000}}
			if dice < 670 {
				e.Status, e.ErrorClass, e.ErrorCode, e.Attempts[0].Status, e.Attempts[0].ErrorCode = 429, audit.ErrorClassThrottling, "ThrottlingException", 429, "ThrottlingException"
			}
			write(e)
			if n < entries*9/10 {
				state := "matched"
				if random.IntN(4000) == 0 {
					state = []string{"missing", "mismatched", "ambiguous"}[random.IntN(3)]
				}
				v := audit.Event{ID: audit.NewID(at), Kind: audit.KindVerdict, Of: e.ID, State: state, Evidence: "request_id", CloudTrailEventID: fmt.Sprintf("c7000000-0000-4000-8000-%012d", n), LagMS: 341_000}
				if state == "mismatched" {
					v.Differences = []string{"sourceIPAddress: 10.20.0.1, want 203.0.113.7"}
				}
				write(v)
			}
		case dice < 960:
			e.Decision, e.Reason, e.Cache, e.Status, e.ErrorClass = audit.Deny, "connection_not_allowed", audit.CacheNone, 403, audit.ErrorClassPolicy
			e.DurationUS, e.ResponseBytes, e.ResponseSHA256 = 210, 91, ""
			write(e)
		case dice < 985:
			e.Principal, e.Decision, e.Reason, e.Cache, e.Status, e.ErrorClass = "", audit.Deny, "signature", audit.CacheNone, 403, audit.ErrorClassSignature
			e.AccessKeyID, e.UserAgent, e.DurationUS = "AKIAIOSFODNN7EXAMPLE", hostile[n%len(hostile)], 180
			if n%7 == 0 {
				e.ConnectionID, e.AccessKeyID, e.Path = "", hostile[n%len(hostile)], "/"+hostile[(n+1)%len(hostile)]
			}
			write(e)
		case dice < 990:
			e.Cache, e.Status, e.ErrorClass, e.DurationUS = audit.CacheMiss, 504, audit.ErrorClassUpstreamTimeout, 10_002_000
			write(e)
		default:
			e.Operation, e.ReadOnly, e.Cache, e.DurationUS, e.ConnectionID, e.Path = "StartConnection", false, audit.CacheBypass, 142_000, "", "/connections"
			write(e)
		}
		if n%9001 == 0 && n > 0 {
			write(audit.Event{
				ID: audit.NewID(at), Kind: audit.KindFinding, State: "bypass", Operation: "GetConnection", ReadOnly: true, Region: "us-west-2", SourceIP: "198.51.100.23",
				UserAgent: hostile[n%len(hostile)], CloudTrailEventID: fmt.Sprintf("c7bb0000-0000-4000-8000-%012d", n), ConnectionID: connectionID(n % 300),
				Upstream: &audit.Upstream{Account: "123456789012", IdentityARN: "arn:aws:iam::123456789012:user/mallory", AccessKeyID: "AKIAIOSFODNN7EXAMPLE"},
				Attempts: []audit.Attempt{{RequestID: fmt.Sprintf("6b000000-0000-4000-8000-%012d", n)}}, LagMS: 402_000, Detail: "no call of this log has the request id, and no event token is in the user agent",
			})
		}
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// addHostile adds an event of every kind in which every text is hostile, and
// returns their ids.
func (s *site) addHostile(t *testing.T) (ids []string) {
	t.Helper()
	for n, text := range hostile {
		for _, kind := range []audit.Kind{audit.KindOutcome, audit.KindIntent, audit.KindFinding, audit.KindAdmin, audit.KindSystem, audit.KindVerdict} {
			e := audit.Event{
				ID: audit.NewID(time.Now()), Kind: kind, Principal: text, AccessKeyID: text, SourceIP: text, UserAgent: text, Operation: text, Region: text,
				ConnectionID: text, Path: text, Decision: audit.Decision(text), Reason: text, Cache: audit.CacheResult(text), Action: text, State: text, CloudTrailEventID: text,
				Evidence: text, Differences: []string{text}, Detail: text, ErrorCode: text, Status: 200 + n, TLS: &audit.TLS{Version: text, Cipher: text, Client: text},
				Fill: &audit.Fill{EventID: text, RequestID: text}, Upstream: &audit.Upstream{Account: text, IdentityARN: text, AccessKeyID: text, Endpoint: text},
				Attempts: []audit.Attempt{{RequestID: text, Status: 200, ErrorCode: text}},
			}
			if kind == audit.KindVerdict {
				e.Of = callID(1)
			}
			s.append(t, &e)
			ids = append(ids, e.ID)
		}
	}
	s.settle(t)
	return ids
}

func (s *site) append(t *testing.T, e *audit.Event) {
	t.Helper()
	if _, err := s.journal.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// settle waits until all can be found.
func (s *site) settle(t *testing.T) {
	t.Helper()
	if err := s.index.Wait(t.Context(), s.journal.Size()); err != nil {
		t.Fatal(err)
	}
}

func (s *site) now() time.Time { return time.Now() }

// call adds the outcome of a call.
func hit(principal string) *audit.Event {
	return &audit.Event{
		ID: audit.NewID(time.Now()), Kind: audit.KindOutcome, Principal: principal, AccessKeyID: "GPK7Q2M4X6ZB3N5C8V1L", SourceIP: "10.20.0.9", UserAgent: "aws-cli/2.31.4",
		Operation: "GetConnection", ReadOnly: true, Region: "us-west-2", ConnectionID: connectionID(1), Decision: audit.Allow, Cache: audit.CacheHit, Status: 200, DurationUS: 431,
	}
}

func (s *site) call(t *testing.T, principal string) *audit.Event {
	t.Helper()
	e := hit(principal)
	s.append(t, e)
	return e
}

// actions counts the admin events of a token from an index on.
func (s *site) actions(t *testing.T, from uint64, who string) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for line, err := range s.journal.Read(from) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := audit.ParseLine(line.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == audit.KindAdmin && e.Principal == "token:"+who {
			counts[e.Action]++
		}
	}
	return counts
}

// someCall is the id of the newest event with some values, given as names and
// values of the API's filters.
func (s *site) someCall(pairs ...string) string {
	var f index.Filter
	for i := 0; i < len(pairs); i += 2 {
		switch value := pairs[i+1]; pairs[i] {
		case "kind":
			f.Kind = audit.Kind(value)
		case "cache":
			f.Cache = audit.CacheResult(value)
		case "error_class":
			f.ErrorClass = audit.ErrorClass(value)
		case "state":
			f.State = value
		}
	}
	page, err := s.index.Query(context.Background(), f, "", 1)
	if err != nil || len(page.Entries) == 0 {
		panic(fmt.Sprint("no such call: ", pairs, err))
	}
	return page.Entries[0].Event.ID
}
