package main

import (
	"errors"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
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
	beside(b, wrk, off, on)
}

// BenchmarkViewersBeside does the same for a gate that a hundred people watch: of whom none sees anything, as what they filter for does not come; who
// have each the page of events before them, or that of what happens now, which asks four times a minute; and who want every event, and get them when there is
// time. With nobody it tells what such a ratio is worth.
func BenchmarkViewersBeside(b *testing.B) {
	for _, tt := range []struct{ name, path string }{
		{"nobody", ""}, {"idle", "/api/v1/stream?principal=nobody"}, {"events", "/api/v1/stream?newest=50"}, {"now", "/"}, {"all", "/api/v1/stream?kind=outcome"},
	} {
		b.Run(tt.name, func(b *testing.B) { viewersBeside(b, tt.path) })
	}
}

func viewersBeside(b *testing.B, path string) {
	wrk := tool(b, "wrk")
	start := func() *gate {
		return startGate(b, gateOptions{config: map[string]any{"cache": map[string]any{"ttl": "15m"}}})
	}
	alone, watched := start(), start()
	const viewers, every = 100, 15 * time.Second
	open := func() (io.ReadCloser, error) {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, watched.Admin()+path, nil)
		if err != nil {
			return nil, err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusOK {
			resp.Body.Close()
			return nil, errors.New(resp.Status)
		}
		return resp.Body, nil
	}
	var reading sync.WaitGroup
	b.Cleanup(reading.Wait)
	switch path {
	case "":
	case "/":
		reading.Go(func() {
			for tick := time.Tick(every / viewers); ; {
				select {
				case <-tick:
				case <-b.Context().Done():
					return
				}
				body, err := open()
				if err != nil {
					if b.Context().Err() == nil {
						b.Error(err)
					}
					return
				}
				io.Copy(io.Discard, body)
				body.Close()
			}
		})
	default:
		for range viewers {
			body, err := open()
			if err != nil {
				b.Fatal(err)
			}
			reading.Go(func() {
				io.Copy(io.Discard, body)
				body.Close()
			})
		}
	}
	beside(b, wrk, alone, watched)
}

// beside drives hits at two gates by turns, and reports what of the first one's 99th percentile and rate the second has.
func beside(b *testing.B, wrk string, first, second *gate) {
	path := "/connections/" + plainConnection
	for _, g := range []*gate{first, second} {
		waitForStatus(b, g.URL()+path, g.Sign(b, "GET", path), 200)
	}
	var tails, rates []float64
	for b.Loop() {
		tail, rate := latency(b, wrk, first, path)
		otherTail, otherRate := latency(b, wrk, second, path)
		tails, rates = append(tails, float64(otherTail)/float64(tail)), append(rates, otherRate/rate)
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
