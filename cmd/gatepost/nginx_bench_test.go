package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nginxConf is the comparison: a caching proxy with two workers and its default access log, which verifies nothing and syncs nothing.
const nginxConf = `
user root; # so that the workers reach the test's directory; ignored for other users
worker_processes 2;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log;
events { worker_connections 4096; }
http {
	access_log %[1]s/access.log combined;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	keepalive_requests 100000000;
	proxy_cache_path %[1]s/cache keys_zone=c:10m;
	server {
		listen %[2]s;
		location / {
			proxy_pass http://%[3]s;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $http_host;
			proxy_ignore_headers Cache-Control;
			proxy_cache c;
			proxy_cache_valid 200 1h;
			proxy_cache_key $request_uri;
		}
	}
}
`

// BenchmarkBesideNginx drives verified, durably audited cache hits and nginx's unverified, unsynced ones in turn, with the same body, the
// same signed request and the same load generator on the same two cores, and reports the ratios, for they are all that means anything on
// a shared machine. Run it by itself:
//
//	go test -run '^$' -bench BesideNginx -benchtime 3x ./cmd/gatepost
func BenchmarkBesideNginx(b *testing.B) {
	nginx, wrk := tool(b, "nginx"), tool(b, "wrk")
	gate := startGate(b, gateOptions{config: map[string]any{
		"cache": map[string]any{"ttl": "15m"},
		"proxy": map[string]any{"public_names": []string{"gatepost.test"}}, // one signature for both addresses
	}})
	gate.Host = "gatepost.test"
	url := gate.URL() + "/connections/" + plainConnection

	// nginx caches gatepost's own answer, so that both send the same body.
	dir := b.TempDir()
	address := freeAddress(b)
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConf, dir, address, strings.TrimPrefix(gate.URL(), "http://")), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(nginx, "-c", conf, "-p", dir, "-g", "daemon off;")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() }) // the master ends its workers
	beside := strings.Replace(url, strings.TrimPrefix(gate.URL(), "http://"), address, 1)
	signed := gate.Sign(b, "GET", "/connections/"+plainConnection)
	waitForStatus(b, beside, signed, 200)
	waitForStatus(b, url, signed, 200)

	for _, connections := range []int{64, 256} {
		b.Run(strconv.Itoa(connections), func(b *testing.B) {
			var ratios, ours, theirs []float64
			for b.Loop() {
				signed := gate.Sign(b, "GET", "/connections/"+plainConnection)
				t := load(b, wrk, beside, signed, connections)
				o := load(b, wrk, url, signed, connections)
				ratios, ours, theirs = append(ratios, o/t), append(ours, o), append(theirs, t)
			}
			b.ReportMetric(median(ratios), "ratio")
			b.ReportMetric(median(ours), "gatepost/s")
			b.ReportMetric(median(theirs), "nginx/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

var requestsPerSecond = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)

func load(b *testing.B, wrk, url string, header http.Header, connections int) float64 {
	b.Helper()
	args := []string{"-t1", "-c" + strconv.Itoa(connections), "-d5s", "--latency"}
	for name, values := range header {
		args = append(args, "-H", name+": "+values[0])
	}
	out, err := exec.Command(wrk, append(args, url)...).CombinedOutput()
	if err != nil {
		b.Fatalf("wrk: %v\n%s", err, out)
	}
	if strings.Contains(string(out), "Non-2xx") || strings.Contains(string(out), "Socket errors") {
		b.Fatalf("not every answer was a 200:\n%s", out)
	}
	b.Logf("%s", out)
	n, err := strconv.ParseFloat(requestsPerSecond.FindStringSubmatch(string(out))[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func waitForStatus(b *testing.B, url string, header http.Header, want int) {
	b.Helper()
	last := "nothing"
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
		if err != nil {
			b.Fatal(err)
		}
		req.Header = header
		req.Host = header.Get("Host")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			last = err.Error()
			continue
		}
		resp.Body.Close()
		last = resp.Status
		if resp.StatusCode == want {
			return
		}
	}
	b.Fatalf("%s does not answer %d: %s", url, want, last)
}
