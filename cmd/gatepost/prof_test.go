package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestProfMetrics(t *testing.T) {
	g := startGate(t, gateOptions{config: map[string]any{
		"cache": map[string]any{"ttl": "15m"},
		"proxy": map[string]any{"public_names": []string{"gatepost.test"}},
	}})
	g.Host = "gatepost.test"
	g.Call(t, "GET", "/connections/"+plainConnection, "")
	h := g.Sign(t, "GET", "/connections/"+plainConnection)
	args := []string{"-t1", "-c" + os.Getenv("C"), "-d4s", "--latency"}
	for name, values := range h {
		args = append(args, "-H", name+": "+values[0])
	}
	out, _ := exec.Command("wrk", append(args, g.URL()+"/connections/"+plainConnection)...).CombinedOutput()
	os.Stderr.Write(out)
	resp, _ := http.Get(g.Admin() + "/metrics")
	b, _ := io.ReadAll(resp.Body)
	for _, l := range strings.Split(string(b), "\n") {
		if strings.HasPrefix(l, "gatepost_audit_batch") || strings.HasPrefix(l, "gatepost_audit_fsync") || strings.HasPrefix(l, "gatepost_audit_commit") || strings.HasPrefix(l, "process_cpu") {
			os.Stderr.WriteString(l + "\n")
		}
	}
}
