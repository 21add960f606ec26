package main

import (
	"strings"
	"testing"
)

// The pages know what serve alone can tell them: the keys file, the cache, the log's name.
func TestDashboard(t *testing.T) {
	g := startGate(t, gateOptions{})
	g.Call(t, "GET", "/connections/"+plainConnection, "")
	for path, want := range map[string][]string{
		"/":                               {"Needs attention", "gatepost " + version, "no tokens"},
		"/callers":                        {"GPK", "<td role=\"cell\" class=\"when\"><span class=\"muted\">never</span>"},
		"/connection/" + plainConnection:  {"<span class=\"label\">until </span><time"},
		"/events?operation=GetConnection": {"GetConnection", "miss"},
	} {
		status, body := g.ask(t, "GET", path, "")
		if status != 200 {
			t.Errorf("%s: %d %s", path, status, body)
		}
		for _, part := range want {
			if !strings.Contains(body, part) {
				t.Errorf("%s has no %s: %s", path, part, body)
			}
		}
	}
}
