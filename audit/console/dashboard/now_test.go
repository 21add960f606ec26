package dashboard_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/console/dashboard"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestAttention(t *testing.T) {
	t.Parallel()
	began := noon.Add(-time.Hour)
	reason := "why"
	tests := []struct {
		name string
		now  dashboard.Now
		want []string
	}{
		{"nothing", dashboard.Now{Ready: true}, nil},
		{"all is well", dashboard.Now{
			Ready: true,
			Components: map[string]dashboard.Component{
				"audit": {OK: true, Details: map[string]any{"free_bytes": int64(10 << 30), "reserve_bytes": int64(256 << 20)}},
				"index": {OK: true, Details: map[string]any{"lag": uint64(12)}},
				"tls":   {OK: true, Details: map[string]any{"not_after": noon.Add(90 * 24 * time.Hour)}},
			},
			Keys: []dashboard.Key{{ID: "A"}, {ID: "B", Expires: noon.Add(15 * 24 * time.Hour)}, {ID: "C", Expires: began, Disabled: true}},
			Open: []dashboard.OpenFindings{{State: "bypass"}},
		}, nil},
		{"everything, the worst first", dashboard.Now{
			Components: map[string]dashboard.Component{
				"audit":       {Reason: reason, Since: began, Details: map[string]any{"free_bytes": int64(100), "reserve_bytes": int64(256)}},
				"ledger":      {Reason: reason},
				"correlation": {Reason: reason},
				"upstream":    {Reason: reason},
				"keys":        {Reason: reason},
				"index":       {OK: true, Details: map[string]any{"lag": uint64(20_000)}},
				"tls":         {OK: true, Details: map[string]any{"not_after": noon.Add(24 * time.Hour)}},
			},
			Keys: []dashboard.Key{{ID: "B", Principal: "p", Expires: noon.Add(24 * time.Hour)}, {ID: "A", Principal: "p", Expires: began}},
			Open: []dashboard.OpenFindings{{State: "foreign_instance", Count: 1}, {State: "bypass", Count: 100, More: true}},
		}, []string{
			"bad Not ready", "bad The log refuses", "bad AWS cannot be asked", "bad Nothing is signed", "bad CloudTrail is not compared", "bad More than 100 open findings: bypass",
			"warn 1 open finding: foreign instance", "warn The certificate expires", "warn The disk fills up", "warn Index is behind", "warn Keys",
			"warn The key A of p has expired", "warn The key B of p expires",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.now.At = noon
			var got []string
			for _, a := range tt.now.Attention() {
				got = append(got, string(a.Tone)+" "+a.What)
				if a.Link == "" {
					t.Errorf("%s leads nowhere", a.What)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFigures(t *testing.T) {
	t.Parallel()
	v := dashboard.Now{Since: noon.Add(-time.Hour), Until: noon, Step: time.Minute, Points: []index.Point{
		{Start: noon.Add(-30 * time.Minute), Calls: 60, ByCache: map[string]uint64{"hit": 30, "coalesced": 10, "miss": 10, "none": 10}, ByErrorClass: map[string]uint64{"none": 45, "policy": 6, "signature": 4, "throttling": 5}},
		{Start: noon.Add(-20 * time.Minute), Calls: 40, ByCache: map[string]uint64{"hit": 40}, ByErrorClass: map[string]uint64{"none": 40}},
	}}
	for i := range 200 {
		e := index.Entry{Event: audit.Event{Kind: audit.KindOutcome, DurationUS: int64(i + 1), Cache: audit.CacheHit}}
		v.Newest = append(v.Newest, e)
	}
	var got []string
	for _, f := range v.Figures() {
		got = append(got, strings.ReplaceAll(f.Name+" "+f.Value+", "+f.Note, "\u00a0", " "))
	}
	want := []string{"Calls 100, 1.7 a minute on average", "Hit ratio 88.9 %, 80 of 90 looked up", "Refused 10, 10.0 % of calls", "Failed 5, 5.0 % of calls", "Median time 100 µs, 99 of 100 within 198 µs"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, f := range (dashboard.Now{Until: noon, Since: noon.Add(-time.Hour)}).Figures() {
		if strings.Contains(f.Value+f.Note, "NaN") || f.Note == "" {
			t.Errorf("without calls: %+v", f)
		}
	}
}

func TestChart(t *testing.T) {
	t.Parallel()
	v := dashboard.Now{Since: noon.Add(-4 * time.Minute), Until: noon, Step: time.Minute, Points: []index.Point{
		{Start: noon.Add(-4 * time.Minute), Calls: 3, ByCache: map[string]uint64{"hit": 1, "miss": 2}},
		{Start: noon.Add(-1 * time.Minute), Calls: 10, ByCache: map[string]uint64{"hit": 4, "new<word>": 6}},
		{Start: noon.Add(5 * time.Minute), Calls: 99, ByCache: map[string]uint64{"hit": 99}}, // is not of this time
	}}
	c := v.Charts()[0]
	if c.Steps != 4 || c.Most != "10" || c.Half != "5" || c.Total != 13 {
		t.Errorf("%+v", c)
	}
	var got []string
	for _, s := range c.Series {
		got = append(got, fmt.Sprintf("%s %d %s %s", s.Name, s.Total, s.Class, s.Path))
	}
	want := []string{
		"hit 5 c-hit M0 901h9v-99h-9zM30 604h9v-396h-9z",
		"miss 2 c-miss M0 703h9v-198h-9z",
		"new<word> 6 c-none M30 10h9v-594h-9z",
	}
	want[0] = "hit 5 c-hit M0 1000h9v-99h-9zM30 1000h9v-396h-9z"
	want[1] = "miss 2 c-miss M0 901h9v-198h-9z"
	want[2] = "new<word> 6 c-none M30 604h9v-594h-9z"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(c.Columns) != 2 || c.Columns[1].X != 30 || c.Columns[1].Text != "2026-11-23 11:59 UTC, 1\u00a0min: 4 hit, 6 new<word>" {
		t.Errorf("%+v", c.Columns)
	}
	if c.Summary != "Calls by cache: 5 hit, 2 miss, 6 new<word>" {
		t.Errorf("%s", c.Summary)
	}
	for _, r := range dashboard.Ranges() {
		v := dashboard.Now{Since: noon.Add(-r.Length), Until: noon, Step: r.Step}
		for _, c := range v.Charts() {
			if n := len(c.XTicks); n < 2 || n > 5 || c.Steps > 70 || !strings.HasSuffix(c.Summary, "no calls") {
				t.Errorf("%s: %d ticks, %d steps, %s", r.Name, n, c.Steps, c.Summary)
			}
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	v := dashboard.Now{Components: map[string]dashboard.Component{
		"index": {OK: true, Details: map[string]any{"lag": uint64(3), "bytes": int64(2048), "signed": noon, "never": time.Time{}, "offset_ms": int64(-12), "empty": "", "on": true, "s3://copy": map[string]any{"ok": true, "age_seconds": 90}}},
		"audit": {Reason: "disk_full"},
	}}
	h := v.Health()
	if len(h) != 2 || h[0].Name != "Audit" || h[0].OK || h[1].Name != "Index" {
		t.Fatalf("%+v", h)
	}
	var got []string
	for _, d := range h[1].Details {
		got = append(got, fmt.Sprintf("%s=%s%s", d.Name, d.Text, map[bool]string{true: "", false: d.Time.Format(time.RFC3339)}[d.Time.IsZero()]))
	}
	want := []string{"bytes=2.0\u00a0KiB", "lag=3", "offset=−12\u00a0ms", "on=yes", "s3://copy age=1\u00a0min 30\u00a0s", "s3://copy ok=yes", "signed=2026-11-23T12:00:00Z"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
