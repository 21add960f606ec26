package metrics_test

import (
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/gatepost-proxy/gatepost/metrics"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	acceptText        = "text/plain;version=0.0.4"
	acceptOpenMetrics = "application/openmetrics-text;version=1.0.0"
)

func testConfig() metrics.Config {
	return metrics.Config{
		Build:          metrics.Build{Version: "1.2.3", Commit: "0a1b2c3", GoVersion: "go1.26.8"},
		Operations:     []string{"GetConnection", "StartConnection", "ListOutposts"},
		Regions:        []string{"us-west-2", "eu-central-1"},
		AuditRefusals:  []string{"full", "timeout"},
		CacheEvictions: []string{"capacity", "expired"},
		CacheFills:     []string{"stored", "incomplete"},
		Rejections:     []string{"bare_lf", "method"},

		CorrelationFindings: []string{"bypass", "known_direct", "foreign_instance", "amended"},
		CloudTrailLookups:   []string{"ok", "throttled"},
	}
}

func newMetrics(t testing.TB) *metrics.Metrics {
	t.Helper()
	m, err := metrics.New(testConfig())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// scrape returns what the handler answers to a scraper that asks for accept.
func scrape(t testing.TB, m *metrics.Metrics, accept string) string {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	req.Header.Set("Accept", accept)
	req.Header.Set("Accept-Encoding", "gzip")
	rec := httptest.NewRecorder()
	m.Handler(slog.New(slog.NewTextHandler(t.Output(), nil))).ServeHTTP(rec, req)
	if rec.Code != http.StatusOK {
		t.Fatalf("status %d: %s", rec.Code, rec.Body)
	}
	if enc := rec.Header().Get("Content-Encoding"); enc != "" {
		t.Fatalf("Content-Encoding %q, want none", enc)
	}
	return rec.Body.String()
}

// own keeps the lines, comments included, of gatepost's own families.
func own(exposition string) []string {
	var lines []string
	for line := range strings.Lines(exposition) {
		name := strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE ")
		if strings.HasPrefix(name, "gatepost_") {
			lines = append(lines, line)
		}
	}
	return lines
}

// series counts gatepost's own series.
func series(exposition string) int {
	n := 0
	for _, line := range own(exposition) {
		if !strings.HasPrefix(line, "#") {
			n++
		}
	}
	return n
}

// exercise uses every method once or more, with values that never change.
func exercise(m *metrics.Metrics) {
	hit := metrics.Request{Operation: "GetConnection", Region: "us-west-2", Cache: "hit", Decision: "allow", ErrorClass: "none"}
	m.Requests.Observe(hit, 900*time.Microsecond, "0198c2f4-8a52-7d3e-9c41-3f6f5f0b7a10")
	m.Requests.Observe(hit, 700*time.Microsecond, "")
	m.Requests.Observe(metrics.Request{Operation: "ListOutposts", Region: "us-west-2", Cache: "bypass", Decision: "allow", ErrorClass: "throttling"}, 80*time.Millisecond, "")
	m.Requests.Observe(metrics.Request{Operation: "Unknown", Region: "mars-1", Cache: "none", Decision: "deny", ErrorClass: "unknown_operation"}, -time.Second, "")

	m.Upstream.Attempt("GetConnection", "us-west-2", "none", 70*time.Millisecond)
	m.Upstream.Attempt("Unknown", "us-west-2", "conflict", 40*time.Second)
	m.Upstream.InFlight(+3)
	m.Upstream.InFlight(-1)
	m.Upstream.CredentialsExpiry(time.Unix(1_800_000_000, 500e6))

	m.Cache.Evicted("capacity")
	m.Cache.Evicted("surprise")
	m.Cache.Filled("stored")
	m.Cache.Track(func() metrics.CacheState { return metrics.CacheState{Entries: 12, Bytes: 7168} })

	m.Audit.Appended("intent")
	m.Audit.Appended("outcome")
	m.Audit.Committed(2, 3*time.Millisecond, 2*time.Millisecond)
	m.Audit.Refused("full")
	m.Audit.Track(func() metrics.AuditState {
		return metrics.AuditState{Healthy: true, FreeBytes: 5 << 30, Reserve: 256 << 20, Checkpoint: time.Unix(1_790_000_000, 0)}
	})

	m.Correlation.Lag(4 * time.Minute)
	m.Correlation.Lag(-time.Second) // CloudTrail's clock is ahead
	m.Correlation.Found("bypass")
	m.Correlation.Looked("throttled")
	m.Correlation.Track(func() metrics.CorrelationState {
		return metrics.CorrelationState{
			Attempts:    map[string]uint64{"matched": 40, "pending": 2, "undreamt of": 1, "unheard of": 1},
			LastSuccess: time.Unix(1_790_000_030, 0),
		}
	})

	m.Rejections.Rejected("bare_lf")
	m.Rejections.Rejected("never seen before")

	m.Keys.Track(func() metrics.ReloadState {
		return metrics.ReloadState{OK: true, Loaded: time.Unix(1_790_000_000, 0), Expiry: time.Unix(1_800_000_000, 0)}
	})
	m.TLS.Track(func() metrics.ReloadState { return metrics.ReloadState{} })
}

func TestExposition(t *testing.T) {
	m := newMetrics(t)
	exercise(m)
	got := strings.Join(own(scrape(t, m, acceptText)), "")

	const golden = "testdata/exposition.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("exposition (-want +got), run with -update if meant:\n%s", diff)
	}
}

func TestExpositionHasRuntimeAndProcess(t *testing.T) {
	text := scrape(t, newMetrics(t), acceptText)
	for _, name := range []string{"go_goroutines", "process_start_time_seconds"} {
		if !strings.Contains(text, "\n"+name+" ") {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestLint(t *testing.T) {
	m := newMetrics(t)
	exercise(m)
	problems, err := testutil.GatherAndLint(m.Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestGaugesAreAbsentUntilTold(t *testing.T) {
	m := newMetrics(t)
	text := scrape(t, m, acceptText)
	for _, name := range []string{"audit_healthy", "cache_entries", "upstream_credentials_expiry_timestamp_seconds", "config_last_reload_successful",
		"config_earliest_expiry_timestamp_seconds", "correlation_attempts", "correlation_last_success_timestamp_seconds"} {
		if strings.Contains(text, "\ngatepost_"+name) {
			t.Errorf("%s has a value that nobody gave", name)
		}
	}
	healthy := true
	m.Audit.Track(func() metrics.AuditState { return metrics.AuditState{Healthy: healthy} })
	if text := scrape(t, m, acceptText); !strings.Contains(text, "\ngatepost_audit_healthy 1\n") {
		t.Error("audit_healthy is not 1")
	} else if strings.Contains(text, "\ngatepost_audit_checkpoint_timestamp_seconds") {
		t.Error("a checkpoint that was never made has a time")
	}
	healthy = false
	if !strings.Contains(scrape(t, m, acceptText), "\ngatepost_audit_healthy 0\n") {
		t.Error("audit_healthy is not read again at each scrape")
	}
}

func TestCredentialsThatDoNotExpire(t *testing.T) {
	m := newMetrics(t)
	const name = "\ngatepost_upstream_credentials_expiry_timestamp_seconds"
	m.Upstream.CredentialsExpiry(time.Unix(1_800_000_000, 0))
	if !strings.Contains(scrape(t, m, acceptText), name+" 1.8e+09\n") {
		t.Error("the expiry is missing")
	}
	m.Upstream.CredentialsExpiry(time.Time{})
	if !strings.Contains(scrape(t, m, acceptText), name+" +Inf\n") {
		t.Error("credentials that never expire are not told from none")
	}
}

func TestFailedCollectionFailsTheScrape(t *testing.T) {
	m := newMetrics(t)
	m.Cache.Track(func() metrics.CacheState { panic("cache closed") })
	rec := httptest.NewRecorder()
	m.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if rec.Code != http.StatusInternalServerError {
		t.Errorf("status %d, want 500", rec.Code)
	}
}

func TestNewRefusesBadLabelValues(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*metrics.Config)
		want  string
	}{
		{"empty region", func(c *metrics.Config) { c.Regions = []string{""} }, "regions"},
		{"operation not UTF-8", func(c *metrics.Config) { c.Operations = []string{"\xff"} }, "operations"},
		{"reason not UTF-8", func(c *metrics.Config) { c.AuditRefusals = []string{"\xff"} }, "audit refusals"},
		{"commit not UTF-8", func(c *metrics.Config) { c.Build.Commit = "\xff" }, "build"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := testConfig()
			tt.spoil(&c)
			_, err := metrics.New(c)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one that names %q", err, tt.want)
			}
		})
	}
}
