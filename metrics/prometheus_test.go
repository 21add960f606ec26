package metrics_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// tool returns the path of a program that a test needs and the project does not
// ship. Where everything must run, its absence is a failure.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("GATEPOST_TEST_REQUIRE") == "all" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

func TestPromtool(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), tool(t, "promtool"), "check", "metrics")
	m := newMetrics(t)
	exercise(m)
	cmd.Stdin = strings.NewReader(strings.Join(own(scrape(t, m, acceptText)), ""))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}

// Prometheus itself scrapes, once as OpenMetrics and once as protobuf, which it
// asks for when it wants native histograms.
func TestPrometheusScrapes(t *testing.T) {
	program := tool(t, "prometheus")
	tests := []struct {
		name     string
		features string
		accept   string
		count    string // of the observed calls
		traced   string // what carries the exemplar
	}{
		{"OpenMetrics", "exemplar-storage", "application/openmetrics-text",
			`gatepost_request_duration_seconds_count{cache="miss"}`, "gatepost_request_duration_seconds_bucket"},
		{"protobuf", "exemplar-storage,native-histograms", "application/vnd.google.protobuf",
			`histogram_count(gatepost_request_duration_seconds{cache="miss"})`, "gatepost_request_duration_seconds"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // Prometheus takes its first look at its targets after 5 s
			m := newMetrics(t)
			exercise(m)
			id := eventID(1)
			m.Requests.Observe(missed, 3*time.Millisecond, id)

			scrapes := make(chan string) // the Accept header of each scrape
			handler := m.Handler(slog.New(slog.DiscardHandler))
			target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				select {
				case scrapes <- r.Header.Get("Accept"):
				case <-r.Context().Done():
				}
				handler.ServeHTTP(w, r)
			}))
			t.Cleanup(target.Close)
			api := startPrometheus(t, program, target.Listener.Addr().String(), tt.features)

			if accept := next(t, scrapes); !strings.HasPrefix(accept, tt.accept) {
				t.Errorf("Accept %q, want %s first", accept, tt.accept)
			}
			next(t, scrapes) // a second scrape begins when the first has been stored

			for query, want := range map[string]string{
				`up`:                     "1",
				`gatepost_audit_healthy`: "1",
				`gatepost_requests_total{operation="GetConnection",region="us-west-2",cache="hit",error_class="none"}`: "2",
				tt.count: "1",
			} {
				if got := api.query(t, query); got != want {
					t.Errorf("%s = %s, want %s", query, got, want)
				}
			}
			if got := api.exemplars(t, tt.traced); !strings.Contains(got, id) {
				t.Errorf("no exemplar %s in %s", id, got)
			}
		})
	}
}

func next(t *testing.T, scrapes <-chan string) string {
	t.Helper()
	select {
	case accept := <-scrapes:
		return accept
	case <-time.After(time.Minute):
		t.Fatal("prometheus does not scrape")
		return ""
	}
}

type prometheusAPI struct{ base string }

// startPrometheus runs a server that scrapes target, and ends it with the test.
func startPrometheus(t *testing.T, program, target, features string) prometheusAPI {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, `
global: {scrape_interval: 250ms, scrape_timeout: 250ms}
scrape_configs:
  - job_name: gatepost
    static_configs: [{targets: [%q]}]
`, target), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program,
		"--config.file="+config,
		"--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:0",
		"--enable-feature="+features)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listening := regexp.MustCompile(`msg="Listening on" address=(\S+)`)
	address := make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			fmt.Fprintln(t.Output(), lines.Text())
			if match := listening.FindStringSubmatch(lines.Text()); match != nil {
				address <- match[1]
			}
		}
	}()
	t.Cleanup(func() { // t.Context is done by now, so the server has been killed
		<-ended
		cmd.Wait()
	})
	select {
	case a := <-address:
		return prometheusAPI{base: "http://" + a + "/api/v1/"}
	case <-ended:
		t.Fatal("prometheus ended before it listened")
		return prometheusAPI{}
	}
}

func (p prometheusAPI) get(t *testing.T, path string, params url.Values) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.base+path+"?"+params.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s", path, resp.Status, body)
	}
	return body
}

// query returns the value of a query that has one.
func (p prometheusAPI) query(t *testing.T, query string) string {
	t.Helper()
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	body := p.get(t, "query", url.Values{"query": {query}})
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Data.Result) != 1 {
		return fmt.Sprintf("%d results", len(answer.Data.Result))
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1])
}

func (p prometheusAPI) exemplars(t *testing.T, query string) string {
	t.Helper()
	now := time.Now()
	return string(p.get(t, "query_exemplars", url.Values{
		"query": {query},
		"start": {now.Add(-time.Hour).Format(time.RFC3339)},
		"end":   {now.Add(time.Hour).Format(time.RFC3339)},
	}))
}
