package metrics_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/metrics"
)

// Writers that meet at the same new series, while scrapers read: nothing is
// lost, nothing is counted twice. The race detector watches.
func TestConcurrentUse(t *testing.T) {
	m := newMetrics(t)
	const writers, rounds = 8, 500
	regions := []string{"us-west-2", "eu-central-1", "mars-1"}
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for i := range rounds {
				m.Requests.Observe(metrics.Request{Operation: "ListOutposts", Region: regions[i%3], Cache: "bypass", Decision: "allow", ErrorClass: "conflict"},
					time.Duration(i)*time.Microsecond, eventID(i))
				m.Upstream.Attempt("ListOutposts", regions[i%3], "conflict", time.Millisecond)
				m.Audit.Appended("outcome")
				m.Correlation.Found("bypass")
				m.Correlation.Lag(time.Minute)
				m.Audit.Committed(1, time.Millisecond, time.Millisecond)
				m.Audit.Track(func() metrics.AuditState { return metrics.AuditState{Healthy: true} })
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for range 20 {
				scrape(t, m, acceptOpenMetrics)
			}
		})
	}
	wg.Wait()

	text := scrape(t, m, acceptText)
	for _, want := range []string{
		`gatepost_requests_total{cache="bypass",decision="allow",error_class="conflict",operation="ListOutposts",region="us-west-2"} 1336`,
		`gatepost_requests_total{cache="bypass",decision="allow",error_class="conflict",operation="ListOutposts",region="eu-central-1"} 1336`,
		`gatepost_requests_total{cache="bypass",decision="allow",error_class="conflict",operation="ListOutposts",region="other"} 1328`,
		`gatepost_request_duration_seconds_count{cache="bypass",operation="ListOutposts"} 4000`,
		`gatepost_audit_entries_total{kind="outcome"} 4000`,
		`gatepost_audit_batch_entries_count 4000`,
		`gatepost_correlation_findings_total{kind="bypass"} 4000`,
		`gatepost_correlation_lag_seconds_count 4000`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
}
