package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// newToken makes an admin token with the command.
func (g *gate) newToken(t *testing.T, name, role string) string {
	t.Helper()
	out, err := exec.Command("gatepost", "tokens", "new", "--file", filepath.Join(g.Dir, "tokens.yaml"), "--name", name, "--role", role).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// ask sends a request to the admin listener.
func (g *gate) ask(t *testing.T, method, path, token string) (int, string) {
	t.Helper()
	resp := g.openAdmin(t, method, path, token)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func (g *gate) openAdmin(t *testing.T, method, path, token string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, g.Admin()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// The life of an event, seen by those who may: it is streamed, found, told and proved; the cache is purged by who may, and all of it is on
// record.
func TestConsole(t *testing.T) {
	g := startGate(t, gateOptions{})
	viewer, operator := g.newToken(t, "soc", "viewer"), g.newToken(t, "ops", "operator")
	if err := g.Stop(t); err != nil {
		t.Fatal(err)
	}
	g.Start(t, "GATEPOST_ADMIN_TOKENS_FILE="+filepath.Join(g.Dir, "tokens.yaml"))

	if status, body := g.ask(t, "GET", "/api/v1/events", ""); status != 401 || !strings.Contains(body, "about:blank") {
		t.Errorf("nobody: %d %s", status, body)
	}
	if status, body := g.ask(t, "GET", "/metrics", viewer); status != 200 || !strings.Contains(body, `gatepost_config_last_reload_successful{file="tokens"} 1`) {
		t.Errorf("metrics: %d, without the tokens file's", status)
	}

	stream := g.openAdmin(t, "GET", "/api/v1/stream?kind=outcome", viewer)
	defer stream.Body.Close()
	first := g.Call(t, "GET", "/connections/"+plainConnection, "")
	id, index := first.header.Get("X-Gatepost-Event-Id"), first.header.Get("X-Gatepost-Event-Index")
	var line, lastID string
	for scanner := bufio.NewScanner(stream.Body); line == "" && scanner.Scan(); {
		switch name, value, _ := strings.Cut(scanner.Text(), ": "); name {
		case "id":
			lastID = value
		case "data":
			line = value
		}
	}
	if e, err := audit.ParseLine([]byte(line)); err != nil || e.ID != id || lastID != index {
		t.Errorf("streamed %s as %s, want the event %s at %s; %v", line, lastID, id, index, err)
	}

	var story struct {
		Event, Intent json.RawMessage
		Attempts      []struct {
			RequestID string `json:"request_id"`
		}
	}
	status, body := g.ask(t, "GET", "/api/v1/events/"+id, viewer)
	if err := json.Unmarshal([]byte(body), &story); err != nil || status != 200 || string(story.Event) != line || story.Intent == nil || len(story.Attempts) != 1 {
		t.Fatalf("%d %s %v", status, body, err)
	}
	if status, again := g.ask(t, "GET", "/api/v1/events/"+story.Attempts[0].RequestID, viewer); status != 200 || again != body {
		t.Errorf("by AWS's request id: %d %s", status, again)
	}
	status, proof := g.ask(t, "GET", "/api/v1/events/"+id+"/proof", viewer)
	_, ready := g.ask(t, "GET", "/readyz", viewer)
	var readiness struct {
		Components map[string]struct {
			OK      bool
			Details map[string]any
		}
	}
	if err := json.Unmarshal([]byte(ready), &readiness); err != nil {
		t.Fatalf("%s: %v", ready, err)
	}
	key, _ := readiness.Components["ledger"].Details["public_key"].(string)
	if receipt, err := ledger.CheckProof([]byte(proof), []byte(line), key); status != 200 || err != nil {
		t.Errorf("proof: %d %s %+v %v", status, proof, receipt, err)
	}
	for _, name := range []string{"audit", "index", "ledger", "tokens", "keys", "upstream"} {
		if c, ok := readiness.Components[name]; !ok || !c.OK {
			t.Errorf("readyz says of %s: %+v", name, c)
		}
	}

	if status, _ := g.ask(t, "DELETE", "/api/v1/cache", viewer); status != 403 {
		t.Errorf("a viewer purges: %d", status)
	}
	if a := g.Call(t, "GET", "/connections/"+plainConnection, ""); !strings.Contains(a.header.Get("Cache-Status"), "hit") {
		t.Errorf("no hit before the purge: %s", a)
	}
	if status, body := g.ask(t, "DELETE", "/api/v1/cache/"+plainConnection, operator); status != 200 || strings.TrimSpace(body) != `{"purged":1}` {
		t.Errorf("purge: %d %s", status, body)
	}
	if a := g.Call(t, "GET", "/connections/"+plainConnection, ""); strings.Contains(a.header.Get("Cache-Status"), "hit") {
		t.Errorf("a hit after the purge: %s", a)
	}
	actions := map[string]string{}
	for _, e := range g.Log(t) {
		if e.Kind == audit.KindAdmin {
			actions[e.Action] = e.Principal
		}
	}
	for action, who := range map[string]string{"stream_opened": "token:soc", "event_read": "token:soc", "proof_read": "token:soc", "cache_purge": "token:ops"} {
		if actions[action] != who {
			t.Errorf("%s is recorded of %q", action, actions[action])
		}
	}
	for _, token := range []string{viewer, operator} {
		if bytes.Contains(g.LogBytes(t), []byte(token)) || strings.Contains(g.stderr.String(), token) {
			t.Error("a token is in a log")
		}
	}

	// A token that is made while gatepost runs is taken after SIGHUP, and soon without.
	late := g.newToken(t, "late", "viewer")
	g.cmd.Process.Signal(syscall.SIGHUP)
	for deadline := time.Now().Add(5 * time.Second); ; {
		if status, _ := g.ask(t, "GET", "/api/v1/summary", late); status == 200 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a new token is not taken")
		}
	}
	// The stream is still open: stopping does not wait for its client.
	if err := g.Stop(t); err != nil {
		t.Errorf("stop: %v", err)
	}
}
