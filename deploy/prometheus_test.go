package deploy_test

import (
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
)

const (
	rulesFile = "prometheus.rules.yaml"
	casesFile = "prometheus.rules.test.yaml"
	runbook   = "RUNBOOK.md"
)

// promtool returns the program's path. Where everything must run, its absence is
// a failure.
func promtool(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err == nil {
		return path
	}
	if os.Getenv("GATEPOST_TEST_REQUIRE") == "all" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

func TestRules(t *testing.T) {
	for _, args := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", rulesFile},
		{"test", "rules", casesFile},
	} {
		t.Run(args[0], func(t *testing.T) {
			t.Parallel()
			if stdout, stderr, status := run(t, promtool(t), args...); status != 0 {
				t.Errorf("promtool %s: exit status %d\n%s%s", strings.Join(args, " "), status, stdout, stderr)
			}
		})
	}
}

type rule struct {
	Record      string            `yaml:"record"`
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func readRules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	readYAML(t, rulesFile, &file)
	var rules []rule
	for _, g := range file.Groups {
		rules = append(rules, g.Rules...)
	}
	if len(rules) == 0 {
		t.Fatalf("%s has no rules", rulesFile)
	}
	return rules
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalWithOptions(text, into, yaml.DisallowUnknownField()); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// Each alert tells how bad it is, what happened, on which numbers, and where its
// section of the runbook stands; each section is an alert's.
func TestRunbook(t *testing.T) {
	var alerts []string
	for _, r := range readRules(t) {
		if r.Alert == "" {
			continue
		}
		alerts = append(alerts, r.Alert)
		if s := r.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity %q", r.Alert, s)
		}
		for _, name := range []string{"summary", "description"} {
			if r.Annotations[name] == "" {
				t.Errorf("%s has no %s", r.Alert, name)
			}
		}
		// How GitHub names the section.
		if url, section := r.Annotations["runbook_url"], "/deploy/"+runbook+"#"+strings.ToLower(r.Alert); !strings.HasSuffix(url, section) {
			t.Errorf("%s: runbook_url %s, want …%s", r.Alert, url, section)
		}
	}
	text, err := os.ReadFile(runbook)
	if err != nil {
		t.Fatal(err)
	}
	var sections []string
	for part := range strings.SplitSeq(string(text), "\n## ") {
		name, body, _ := strings.Cut(part, "\n")
		if strings.HasPrefix(name, "# ") {
			continue // the title
		}
		sections = append(sections, name)
		for _, says := range []string{"**Means.** ", "**Look at.** ", "**Do.** "} {
			if strings.Count(body, "\n"+says) != 1 {
				t.Errorf("the section %s does not say once %s", name, says)
			}
		}
	}
	if diff := cmp.Diff(alerts, sections); diff != "" {
		t.Errorf("alerts of %s and sections of %s, in their order (-alerts +sections):\n%s", rulesFile, runbook, diff)
	}
}

// Each alert has a case in which it is silent, then fires, then is silent again,
// and each recording rule a value.
func TestEachRuleHasCases(t *testing.T) {
	var file struct {
		RuleFiles []string `yaml:"rule_files"`
		Interval  string   `yaml:"evaluation_interval"`
		Order     []string `yaml:"group_eval_order"`
		Tests     []struct {
			Name     string              `yaml:"name"`
			Interval string              `yaml:"interval"`
			Series   []map[string]string `yaml:"input_series"`
			Alerts   []struct {
				Time  string `yaml:"eval_time"`
				Alert string `yaml:"alertname"`
				Want  []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
			Values []struct {
				Expr string `yaml:"expr"`
				Time string `yaml:"eval_time"`
				Want []any  `yaml:"exp_samples"`
			} `yaml:"promql_expr_test"`
		} `yaml:"tests"`
	}
	readYAML(t, casesFile, &file)
	var recorded strings.Builder
	whole := make(map[string]bool)
	for _, test := range file.Tests {
		course := make(map[string]string)
		for _, a := range test.Alerts {
			if len(a.Want) > 0 {
				course[a.Alert] += "!"
			} else {
				course[a.Alert] += "."
			}
		}
		for alert, c := range course {
			whole[alert] = whole[alert] || c == ".!."
		}
		for _, v := range test.Values {
			if len(v.Want) > 0 {
				recorded.WriteString(v.Expr + "\n")
			}
		}
	}
	for _, r := range readRules(t) {
		switch {
		case r.Alert != "" && !whole[r.Alert]:
			t.Errorf("no case in which %s is silent, fires, and is silent again", r.Alert)
		case r.Record != "" && !regexp.MustCompile(regexp.QuoteMeta(r.Record)+`\b`).MatchString(recorded.String()):
			t.Errorf("no case for the value of %s", r.Record)
		}
	}
}

// Every way in which a call can end is somebody's fault, or nobody's, and only
// once; and what counts against the objective is what is gatepost's.
func TestFaultsShareOutTheErrorClasses(t *testing.T) {
	matcher := regexp.MustCompile(`error_class(=~|=)"([^"]*)"`)
	faults := make(map[string][]string)
	var gateposts, counted string
	for _, r := range readRules(t) {
		match := matcher.FindStringSubmatch(r.Expr)
		switch {
		case r.Record == "instance_fault:gatepost_requests:rate5m":
			if match == nil {
				t.Fatalf("no error classes in %s", r.Expr)
			}
			for _, class := range audit.ErrorClasses() {
				if regexp.MustCompile("^(?:" + match[2] + ")$").MatchString(string(class)) {
					faults[string(class)] = append(faults[string(class)], r.Labels["fault"])
				}
			}
			if r.Labels["fault"] == "gatepost" {
				gateposts = match[2]
			}
		case strings.HasPrefix(r.Record, "instance:gatepost_requests_failed:"), strings.HasPrefix(r.Alert, "GatepostErrorBudgetBurning"):
			if counted = match[2]; counted != gateposts {
				t.Errorf("%s%s counts %s, gatepost's fault is %s", r.Record, r.Alert, counted, gateposts)
			}
		}
	}
	for _, class := range audit.ErrorClasses() {
		if n := len(faults[string(class)]); n != 1 {
			t.Errorf("%s is the fault of %v, want one", class, faults[string(class)])
		}
	}
	if counted == "" {
		t.Error("nothing counts against the objective")
	}
}

// exposed are the metrics that gatepost has, by name, each with the names of its
// labels, as the golden exposition and the rules have them.
func exposed(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../metrics/testdata/exposition.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string][]string{
		// Of Prometheus, and of the collectors of Go and of the process.
		"up": {}, "process_start_time_seconds": {}, "process_resident_memory_bytes": {}, "process_cpu_seconds_total": {}, "go_goroutines": {},
	}
	label := regexp.MustCompile(`(\w+)="`)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, labels, _ := strings.Cut(line[:strings.LastIndex(line, " ")], "{")
		for _, l := range label.FindAllStringSubmatch(labels, -1) {
			names[name] = append(names[name], l[1])
		}
		names[name] = slices.Compact(slices.Sorted(slices.Values(names[name])))
	}
	for _, r := range readRules(t) {
		if r.Record != "" {
			names[r.Record] = append(names[r.Record], slices.Collect(maps.Keys(r.Labels))...)
		}
	}
	return names
}

var (
	selector = regexp.MustCompile(`([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?`)
	grouping = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)`)
	quoted   = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	matching = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)`)
	words    = regexp.MustCompile(`^(?:and|or|unless|bool|offset|by|without|on|ignoring|group_left|group_right|inf|nan|[smhdwy]|e\d*)$`)
)

// checkNames reports every metric and label of a query that gatepost does not have.
func checkNames(t *testing.T, where, query string, known map[string][]string) {
	t.Helper()
	query = grouping.ReplaceAllString(quoted.ReplaceAllString(query, `""`), " ")
	query = regexp.MustCompile(`\[[^\]]*\]`).ReplaceAllString(query, "")
	for _, at := range selector.FindAllStringSubmatchIndex(query, -1) {
		name, labels := query[at[2]:at[3]], ""
		if at[4] >= 0 {
			labels = query[at[4]:at[5]]
		}
		rest := strings.TrimSpace(query[at[1]:])
		if strings.HasPrefix(rest, "(") || words.MatchString(name) || at[2] > 0 && strings.ContainsAny(query[at[2]-1:at[2]], "0123456789.") {
			continue // a function, an operator, a number's unit
		}
		has, ok := known[name]
		if !ok {
			t.Errorf("%s: gatepost has no metric %s", where, name)
			continue
		}
		for _, l := range matching.FindAllStringSubmatch(labels, -1) {
			if !slices.Contains(has, l[1]) && l[1] != "job" && l[1] != "instance" {
				t.Errorf("%s: %s has no label %s, but %v", where, name, l[1], has)
			}
		}
	}
}

func TestRulesUseWhatThereIs(t *testing.T) {
	known := exposed(t)
	for _, r := range readRules(t) {
		checkNames(t, r.Record+r.Alert, r.Expr, known)
	}
}

// The table of metrics in README.md is what the exposition says of itself.
func TestReadmeListsTheMetrics(t *testing.T) {
	text, err := os.ReadFile("../metrics/testdata/exposition.txt")
	if err != nil {
		t.Fatal(err)
	}
	type family struct{ Type, Labels, Help string }
	want := make(map[string]family)
	labels := make(map[string][]string)
	current := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if help, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, says, _ := strings.Cut(help, " ")
			current, want[name] = name, family{Help: says}
			continue
		}
		f := want[current]
		if kind, ok := strings.CutPrefix(line, "# TYPE "+current+" "); ok {
			f.Type = kind
		}
		for _, l := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(line, -1) {
			if l[1] != "le" && !slices.Contains(labels[current], l[1]) {
				labels[current] = append(labels[current], l[1])
			}
		}
		f.Labels = strings.Join(slices.Sorted(slices.Values(labels[current])), ", ")
		want[current] = f
	}

	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]family)
	for _, row := range regexp.MustCompile("(?m)^\\| `(gatepost_\\w+)` \\| (.*?) \\| (.*?) ?\\| (.*) \\|$").FindAllStringSubmatch(string(readme), -1) {
		got[row[1]] = family{Type: row[2], Labels: row[3], Help: row[4]}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-exposition +README.md):\n%s", diff)
	}
}
