package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/cloudtrailtest"
	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
)

// site is what the alerts are tried on: gates that are in trouble in different ways, and one that is well.
type site struct {
	well      *gate
	faulty    *gate // with a key that expires in three days
	refusing  *gate // whose log may not be written
	gone      *gate
	unequal   *gate // whose CloudTrail tells other stories
	blind     *gate // whose CloudTrail can't be read
	blindfold *cloudtrailtest.Server
}

// The connections whose calls the site's CloudTrail does not record as they were.
const (
	unrecordedConnection = "dW5yZWNvcmRlZA=="
	alteredConnection    = "YWx0ZXJlZA=="
)

func startSite(t *testing.T) *site {
	t.Helper()
	s := &site{
		well: startGate(t, gateOptions{}),
		faulty: startGate(t, gateOptions{
			keys: callerKeys + fmt.Sprintf("    expires: %s\n", time.Now().Add(3*24*time.Hour).UTC().Format(time.RFC3339)),
		}),
		refusing: startGate(t, gateOptions{config: map[string]any{"audit": map[string]any{"reserve": "1TiB"}}}),
		gone:     startGate(t, gateOptions{}),
	}
	trail, err := cloudtrailtest.Start(cloudtrailtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(trail.Close)
	s.unequal = startGate(t, gateOptions{
		aws: outpoststest.Config{Observer: func(c outpoststest.Call) {
			recorded := recordedCall(c)
			switch {
			case c.Service != outpoststest.ServiceOutposts || c.ConnectionID == unrecordedConnection:
				return
			case c.ConnectionID == alteredConnection:
				recorded.ConnectionID = plainConnection
			}
			trail.Add(recorded)
		}},
		config: map[string]any{"correlate": map[string]any{
			"source": "lookup-events", "endpoint": trail.URL, "poll_interval": "200ms", "lookups_per_second": 50, "late_after": "1s", "settle_after": "3s",
		}},
	})
	s.blind, s.blindfold = correlated(t, cloudtrailtest.Config{}, nil)
	return s
}

func (s *site) gates() []*gate {
	return []*gate{s.well, s.faulty, s.refusing, s.gone, s.unequal, s.blind}
}

// provocations bring about what each alert is for. Those that take a restart, a day, or a disk are left to the cases of promtool, and so is how
// long each cause has to last.
func provocations() []struct {
	alert   string
	at      func(*site) *gate
	provoke func(*testing.T, *site)
} {
	calls := func(g func(*site) *gate, connections ...string) func(*testing.T, *site) {
		return func(t *testing.T, s *site) {
			for _, id := range connections {
				g(s).Call(t, "GET", "/connections/"+id, "")
			}
		}
	}
	var uncached []string
	for i := range 12 {
		uncached = append(uncached, fmt.Sprintf("conn%016d", i))
	}
	well := func(s *site) *gate { return s.well }
	faulty := func(s *site) *gate { return s.faulty }
	refusing := func(s *site) *gate { return s.refusing }
	gone := func(s *site) *gate { return s.gone }
	unequal := func(s *site) *gate { return s.unequal }
	blind := func(s *site) *gate { return s.blind }
	return []struct {
		alert   string
		at      func(*site) *gate
		provoke func(*testing.T, *site)
	}{
		{"", well, calls(well, plainConnection, plainConnection, awkwardConnection)}, // no alert, whatever it is asked
		{"GatepostDown", gone, func(_ *testing.T, s *site) { s.gone.Kill() }},
		{"GatepostKeyExpiring", faulty, nil},
		{"GatepostReloadFailing", faulty, func(t *testing.T, s *site) { s.faulty.Write(t, "keys.yaml", "keys: nonsense") }},
		{"GatepostErrorBudgetBurningFast", faulty, func(t *testing.T, s *site) {
			s.faulty.AWS.Close()
			calls(faulty, uncached...)(t, s)
		}},
		{"GatepostErrorBudgetBurning", faulty, nil},
		{"GatepostLogRefusing", refusing, nil},
		{"GatepostLogStalling", refusing, calls(refusing, plainConnection, plainConnection)},
		{"GatepostDiskLow", refusing, nil},
		{"GatepostBypassFound", unequal, func(t *testing.T, s *site) { s.unequal.direct(t, plainConnection) }},
		{"GatepostMismatchFound", unequal, calls(unequal, alteredConnection)},
		{"GatepostMissingFound", unequal, calls(unequal, unrecordedConnection, plainConnection)}, // the latter is the canary
		{"GatepostCorrelatorBroken", blind, func(_ *testing.T, s *site) {
			denied := cloudtrailtest.Denied()
			denied.Times = -1
			s.blindfold.Script(denied)
		}},
	}
}

// impatient are the rules as they are deployed, but for how long a cause has to last.
func impatient(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "prometheus.rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	rules := string(text)
	for _, change := range []struct{ is, becomes string }{
		{`(?m)^( +for): \w+$`, "${1}: 2s"}, // a scrape that a busy machine misses is no cause
		{`\[\d+[mhd]\]`, "[30s]"},
		{`, 86400\)`, ", 1)"}, // half a minute tells nothing of a day
		{`> 900\b`, "> 2"},    // since CloudTrail was read
	} {
		changed := regexp.MustCompile(change.is).ReplaceAllString(rules, change.becomes)
		if changed == rules {
			t.Fatalf("the rules have no %s", change.is)
		}
		rules = changed
	}
	return rules
}

// The alerts as Prometheus itself raises them, from what the binary exposes: each when its cause is there, none on a gate that is well. And what
// the dashboard asks has answers.
func TestAlerts(t *testing.T) {
	program := tool(t, "prometheus")
	s := startSite(t)
	var targets []string
	for _, g := range s.gates() {
		targets = append(targets, g.admin)
	}
	p := startPrometheus(t, program, targets, impatient(t))
	waitFor(t, "two scrapes of each", func() bool { // so that what follows is an increase
		return slices.Equal(p.query(t, `count(count_over_time(up[30s]) >= 2)`), []string{fmt.Sprint(len(targets))})
	})

	for _, c := range provocations() {
		if c.provoke != nil {
			c.provoke(t, s)
		}
	}
	s.well.Raw("nonsense\r\n\r\n") // for the dashboard
	for _, c := range provocations() {
		if c.alert != "" {
			waitFor(t, c.alert, func() bool { return slices.Contains(p.alerts(t, c.at(s).admin), c.alert) })
		}
	}
	if got := p.alerts(t, s.well.admin); len(got) > 0 {
		t.Errorf("%v on a gate that is well", got)
	}

	t.Run("dashboard", func(t *testing.T) {
		for where, query := range dashboardQueries(t) {
			if got := p.query(t, query); len(got) == 0 {
				t.Errorf("%s: nothing for %s", where, query)
			}
		}
	})
	t.Run("resolved", func(t *testing.T) {
		s.faulty.Write(t, "keys.yaml", callerKeys)
		s.blindfold.Heal()
		waitFor(t, "the end of what was mended", func() bool {
			faulty, blind := p.alerts(t, s.faulty.admin), p.alerts(t, s.blind.admin)
			return !slices.Contains(faulty, "GatepostReloadFailing") && !slices.Contains(faulty, "GatepostKeyExpiring") && !slices.Contains(blind, "GatepostCorrelatorBroken")
		})
	})
}

// dashboardQueries are those of the panels, by title, with Grafana's variables filled in.
func dashboardQueries(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "grafana.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, RefID string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("$__rate_interval", "30s", "$job", "gatepost", "$instance", ".*")
	queries := make(map[string]string)
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			queries[panel.Title+" "+target.RefID] = fill.Replace(target.Expr)
		}
	}
	return queries
}

// prometheus is a running server's API.
type prometheus struct{ api string }

// startPrometheus runs a server that scrapes targets and evaluates rules twice a second, and ends it with the test.
func startPrometheus(t *testing.T, program string, targets []string, rules string) prometheus {
	t.Helper()
	dir := t.TempDir()
	list, err := json.Marshal(targets)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"rules.yml": rules,
		"prometheus.yml": fmt.Sprintf(`
global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}
rule_files: [rules.yml]
scrape_configs:
  - job_name: gatepost
    static_configs: [{targets: %s}]
`, list),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), program, "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := &tail{}
	address, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		listening := regexp.MustCompile(`msg="Listening on" address=(\S+)`)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			said.add(lines.Text())
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				address <- m[1]
			}
		}
	}()
	t.Cleanup(func() { // t.Context is done by now, so the server has been killed
		<-ended
		cmd.Wait()
		if t.Failed() {
			t.Logf("prometheus's stderr:\n%s", said)
		}
	})
	select {
	case a := <-address:
		waitFor(t, "prometheus", func() bool {
			resp, err := http.Get("http://" + a + "/-/ready")
			if err != nil {
				return false
			}
			resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		})
		return prometheus{api: "http://" + a + "/api/v1/"}
	case <-ended:
		t.Fatalf("prometheus ended before it listened:\n%s", said)
		return prometheus{}
	}
}

func (p prometheus) get(t *testing.T, path string, params url.Values, into any) {
	t.Helper()
	resp, err := http.Get(p.api + path + "?" + params.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Status string
		Error  string
		Data   json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Status != "success" {
		t.Fatalf("%s %v: %s %s %v", path, params, resp.Status, answer.Error, err)
	}
	if err := json.Unmarshal(answer.Data, into); err != nil {
		t.Fatal(err)
	}
}

// query returns the values of a query.
func (p prometheus) query(t *testing.T, query string) []string {
	t.Helper()
	var data struct {
		Result []struct{ Value [2]any }
	}
	p.get(t, "query", url.Values{"query": {query}}, &data)
	var values []string
	for _, r := range data.Result {
		values = append(values, fmt.Sprint(r.Value[1]))
	}
	return values
}

// alerts are those that fire for an instance.
func (p prometheus) alerts(t *testing.T, instance string) []string {
	t.Helper()
	var data struct {
		Alerts []struct {
			State  string
			Labels map[string]string
		}
	}
	p.get(t, "alerts", nil, &data)
	var names []string
	for _, a := range data.Alerts {
		if a.State == "firing" && a.Labels["instance"] == instance {
			names = append(names, a.Labels["alertname"])
		}
	}
	return names
}
