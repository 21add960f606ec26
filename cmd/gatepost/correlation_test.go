package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/outposts"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/cloudtrailtest"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/lookup"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/trail"
	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
)

// correlated is a gate whose AWS has a CloudTrail.
func correlated(t *testing.T, trail cloudtrailtest.Config, correlate map[string]any) (*gate, *cloudtrailtest.Server) {
	t.Helper()
	sim, err := cloudtrailtest.Start(trail)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	settings := map[string]any{"source": "lookup-events", "endpoint": sim.URL, "poll_interval": "200ms", "lookups_per_second": 50, "late_after": "1s", "settle_after": "4s"}
	maps.Copy(settings, correlate)
	g := startGate(t, gateOptions{
		aws: outpoststest.Config{Observer: func(c outpoststest.Call) {
			if c.Service == outpoststest.ServiceOutposts {
				sim.Add(recordedCall(c))
			}
		}},
		config: map[string]any{"correlate": settings},
	})
	return g, sim
}

// direct calls AWS without gatepost, with the same credentials.
func (g *gate) direct(t *testing.T, id string) {
	t.Helper()
	client := outposts.New(outposts.Options{Region: g.AWS.Region(), BaseEndpoint: &g.AWS.URL, Credentials: g.AWS.Credentials()})
	if _, err := client.GetConnection(t.Context(), &outposts.GetConnectionInput{ConnectionId: aws.String(id)}); err != nil {
		t.Fatal(err)
	}
}

// decided are the log's verdicts and findings of a state.
func (g *gate) decided(t *testing.T, kind audit.Kind, state string) []audit.Event {
	t.Helper()
	return slices.DeleteFunc(g.Log(t), func(e audit.Event) bool { return e.Kind != kind || e.State != state })
}

func TestCorrelation(t *testing.T) {
	g, _ := correlated(t, cloudtrailtest.Config{}, nil)
	call := g.Call(t, "GET", "/connections/"+plainConnection, "")
	hit := g.Call(t, "GET", "/connections/"+plainConnection, "")
	id, requestID := call.header.Get("X-Gatepost-Event-Id"), call.header.Get("X-Amzn-Requestid")
	g.AWS.Script(outpoststest.Fault{Damage: outpoststest.CloseBeforeAnswer, Times: 2})
	lost := g.Call(t, "GET", "/connections/a%2Fb%2B=", "")
	if lost.status != 502 {
		t.Fatalf("an answer that was lost twice: %v", lost)
	}
	g.direct(t, plainConnection)
	waitFor(t, "the verdicts and the finding", func() bool {
		return len(g.decided(t, audit.KindVerdict, "matched")) == 3 && len(g.decided(t, audit.KindFinding, "bypass")) == 1
	})

	evidence := map[string]int{}
	for _, v := range g.decided(t, audit.KindVerdict, "matched") {
		evidence[v.Of+" "+v.Evidence]++
	}
	if want := map[string]int{id + " request_id": 1, lost.header.Get("X-Gatepost-Event-Id") + " event_token": 2}; !maps.Equal(evidence, want) {
		t.Errorf("verdicts by %v, want %v", evidence, want)
	}

	t.Run("story", func(t *testing.T) {
		for _, asked := range []string{id, requestID} {
			var story struct {
				State    string
				Attempts []struct{ State, Evidence string }
				Verdicts []audit.Event
				Record   struct{ EventName, RequestID string } `json:"cloudtrail_record"`
			}
			var body string
			waitFor(t, "the index to have the verdict", func() bool {
				_, body = g.ask(t, "GET", "/api/v1/events/"+asked, "")
				return strings.Contains(body, `"kind":"verdict"`)
			})
			if err := json.Unmarshal([]byte(body), &story); err != nil {
				t.Fatal(err)
			}
			if story.State != "matched" || len(story.Attempts) != 1 || story.Attempts[0].State != "matched" || len(story.Verdicts) != 1 ||
				story.Record.RequestID != requestID || story.Record.EventName != "GetConnection" {
				t.Errorf("%s: %s", asked, body)
			}
		}
		_, body := g.ask(t, "GET", "/api/v1/events/"+hit.header.Get("X-Gatepost-Event-Id"), "")
		if !strings.Contains(body, `"state":"derived"`) || !strings.Contains(body, `"matched"`) || !strings.Contains(body, requestID) {
			t.Errorf("story of a hit: %s", body)
		}
	})
	t.Run("by state", func(t *testing.T) {
		for state, want := range map[string]string{"derived": hit.header.Get("X-Gatepost-Event-Id"), "matched": id} {
			if _, body := g.ask(t, "GET", "/api/v1/events?state="+state, ""); !strings.Contains(body, want) {
				t.Errorf("%s: %s", state, body)
			}
		}
	})
	t.Run("findings", func(t *testing.T) {
		var body string
		waitFor(t, "the index to have the finding", func() bool {
			_, body = g.ask(t, "GET", "/api/v1/findings", "")
			return strings.Contains(body, "bypass")
		})
		if strings.Count(body, `"state":"bypass"`) == 0 || !strings.Contains(body, plainConnection) || !strings.Contains(body, "arn:aws:iam::123456789012:user/gatepost") {
			t.Errorf("findings: %s", body)
		}
		out, err := exec.Command("gatepost", "audit", "findings", "--data-dir", g.logDir(), "--output", "json").CombinedOutput()
		if err != nil || !strings.Contains(string(out), `"bypass"`) {
			t.Errorf("audit findings: %v\n%s", err, out)
		}
	})
	t.Run("show", func(t *testing.T) {
		out, err := exec.Command("gatepost", "audit", "show", requestID, "--data-dir", g.logDir()).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "matched") || !strings.Contains(string(out), id) {
			t.Errorf("audit show: %v\n%s", err, out)
		}
	})
	t.Run("metrics", func(t *testing.T) {
		for series, want := range map[string]float64{
			`gatepost_correlation_attempts{state="matched"}`: 3, `gatepost_correlation_attempts{state="derived"}`: 1, `gatepost_correlation_attempts{state="missing"}`: 0,
			`gatepost_correlation_findings_total{kind="bypass"}`: 1, `gatepost_correlation_lag_seconds_count`: 3,
		} {
			waitFor(t, fmt.Sprintf("%s to be %v", series, want), func() bool { return g.Metric(t, series) == want })
		}
		if g.Metric(t, "gatepost_correlation_last_success_timestamp_seconds") < float64(time.Now().Add(-time.Minute).Unix()) || g.Metric(t, `gatepost_cloudtrail_lookups_total{result="ok"}`) < 1 {
			t.Error("no success is known")
		}
	})
}

// A call whose record never comes is missing once its time was read in full, by a scan that saw another one; without such a canary nothing is.
func TestMissing(t *testing.T) {
	sim, err := cloudtrailtest.Start(cloudtrailtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	g := startGate(t, gateOptions{
		aws: outpoststest.Config{Observer: func(c outpoststest.Call) {
			if c.Service == outpoststest.ServiceOutposts && c.ConnectionID != "====" {
				sim.Add(recordedCall(c))
			}
		}},
		config: map[string]any{"correlate": map[string]any{"source": "lookup-events", "endpoint": sim.URL, "poll_interval": "200ms", "lookups_per_second": 50, "late_after": "1s", "settle_after": "3s"}},
	})
	gone := g.Call(t, "GET", "/connections/====", "").header.Get("X-Gatepost-Event-Id")
	waitFor(t, "late", func() bool { return len(g.decided(t, audit.KindVerdict, "late")) == 1 })
	if got := g.decided(t, audit.KindVerdict, "missing"); len(got) > 0 {
		t.Fatalf("missing without a canary: %+v", got)
	}
	g.Call(t, "GET", "/connections/"+plainConnection, "") // the canary
	waitFor(t, "missing", func() bool {
		missing := g.decided(t, audit.KindVerdict, "missing")
		return len(missing) == 1 && missing[0].Of == gone
	})
	if got := g.Metric(t, `gatepost_correlation_attempts{state="missing"}`); got != 1 {
		t.Errorf("%v missing by the metric", got)
	}
}

// Behind heals by itself; broken wants an operator, and is told what to do. Neither makes anything missing, or loses it.
func TestCorrelationReadiness(t *testing.T) {
	g, sim := correlated(t, cloudtrailtest.Config{}, nil)
	type component struct {
		OK      bool
		Reason  string
		Details struct{ Behind bool }
	}
	correlation := func() component {
		_, body := g.ask(t, "GET", "/readyz", "")
		var ready struct{ Components map[string]component }
		if err := json.Unmarshal([]byte(body), &ready); err != nil {
			t.Fatal(err)
		}
		return ready.Components["correlation"]
	}
	waitFor(t, "well", func() bool { c := correlation(); return c.OK && !c.Details.Behind })

	throttled := cloudtrailtest.Throttled()
	throttled.Times = -1
	sim.Script(throttled)
	waitFor(t, "behind", func() bool { c := correlation(); return c.OK && c.Details.Behind })
	id := g.Call(t, "GET", "/connections/"+plainConnection, "").header.Get("X-Gatepost-Event-Id")

	sim.Heal()
	denied := cloudtrailtest.Denied()
	denied.Times = -1
	sim.Script(denied)
	waitFor(t, "broken", func() bool {
		c := correlation()
		return !c.OK && strings.Contains(c.Reason, "cloudtrail:LookupEvents")
	})
	if status, _ := g.ask(t, "GET", "/readyz", ""); status != http.StatusOK {
		t.Errorf("calls are answered, and readiness is %d", status)
	}
	if err := g.Stop(t); err != nil {
		t.Fatal(err)
	}
	sim.Heal()
	g.Start(t)
	waitFor(t, "the verdict after a restart", func() bool {
		matched := g.decided(t, audit.KindVerdict, "matched")
		return len(matched) == 1 && matched[0].Of == id
	})
	if got := g.decided(t, audit.KindVerdict, "missing"); len(got) > 0 {
		t.Errorf("missing: %+v", got)
	}
}

// Calls that are expected to go round are labelled.
func TestKnownDirect(t *testing.T) {
	g, _ := correlated(t, cloudtrailtest.Config{}, map[string]any{"known_direct": []map[string]string{
		{"principal_arn": "arn:aws:iam::123456789012:user/*", "source_ip": "127.0.0.0/8"},
	}})
	for range 3 {
		g.direct(t, plainConnection)
	}
	waitFor(t, "three findings", func() bool { return len(g.decided(t, audit.KindFinding, "known_direct")) == 3 })
	if got := g.decided(t, audit.KindFinding, "bypass"); len(got) > 0 {
		t.Errorf("bypass: %+v", got)
	}
	waitFor(t, "the metric", func() bool { return g.Metric(t, `gatepost_correlation_findings_total{kind="known_direct"}`) == 3 })
}

// The same question asked offline, of a trail's files, beside the running gate; and by a gate whose source they are.
func TestTrailFiles(t *testing.T) {
	sim, err := cloudtrailtest.Start(cloudtrailtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	dir := t.TempDir()
	g := startGate(t, gateOptions{
		aws: outpoststest.Config{Observer: func(c outpoststest.Call) {
			if c.Service == outpoststest.ServiceOutposts {
				sim.Add(recordedCall(c))
			}
		}},
		config: map[string]any{"correlate": map[string]any{"source": "trail-files", "trail_dir": dir, "poll_interval": "200ms", "late_after": "1s", "settle_after": "4s"}},
	})
	id := g.Call(t, "GET", "/connections/"+plainConnection, "").header.Get("X-Gatepost-Event-Id")
	deliver := func() { // everything so far, anew
		t.Helper()
		now := time.Now()
		if err := os.RemoveAll(filepath.Join(dir, "AWSLogs")); err != nil {
			t.Fatal(err)
		}
		if err := sim.Trail(cloudtrailtest.TrailConfig{Dir: dir, Start: now.Add(-2 * time.Hour).Truncate(time.Hour)}).Write(now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	deliver()
	waitFor(t, "the verdict", func() bool {
		matched := g.decided(t, audit.KindVerdict, "matched")
		return len(matched) == 1 && matched[0].Of == id
	})
	for _, result := range trail.Results() {
		if !slices.Contains(lookup.Results(), result) {
			t.Errorf("the metric has no result %q", result)
		}
	}
	waitFor(t, "the metric of readings", func() bool { return g.Metric(t, `gatepost_cloudtrail_lookups_total{result="ok"}`) >= 2 })
	reconcile := func(want int, texts ...string) {
		t.Helper()
		out, err := exec.Command("gatepost", "audit", "reconcile", "--trail", dir, "--data-dir", g.logDir()).CombinedOutput()
		code := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			code = exit.ExitCode()
		}
		if code != want {
			t.Errorf("exit status %d, want %d", code, want)
		}
		for _, text := range texts {
			if !strings.Contains(string(out), text) {
				t.Errorf("no %q in\n%s", text, out)
			}
		}
	}
	reconcile(0, "matched          1")

	g.direct(t, plainConnection)
	deliver()
	waitFor(t, "the finding", func() bool { return len(g.decided(t, audit.KindFinding, "bypass")) == 1 })
	reconcile(1, "matched          1", "bypass           1", "arn:aws:iam::123456789012:user/gatepost")

	if out, err := exec.Command("gatepost", "audit", "reconcile", "--trail", dir+"/none", "--data-dir", g.logDir()).CombinedOutput(); err == nil || err.(*exec.ExitError).ExitCode() != 2 {
		t.Errorf("no trail: %v\n%s", err, out)
	}
}
