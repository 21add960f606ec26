package console_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
)

// The exports of the findings have those that the page's filters choose, all of
// them, however many pages they fill.
func TestExportFindings(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	_, outcome := call(1)
	b.append(t, outcome)
	var open []string // oldest first
	finding := func(n int, change func(*audit.Event)) string {
		e := audit.Event{
			ID: audit.NewID(epoch), Kind: audit.KindFinding, Time: epoch.Add(time.Duration(n) * time.Second), State: "bypass", Region: "us-west-2",
			CloudTrailEventID: fmt.Sprintf("ct-%d", n), UserAgent: "=1+1",
		}
		if change != nil {
			change(&e)
		}
		return b.append(t, e)[0]
	}
	for n := range 1100 {
		open = append(open, finding(n, nil))
	}
	missing := b.append(t, audit.Event{ID: audit.NewID(epoch), Kind: audit.KindVerdict, Time: epoch.Add(2000 * time.Second), Of: callID(1), State: "missing"})[0]
	b.append(t, audit.Event{ID: audit.NewID(epoch), Kind: audit.KindVerdict, Time: epoch, Of: callID(1), OfAttempt: 1, State: "matched"})
	known := finding(2001, func(e *audit.Event) { e.State = "known_direct" })
	elsewhere := finding(2002, func(e *audit.Event) { e.Region = "eu-central-1" })
	seen := finding(2003, nil)
	b.settle(t)
	if r := b.sendBody(t, "POST", "/findings/"+eventID(t, seen)+"/acknowledge", b.operator, own(""), "note=seen"); r.status != 303 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	all := append(slices.Clone(open), missing, elsewhere)
	tests := []struct {
		name, query string
		want        []string // oldest first
	}{
		{"open", "", all},
		{"open, in so many words", "?acknowledged=false", all},
		{"acknowledged", "?acknowledged=true", []string{seen}},
		{"state of a finding", "?state=bypass", append(slices.Clone(open), elsewhere)},
		{"state of a verdict", "?state=missing", []string{missing}},
		{"expected", "?state=known_direct", []string{known}},
		{"state and acknowledged", "?acknowledged=true&state=missing", nil},
		{"region", "?region=eu-central-1", []string{elsewhere}},
		{"times", "?since=2026-11-23T12:00:07Z&until=2026-11-23T12:00:09Z", open[7:9]},
		{"since, on several pages", "?since=2026-11-23T12:08:20Z", all[500:]},
		{"text of the call", "?q=installer-1", []string{missing}},
		{"text", "?q=ct-1099", open[1099:1100]},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := slices.Clone(tt.want)
			slices.Reverse(want)
			links := exportLinks(t, b.get(t, "/findings"+tt.query).body)
			r := b.get(t, links["JSON lines"])
			if diff := cmp.Diff(want, linesOf(t, r.body, "\n"), cmp.Transformer("empty", func(l []string) []string { return append([]string{}, l...) })); diff != "" {
				t.Errorf("%s: %d (-want +got):\n%.2000s", links["JSON lines"], r.status, diff)
			}
			if d := r.header.Get("Content-Disposition"); !strings.HasPrefix(d, `attachment; filename="gatepost-findings-2`) || !strings.HasSuffix(d, `Z.jsonl"`) {
				t.Error(d)
			}
			e, asked := b.last(t), strings.TrimPrefix(links["JSON lines"], "/findings/export?")
			if e.Action != "export" || e.Path != "/findings/export" || e.Detail != asked || e.ID != r.header.Get("X-Gatepost-Event-Id") {
				t.Errorf("recorded %+v", e)
			}
			var indices, inTable, inOCSF []string
			for _, line := range want {
				e, err := audit.ParseLine([]byte(line))
				if err != nil {
					t.Fatal(err)
				}
				indices = append(indices, fmt.Sprint(e.Index))
			}
			for _, row := range table(t, b.get(t, links["CSV"]).body) {
				if row["kind"] == "finding" && row["user_agent"] != "'=1+1" {
					t.Fatalf("a formula: %s", row)
				}
				inTable = append(inTable, row["index"])
			}
			for _, line := range linesOf(t, b.get(t, links["OCSF"]).body, "\n") {
				var e struct{ Metadata struct{ Sequence uint64 } }
				if err := json.Unmarshal([]byte(line), &e); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				inOCSF = append(inOCSF, fmt.Sprint(e.Metadata.Sequence))
			}
			if !slices.Equal(inTable, indices) || !slices.Equal(inOCSF, indices) {
				t.Errorf("%d in CSV, %d in OCSF, want %d", len(inTable), len(inOCSF), len(indices))
			}
		})
	}
}

// What the page leads to stays within its filters.
func TestFindingsLinks(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	for n := range 60 {
		b.append(t, audit.Event{ID: audit.NewID(epoch), Kind: audit.KindFinding, Time: epoch.Add(time.Duration(n) * time.Second), State: "bypass", UserAgent: []string{"even", "odd"}[n%2]})
	}
	b.settle(t)
	path, got := "/findings?q=odd&state=bypass&until="+url.QueryEscape("2026-11-23T12:00:55Z"), 0
	for path != "" {
		r := b.get(t, path)
		got += strings.Count(r.body, "<article")
		if !strings.Contains(r.body, "q=odd&amp;state=missing&amp;until=2026-11-23T12%3A00%3A55Z") {
			t.Errorf("%s leads to another state without its filters", path)
		}
		_, rest, _ := strings.Cut(r.body, `rel="next" href="`)
		path, _, _ = strings.Cut(rest, `"`)
		path = strings.ReplaceAll(path, "&amp;", "&")
	}
	if got != 27 {
		t.Errorf("all pages have %d findings", got)
	}
}
