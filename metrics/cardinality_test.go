package metrics_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/metrics"
)

// junk is what a hostile caller, or a bug, may offer as a label value.
func junk(r *rand.Rand) string {
	b := make([]byte, r.IntN(40))
	for i := range b {
		b[i] = byte(r.UintN(256))
	}
	return string(b)
}

func observeAll(m *metrics.Metrics, value func() string) {
	m.Requests.Observe(metrics.Request{Operation: value(), Region: value(), Cache: value(), Decision: value(), ErrorClass: value()}, time.Millisecond, value())
	m.Upstream.Attempt(value(), value(), value(), time.Millisecond)
	m.Cache.Evicted(value())
	m.Cache.Filled(value())
	m.Audit.Appended(value())
	m.Audit.Refused(value())
	m.Rejections.Rejected(value())
	m.Correlation.Found(value())
	m.Correlation.Looked(value())
	attempts := map[string]uint64{value(): 1}
	m.Correlation.Track(func() metrics.CorrelationState { return metrics.CorrelationState{Attempts: attempts} })
}

// What the documentation says exists before the first call.
func TestExpectedSeries(t *testing.T) {
	text := scrape(t, newMetrics(t), acceptText)
	regions := len(testConfig().Regions)
	for family, want := range map[string]int{
		"gatepost_requests_total":          80*regions + 1,
		"gatepost_upstream_requests_total": 24*regions + 1,
	} {
		if got := strings.Count(text, "\n"+family+"{"); got != want {
			t.Errorf("%s has %d series, want %d", family, got, want)
		}
	}
}

func TestJunkAddsNoSeries(t *testing.T) {
	m := newMetrics(t)
	m.Correlation.Track(func() metrics.CorrelationState { return metrics.CorrelationState{} })
	before := series(scrape(t, m, acceptText))
	r := rand.New(rand.NewPCG(1, 2))
	const calls = 10_000
	for range calls {
		observeAll(m, func() string { return junk(r) })
	}
	text := scrape(t, m, acceptText)
	if after := series(text); after != before {
		t.Errorf("%d series before, %d after", before, after)
	}
	for _, want := range []string{
		`gatepost_requests_total{cache="other",decision="other",error_class="other",operation="other",region="other"} 10000`,
		`gatepost_upstream_requests_total{error_class="other",operation="other",region="other"} 10000`,
		`gatepost_cache_evictions_total{reason="other"} 10000`,
		`gatepost_cache_fills_total{result="other"} 10000`,
		`gatepost_audit_entries_total{kind="other"} 10000`,
		`gatepost_audit_refusals_total{reason="other"} 10000`,
		`gatepost_http_rejected_total{reason="other"} 10000`,
		`gatepost_correlation_findings_total{kind="other"} 10000`,
		`gatepost_cloudtrail_lookups_total{result="other"} 10000`,
		`gatepost_correlation_attempts{state="other"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
}

// Known values in every combination, junk among them: the number of series
// stays under the product of the sets, and no label leaves its set.
func TestSeriesAreBoundedByTheSets(t *testing.T) {
	m := newMetrics(t)
	c := testConfig()
	values := slices.Concat(c.Operations, c.Regions, c.AuditRefusals, c.CacheEvictions, c.CacheFills, c.Rejections, c.CorrelationFindings, c.CloudTrailLookups,
		metrics.ErrorClasses(), metrics.EventKinds(), metrics.CacheResults(), metrics.Decisions(), metrics.CorrelationStates(), []string{"Unknown", "other"})
	r := rand.New(rand.NewPCG(3, 4))
	for range 10_000 {
		observeAll(m, func() string {
			if r.IntN(4) == 0 {
				return junk(r)
			}
			return values[r.IntN(len(values))]
		})
	}
	text := scrape(t, m, acceptText)

	operations, regions := len(c.Operations)+2, len(c.Regions)+1
	bound := operations * regions * 6 * 3 * len(metrics.ErrorClasses())
	if n := strings.Count(text, "\ngatepost_requests_total{"); n > bound || n < 100 {
		t.Errorf("requests_total has %d series, want some and at most %d", n, bound)
	}
	label := regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
	for _, line := range own(text) {
		for _, pair := range label.FindAllStringSubmatch(line, -1) {
			switch pair[1] {
			case "le", "file", "version", "commit", "goversion", "fips":
				continue
			}
			if !slices.Contains(values, pair[2]) {
				t.Fatalf("label %s has the value %q, which is in no set: %s", pair[1], pair[2], line)
			}
		}
	}
}
