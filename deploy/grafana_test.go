package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

type dashboard struct {
	Title         string `json:"title"`
	UID           string `json:"uid"`
	SchemaVersion int    `json:"schemaVersion"`
	Annotations   struct {
		List []struct {
			Name       string     `json:"name"`
			Datasource datasource `json:"datasource"`
			Expr       string     `json:"expr"`
		} `json:"list"`
	} `json:"annotations"`
	Templating struct {
		List []struct {
			Name       string     `json:"name"`
			Type       string     `json:"type"`
			Datasource datasource `json:"datasource"`
			Definition string     `json:"definition"`
		} `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type panel struct {
	ID         int        `json:"id"`
	Type       string     `json:"type"`
	Title      string     `json:"title"`
	Datasource datasource `json:"datasource"`
	Grid       grid       `json:"gridPos"`
	Targets    []struct {
		Datasource datasource `json:"datasource"`
		Expr       string     `json:"expr"`
		RefID      string     `json:"refId"`
	} `json:"targets"`
	FieldConfig struct {
		Defaults struct {
			Unit string `json:"unit"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
	Links []struct {
		URL string `json:"url"`
	} `json:"links"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type grid struct{ X, Y, W, H int }

func (g grid) overlaps(o grid) bool {
	return g.X < o.X+o.W && o.X < g.X+g.W && g.Y < o.Y+o.H && o.Y < g.Y+g.H
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	text, err := os.ReadFile("grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// queries are the dashboard's, by where they stand, with Grafana's variables
// filled in.
func (d dashboard) queries() map[string]string {
	fill := strings.NewReplacer("$__rate_interval", "5m", "$job", "gatepost", "$instance", ".*")
	all := make(map[string]string)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all[fmt.Sprintf("panel %d %s, %s", p.ID, p.Title, target.RefID)] = fill.Replace(target.Expr)
		}
	}
	for _, a := range d.Annotations.List {
		all["annotation "+a.Name] = fill.Replace(a.Expr)
	}
	return all
}

// What Grafana needs to load it into any installation, and what a reader needs.
func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	if d.Title != "gatepost" || d.UID != "gatepost" || d.SchemaVersion < 39 {
		t.Errorf("title %q, uid %q, schemaVersion %d", d.Title, d.UID, d.SchemaVersion)
	}
	anywhere := datasource{Type: "prometheus", UID: "${datasource}"}
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name)
		if v.Type == "query" && v.Datasource != anywhere {
			t.Errorf("variable %s is of the data source %v", v.Name, v.Datasource)
		}
	}
	if want := []string{"datasource", "job", "instance"}; !slices.Equal(variables, want) {
		t.Errorf("variables %v, want %v", variables, want)
	}
	alerts := make(map[string]bool)
	for _, r := range readRules(t) {
		if r.Alert != "" {
			alerts[strings.ToLower(r.Alert)] = true
		}
	}
	var rows []string
	ids := make(map[int]bool)
	for i, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("%s: the id %d is taken", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Grid.W <= 0 || p.Grid.H <= 0 || p.Grid.X < 0 || p.Grid.X+p.Grid.W > 24 {
			t.Errorf("%s: at %+v", p.Title, p.Grid)
		}
		for _, o := range d.Panels[:i] {
			if p.Grid.overlaps(o.Grid) {
				t.Errorf("%s lies over %s", p.Title, o.Title)
			}
		}
		if p.Type == "row" {
			rows = append(rows, p.Title)
			continue
		}
		if len(p.Targets) == 0 || p.FieldConfig.Defaults.Unit == "" || p.Datasource != anywhere {
			t.Errorf("%s: %d queries, unit %q, data source %v", p.Title, len(p.Targets), p.FieldConfig.Defaults.Unit, p.Datasource)
		}
		for _, target := range p.Targets {
			if target.Datasource != anywhere {
				t.Errorf("%s: a query of the data source %v", p.Title, target.Datasource)
			}
			if !strings.Contains(target.Expr, `{job=~"$job",instance=~"$instance"`) {
				t.Errorf("%s: not of the chosen instances: %s", p.Title, target.Expr)
			}
		}
		for _, l := range p.Links {
			if _, section, _ := strings.Cut(l.URL, "/deploy/"+runbook+"#"); !alerts[section] {
				t.Errorf("%s: no section of the runbook at %s", p.Title, l.URL)
			}
		}
	}
	if want := []string{"Now", "Calls", "Latency", "Cache", "Audit log", "AWS", "Correlation with CloudTrail", "Process and files"}; !slices.Equal(rows, want) {
		t.Errorf("rows %v, want %v", rows, want)
	}
}

// Prometheus understands each query: promtool reads them as rules.
func TestDashboardQueriesParse(t *testing.T) {
	tool := promtool(t)
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for where, query := range readDashboard(t).queries() {
		fmt.Fprintf(&rules, "  - {record: query, labels: {panel: %q}, expr: %q}\n", where, query)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if stdout, stderr, status := run(t, tool, "check", "rules", "--lint=none", file); status != 0 {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}

// The dashboard asks for what gatepost has, and shows all that it has.
func TestDashboardUsesWhatThereIs(t *testing.T) {
	known := exposed(t)
	known["ALERTS"] = []string{"alertname", "alertstate"}
	var all strings.Builder
	for where, query := range readDashboard(t).queries() {
		checkNames(t, where, query, known)
		fmt.Fprintln(&all, query)
	}
	for name := range known {
		family := name
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			family = strings.TrimSuffix(family, part)
		}
		if strings.HasPrefix(name, "gatepost_") && name != "gatepost_config_last_reload_success_timestamp_seconds" && !strings.Contains(all.String(), family) {
			t.Errorf("no panel shows %s", family)
		}
	}
}
