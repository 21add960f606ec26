package metrics_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/metrics"
)

var missed = metrics.Request{Operation: "GetConnection", Region: "us-west-2", Cache: "miss", Decision: "allow", ErrorClass: "none"}

func eventID(n int) string { return fmt.Sprintf("0198c2f4-8a52-7d3e-9c41-%012d", n) }

// exemplarLine is the part of OpenMetrics 1.0 that an exemplar may stand in:
// sample, value, and after the number sign its label, value and timestamp.
var exemplarLine = regexp.MustCompile(`^gatepost_request_duration_seconds_bucket\{cache="miss",operation="GetConnection",le="([^"]+)"\} \d+ # \{event_id="([^"]+)"\} ([0-9.e+-]+) ([0-9.e+-]+)\n$`)

// exemplars returns the event id that each bucket shows.
func exemplars(t *testing.T, m *metrics.Metrics) map[string]string {
	t.Helper()
	text := scrape(t, m, acceptOpenMetrics)
	if !strings.HasSuffix(text, "\n# EOF\n") {
		t.Fatal("not OpenMetrics: no EOF marker")
	}
	found := make(map[string]string)
	for line := range strings.Lines(text) {
		if !strings.Contains(line, " # {") {
			continue
		}
		match := exemplarLine.FindStringSubmatch(line)
		if match == nil {
			t.Fatalf("not an exemplar of a missed GetConnection: %s", line)
		}
		found[match[1]] = match[2]
	}
	return found
}

func TestExemplars(t *testing.T) {
	const fast, slow = 3 * time.Millisecond, 3 * time.Second // buckets 0.005 and 5.0
	synctest.Test(t, func(t *testing.T) {
		m := newMetrics(t)
		m.Requests.Observe(missed, fast, eventID(1))
		m.Requests.Observe(missed, fast, eventID(2)) // in the same second: passed over
		m.Requests.Observe(missed, slow, eventID(3)) // rare, so never passed over for the many
		if diff := cmp.Diff(map[string]string{"0.005": eventID(1), "5.0": eventID(3)}, exemplars(t, m)); diff != "" {
			t.Errorf("at first (-want +got):\n%s", diff)
		}

		time.Sleep(999 * time.Millisecond)
		m.Requests.Observe(missed, fast, eventID(4))
		if got := exemplars(t, m)["0.005"]; got != eventID(1) {
			t.Errorf("before a second is over: %s, want %s", got, eventID(1))
		}

		time.Sleep(time.Millisecond)
		m.Requests.Observe(missed, fast, eventID(5))
		m.Requests.Observe(missed, fast, eventID(6))
		if diff := cmp.Diff(map[string]string{"0.005": eventID(5), "5.0": eventID(3)}, exemplars(t, m)); diff != "" {
			t.Errorf("a second later (-want +got):\n%s", diff)
		}

		m.Requests.Observe(missed, time.Minute, eventID(7)) // past the last bound
		if got := exemplars(t, m)["+Inf"]; got != eventID(7) {
			t.Errorf("past the last bound: %q, want %s", got, eventID(7))
		}
	})
}

func TestExemplarsAreNotInText(t *testing.T) {
	m := newMetrics(t)
	m.Requests.Observe(missed, time.Millisecond, eventID(1))
	for line := range strings.Lines(scrape(t, m, acceptText)) {
		if strings.Contains(line, eventID(1)) {
			t.Errorf("the text format shows an event id: %s", line)
		}
	}
}

// An id that can't be an exemplar costs the exemplar, never the observation.
func TestUnfitEventIDs(t *testing.T) {
	for name, id := range map[string]string{
		"empty":     "",
		"too long":  strings.Repeat("a", 65),
		"not UTF-8": "0198c2f4-\xff",
	} {
		t.Run(name, func(t *testing.T) {
			m := newMetrics(t)
			m.Requests.Observe(missed, time.Millisecond, id)
			if found := exemplars(t, m); len(found) != 0 {
				t.Errorf("exemplars %v, want none", found)
			}
			const count = `gatepost_request_duration_seconds_count{cache="miss",operation="GetConnection"} 1` + "\n"
			if !strings.Contains(scrape(t, m, acceptText), count) {
				t.Error("the call was not counted")
			}
		})
	}
}

// The unfit id must not use up the bucket's turn.
func TestUnfitEventIDTakesNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMetrics(t)
		m.Requests.Observe(missed, time.Millisecond, "")
		m.Requests.Observe(missed, time.Millisecond, eventID(1))
		if got := exemplars(t, m)["0.001"]; got != eventID(1) {
			t.Errorf("exemplar %q, want %s", got, eventID(1))
		}
	})
}

func TestHistogramsAreNativeToo(t *testing.T) {
	m := newMetrics(t)
	exercise(m)
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	native := make(map[string]bool)
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if h := metric.GetHistogram(); h != nil && strings.HasPrefix(family.GetName(), "gatepost_") && h.Schema != nil {
				native[family.GetName()] = true
				if len(h.GetBucket()) == 0 {
					t.Errorf("%s has no classic buckets", family.GetName())
				}
			}
		}
	}
	want := map[string]bool{
		"gatepost_request_duration_seconds":          true,
		"gatepost_upstream_request_duration_seconds": true,
		"gatepost_audit_commit_duration_seconds":     true,
		"gatepost_audit_fsync_duration_seconds":      true,
		"gatepost_correlation_lag_seconds":           true,
	}
	if diff := cmp.Diff(want, native); diff != "" {
		t.Errorf("native histograms (-want +got):\n%s", diff)
	}
}
