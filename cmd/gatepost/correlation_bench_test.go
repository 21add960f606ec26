package main

import (
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/cloudtrailtest"
)

// BenchmarkCorrelationBeside drives hits, by turns, at a gate that holds its log against CloudTrail and at one that does not, and reports
// what of a hit's 99th percentile and rate is left with correlation on. Run it by itself.
func BenchmarkCorrelationBeside(b *testing.B) {
	wrk := tool(b, "wrk")
	trail, err := cloudtrailtest.Start(cloudtrailtest.Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(trail.Close)
	start := func(correlate map[string]any) *gate {
		return startGate(b, gateOptions{config: map[string]any{"cache": map[string]any{"ttl": "15m"}, "correlate": correlate}})
	}
	off := start(nil)
	on := start(map[string]any{"source": "lookup-events", "endpoint": trail.URL, "poll_interval": "1s", "lookups_per_second": 2, "late_after": "1m", "settle_after": "5m"})
	path := "/connections/" + plainConnection
	for _, g := range []*gate{off, on} {
		waitForStatus(b, g.URL()+path, g.Sign(b, "GET", path), 200)
	}
	var tails, rates []float64
	for b.Loop() {
		offTail, offRate := latency(b, wrk, off, path)
		onTail, onRate := latency(b, wrk, on, path)
		tails, rates = append(tails, float64(onTail)/float64(offTail)), append(rates, onRate/offRate)
	}
	b.ReportMetric(median(tails), "p99-ratio")
	b.ReportMetric(median(rates), "rate-ratio")
	b.ReportMetric(0, "ns/op")
}

var percentile99 = regexp.MustCompile(`99%\s+([0-9.]+(?:us|ms|s))`)

// latency is the 99th percentile, and the rate, at few connections: a machine that is not busy shows what is in the way.
func latency(b *testing.B, wrk string, g *gate, path string) (time.Duration, float64) {
	b.Helper()
	args := []string{"-t1", "-c8", "-d5s", "--latency"}
	for name, values := range g.Sign(b, "GET", path) {
		args = append(args, "-H", name+": "+values[0])
	}
	out, err := exec.Command(wrk, append(args, g.URL()+path)...).CombinedOutput()
	if err != nil {
		b.Fatalf("wrk: %v\n%s", err, out)
	}
	b.Logf("%s", out)
	tail, err := time.ParseDuration(percentile99.FindStringSubmatch(string(out))[1])
	if err != nil {
		b.Fatal(err)
	}
	rate, err := strconv.ParseFloat(requestsPerSecond.FindStringSubmatch(string(out))[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return tail, rate
}
