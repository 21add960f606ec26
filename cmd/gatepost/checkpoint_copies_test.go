package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// Copies of checkpoints arrive wherever they are to go, and each of them finds a log that was rolled back.
func TestCheckpointCopies(t *testing.T) {
	dir := t.TempDir()
	witness := filepath.Join(dir, "witness")
	if err := os.WriteFile(witness, []byte("#!/bin/sh\ncat >\"$1.new\" && mv \"$1.new\" \"$1\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	stdout, err := os.Create(filepath.Join(dir, "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	file, witnessed := filepath.Join(dir, "file"), filepath.Join(dir, "witnessed")
	g := startGate(t, gateOptions{stdout: stdout, config: map[string]any{"audit": map[string]any{
		"checkpoint_interval": "20ms", "checkpoint_copies": []string{"stdout", "file:" + file, "command:" + witness + " " + witnessed},
	}}})
	g.Call(t, "GET", "/connections/"+plainConnection, "")
	if err := g.Stop(t); err != nil {
		t.Fatal(err)
	}
	earlier := filepath.Join(dir, "earlier")
	if err := os.CopyFS(earlier, os.DirFS(g.logDir())); err != nil {
		t.Fatal(err)
	}
	g.Start(t)
	g.Call(t, "GET", "/connections/"+plainConnection, "")
	if err := g.Stop(t); err != nil {
		t.Fatal(err)
	}
	newest, err := os.ReadFile(filepath.Join(g.logDir(), "ledger", "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	for name, copied := range map[string]string{"stdout": stdout.Name(), "file": file, "command": witnessed} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(copied)
			if err != nil {
				t.Fatal(err)
			}
			notes, incomplete := ledger.SplitCheckpoints(data)
			if len(notes) == 0 || incomplete != 0 || string(notes[len(notes)-1]) != string(newest) {
				t.Errorf("the copy is %q, the newest checkpoint %q", data, newest)
			}
			if out, code := command(t, "audit", "verify", "-d", g.logDir(), "--checkpoint", copied); code != 0 {
				t.Errorf("the log: %d %s", code, out)
			}
			if out, code := command(t, "audit", "verify", "-d", earlier, "--checkpoint", copied); code != 1 || !strings.Contains(out, "rolled back") {
				t.Errorf("the log that was rolled back: %d %s", code, out)
			}
		})
	}

	// A gate on the log that was rolled back does not sign another history.
	if err := os.RemoveAll(g.logDir()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(earlier, g.logDir()); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(g.logDir(), "ledger", "key"), 0o600); err != nil { // as CopyFS does not keep it
		t.Fatal(err)
	}
	if out, code := command(t, "serve", "--config", filepath.Join(g.Dir, "gatepost.yaml")); code != 3 || !strings.Contains(out, "rolled back") {
		t.Errorf("serve: %d %s", code, out)
	}
}

// Copies that fail or hang hold up neither the log nor the callers, and are told of.
func TestCheckpointCopiesFail(t *testing.T) {
	g := startGate(t, gateOptions{config: map[string]any{"audit": map[string]any{
		"checkpoint_interval": "20ms", "checkpoint_copies": []string{"command:/bin/false", "command:/bin/sleep 3600"},
	}}})
	for range 5 {
		if a := g.Call(t, "GET", "/connections/"+plainConnection, ""); a.status != 200 {
			t.Fatal(a)
		}
	}
	type component struct {
		OK      bool
		Reason  string
		Since   *time.Time
		Details map[string]json.RawMessage
	}
	var readiness struct {
		Ready      bool
		Components map[string]component
	}
	ask := func() {
		resp, err := http.Get(g.Admin() + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&readiness); err != nil || resp.StatusCode != 200 {
			t.Fatalf("%d, %v", resp.StatusCode, err)
		}
	}
	waitFor(t, "the checkpoint to cover the calls, and the copies to be told of", func() bool {
		ask()
		var signed, size uint64
		json.Unmarshal(readiness.Components["ledger"].Details["size"], &signed)
		json.Unmarshal(readiness.Components["audit"].Details["size"], &size)
		return readiness.Ready && readiness.Components["ledger"].OK && signed == size && size > 5 && !readiness.Components["checkpoint_copies"].OK
	})
	c := readiness.Components["checkpoint_copies"]
	if !strings.Contains(c.Reason, "/bin/false") || c.Since == nil || !strings.Contains(string(c.Details["/bin/false"]), "exit status 1") {
		t.Errorf("%+v", c)
	}
	if hangs := string(c.Details["/bin/sleep"]); !strings.Contains(hangs, "waiting_since") || strings.Contains(hangs, "delivered") {
		t.Errorf("the command that hangs: %s", hangs)
	}
	if !strings.Contains(g.stderr.String(), "copy of the checkpoint not delivered") || !strings.Contains(g.stderr.String(), "/bin/false") {
		t.Error("the log does not tell of it")
	}
	if err := g.Stop(t); err != nil {
		t.Errorf("stopping: %v", err)
	}
}
