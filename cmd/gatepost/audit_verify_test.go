package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// command runs the binary and returns its output and exit status.
func command(t *testing.T, args ...string) (stdout string, code int) {
	t.Helper()
	cmd := exec.Command("gatepost", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ee, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out) + stderr.String(), ee.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out), 0
}

// Whoever got an event id can prove offline that the event is in the log; and a log that was changed, cut or rolled back is found out.
func TestProveAndVerify(t *testing.T) {
	g := startGate(t, gateOptions{config: map[string]any{"audit": map[string]any{"checkpoint_interval": "50ms"}}})
	var last answer
	for range 5 {
		last = g.Call(t, "GET", "/connections/"+plainConnection, "")
	}
	if err := g.Stop(t); err != nil {
		t.Fatal(err)
	}
	log := g.logDir()
	kept := filepath.Join(g.Dir, "kept")
	copyFile(t, filepath.Join(log, "ledger", "checkpoint"), kept)
	key := filepath.Join(g.Dir, "log.pub")
	text, code := command(t, "audit", "public-key", "-d", log)
	if code != 0 {
		t.Fatal(text)
	}
	if err := os.WriteFile(key, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	if out, code := command(t, "audit", "verify", "-d", log, "--checkpoint", kept, "--public-key", key); code != 0 || !strings.Contains(out, "verdict     sound") {
		t.Errorf("verify: %d %s", code, out)
	}
	proof := filepath.Join(g.Dir, "event.tlog-proof")
	for _, name := range []string{last.header.Get("X-Gatepost-Event-Id"), last.header.Get("X-Gatepost-Event-Index")} {
		text, code := command(t, "audit", "prove", name, "-d", log)
		if code != 0 {
			t.Fatalf("prove %s: %d %s", name, code, text)
		}
		if err := os.WriteFile(proof, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, code := command(t, "audit", "check-proof", proof, "--public-key", key)
		if code != 0 || !strings.Contains(out, last.header.Get("X-Gatepost-Event-Id")) {
			t.Errorf("check-proof: %d %s", code, out)
		}
		if err := os.WriteFile(proof, []byte(strings.Replace(text, "\nindex ", "\nindex 1", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, code := command(t, "audit", "check-proof", proof, "--public-key", key); code != 1 {
			t.Errorf("a proof of another index holds: %d %s", code, out)
		}
	}

	segment := filepath.Join(log, "segment-00000000000000000000.jsonl")
	whole, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for name, changed := range map[string][]byte{
		"changed": bytes.Replace(whole, []byte("installer-fra1"), []byte("installer-fra2"), 1),
		"swapped": bytes.Join([][]byte{lines[0], lines[2], lines[1], bytes.Join(lines[3:], nil)}, nil),
		"removed": bytes.Join([][]byte{lines[0], bytes.Join(lines[2:], nil)}, nil),
		"cut":     bytes.Join(lines[:len(lines)-3], nil),
	} {
		if err := os.WriteFile(segment, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, code := command(t, "audit", "verify", "-d", log); code != 1 || !strings.Contains(out, "first bad entry") {
			t.Errorf("%s: %d %s", name, code, out)
		}
	}
	if out, code := command(t, "audit", "verify", "-d", t.TempDir()); code != 2 {
		t.Errorf("nothing to verify: %d %s", code, out)
	}
}

// What stands in the log's files and is no part of the log is told, and makes it no less sound.
func TestVerifyTellsSurplus(t *testing.T) {
	dir := agedLog(t, 250)
	segments, err := filepath.Glob(filepath.Join(dir, "segment-*.jsonl"))
	if err != nil || len(segments) < 3 {
		t.Fatal(segments, err)
	}
	stdout, stderr, code := gatepost(t, nil, "audit", "verify", "-d", dir)
	if code != exitDone || strings.Contains(stdout, "no part") {
		t.Fatalf("untouched: %d %s%s", code, stdout, stderr)
	}
	var want strings.Builder
	for i, name := range segments {
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		more := "junk\nforged"
		if i == len(segments)-1 {
			more = "junk!"
			want.WriteString("unfinished  5 bytes at the end of the log are no part of it: a write was interrupted, or is under way\n")
		} else {
			fmt.Fprintf(&want, "surplus     11 bytes in %s, from byte %d on, are no part of the log\n", filepath.Base(name), len(whole))
		}
		if err := os.WriteFile(name, append(whole, more...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stdout, stderr, code = gatepost(t, nil, "audit", "verify", "-d", dir)
	if code != exitDone || !strings.Contains(stdout, want.String()+"verdict     sound\n") {
		t.Errorf("%d %s%s, want\n%s", code, stdout, stderr, want.String())
	}
}

// A log that was replaced by an earlier copy of itself agrees with itself; a checkpoint kept elsewhere does not.
func TestRolledBack(t *testing.T) {
	g := startGate(t, gateOptions{})
	g.Call(t, "GET", "/connections/"+plainConnection, "")
	if err := g.Stop(t); err != nil {
		t.Fatal(err)
	}
	earlier := t.TempDir()
	if err := os.CopyFS(earlier, os.DirFS(g.logDir())); err != nil {
		t.Fatal(err)
	}
	g.Start(t)
	g.Call(t, "GET", "/connections/"+plainConnection, "")
	if err := g.Stop(t); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(g.Dir, "kept")
	copyFile(t, filepath.Join(g.logDir(), "ledger", "checkpoint"), kept)
	if out, code := command(t, "audit", "verify", "-d", earlier); code != 0 {
		t.Errorf("the earlier copy by itself: %d %s", code, out)
	}
	if out, code := command(t, "audit", "verify", "-d", earlier, "--checkpoint", kept); code != 1 || !strings.Contains(out, "rolled back") {
		t.Errorf("with the checkpoint kept: %d %s", code, out)
	}
}

// The admin listener serves the proof of an answer just given, and its API stays in step with the log.
func TestAPI(t *testing.T) {
	g := startGate(t, gateOptions{config: map[string]any{"audit": map[string]any{"checkpoint_interval": "50ms"}}})
	a := g.Call(t, "GET", "/connections/"+plainConnection, "")
	id := a.header.Get("X-Gatepost-Event-Id")
	get := func(path string) (int, string) {
		resp, err := http.Get(g.Admin() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	if status, body := get("/api/v1/events/" + id + "/proof"); status != 200 || !strings.HasPrefix(body, "c2sp.org/tlog-proof@v1\n") {
		t.Errorf("proof: %d %s", status, body)
	}
	if status, body := get("/checkpoint"); status != 200 || !strings.Contains(body, "\n\n\u2014 ") {
		t.Errorf("checkpoint: %d %s", status, body)
	}
	waitFor(t, "the event in the index", func() bool {
		status, body := get("/api/v1/events?connection=" + plainConnection)
		return status == 200 && strings.Contains(body, id)
	})
	if status, body := get("/api/v1/events/" + id); status != 200 || !strings.Contains(body, `"intent"`) {
		t.Errorf("event: %d %s", status, body)
	}
	if status, body := get("/api/v1/events?limit=x"); status != 400 || !strings.Contains(body, "limit") {
		t.Errorf("a bad parameter: %d %s", status, body)
	}
	reads := 0
	for _, e := range g.Log(t) {
		if e.Kind == "admin" {
			reads++
		}
	}
	if reads < 3 {
		t.Errorf("%d reads of the log are recorded", reads)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
