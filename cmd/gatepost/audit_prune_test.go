package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/archive"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/audit/journal/seekable"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// agedLog makes a signed log of one event a day, the newest of today, in files of
// a hundred.
func agedLog(t *testing.T, size int) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "audit")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var lines []byte
	for i := range size {
		lines = append(audit.AppendLine(lines, &audit.Event{
			Index: uint64(i), ID: agedID(i), Kind: audit.KindOutcome, Origin: "gatepost/aged",
			Time: time.Now().AddDate(0, 0, i+1-size), Operation: "GetConnection", Decision: audit.Allow, Cache: audit.CacheHit,
		}), '\n')
		if i%100 != 99 && i != size-1 {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("segment-%020d.jsonl", i/100*100)), lines, 0o600); err != nil {
			t.Fatal(err)
		}
		lines = nil
	}
	j, l := openAged(t, dir)
	if err := errors.Join(j.Close(t.Context()), l.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	return dir
}

func agedID(i int) string { return fmt.Sprintf("0193580b-%04x-7c3d-9a51-2b8f6c0d1e2f", i) }

func openAged(t *testing.T, dir string) (*journal.Journal, *ledger.Ledger) {
	t.Helper()
	j, err := journal.Open(t.Context(), journal.Config{Dir: dir, Origin: "gatepost/aged"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), ledger.Config{Dir: dir, Origin: "gatepost/aged", Source: ledger.JournalSource(j, dir)})
	if err != nil {
		t.Fatal(err)
	}
	return j, l
}

// wantCommand runs the binary and requires its exit status and what it says.
func wantCommand(t *testing.T, code int, says []string, args ...string) string {
	t.Helper()
	out, got := command(t, args...)
	if got != code {
		t.Errorf("%s: exit status %d, want %d: %s", strings.Join(args, " "), got, code, out)
	}
	for _, text := range says {
		if !strings.Contains(out, text) {
			t.Errorf("%s: does not say %q: %s", strings.Join(args, " "), text, out)
		}
	}
	return out
}

// TestPrune prunes a log, and reads what is left with every command.
func TestPrune(t *testing.T) {
	dir := agedLog(t, 1000)
	if err := putRecords(t, dir, 1000); err != nil {
		t.Fatal(err)
	}
	earlier := wantCommand(t, 0, nil, "audit", "prove", agedID(42), "-d", dir)
	key := strings.TrimSpace(wantCommand(t, 0, nil, "audit", "public-key", "-d", dir))
	line42 := wantCommand(t, 0, []string{agedID(42)}, "audit", "export", "--format", "jsonl", "-d", dir)
	line42 = strings.Split(line42, "\n")[42]

	wantCommand(t, 2, []string{"--before"}, "audit", "prune", "-d", dir)
	wantCommand(t, 0, []string{"nothing to remove: entry 0 is of"}, "audit", "prune", "--before", "3000d", "--confirm", "-d", dir)
	wantCommand(t, 0, []string{"would remove  entries 0 to 299, 3 files", "297 records of CloudTrail's", "keeps         all from entry 300 on"}, "audit", "prune", "--before", "650d", "-d", dir)
	if _, err := os.Stat(filepath.Join(dir, "segment-00000000000000000000.jsonl")); err != nil {
		t.Fatal("removed without --confirm: ", err)
	}

	j, l := openAged(t, dir)
	wantCommand(t, 0, []string{"would remove"}, "audit", "prune", "--before", "650d", "-d", dir)
	wantCommand(t, 2, []string{"nothing was removed", "(process " + strconv.Itoa(os.Getpid()) + ")", "stop it"}, "audit", "prune", "--before", "650d", "--confirm", "-d", dir)
	if err := errors.Join(j.Close(t.Context()), l.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	var done struct {
		First, Keep, Entries, Record uint64
		Removed                      bool
		Records                      uint64 `json:"cloudtrail_records"`
	}
	if err := json.Unmarshal([]byte(wantCommand(t, 0, nil, "audit", "prune", "--before", "650d", "--confirm", "-o", "json", "-d", dir)), &done); err != nil {
		t.Fatal(err)
	}
	if !done.Removed || done.Keep != 300 || done.Entries != 300 || done.Record < 1000 || done.Records != 297 {
		t.Errorf("%+v", done)
	}
	if _, err := os.Stat(filepath.Join(dir, "segment-00000000000000000200.jsonl")); err == nil {
		t.Error("not removed")
	}

	wantCommand(t, 0, []string{`"action":"prune"`, `"count":300`, "entries 0 to 299", `"principal":"local:`}, "audit", "show", fmt.Sprint(done.Record), "-o", "json", "-d", dir)
	wantCommand(t, 0, []string{"pruned      300 entries", "entries     300 to", "verdict     sound"}, "audit", "verify", "-d", dir)
	const note = "note: the entries before 300 were pruned"
	for _, args := range [][]string{
		{"query", "--limit", "0"}, {"query", "--limit", "0", "--until", "900d"}, {"tail", "-n", "5000"},
		{"show", "42"}, {"export", "--format", "jsonl"}, {"export", "--format", "csv", "--since", "9000d"},
	} {
		out, code := commandBoth(t, append(append([]string{"audit"}, args...), "-d", dir)...)
		if code != 0 || strings.Count(out, note) != 1 || strings.Contains(out, "damaged") {
			t.Errorf("%v: exit status %d: %.300s", args, code, out)
		}
	}
	if out, code := commandBoth(t, "audit", "tail", "-n", "5", "-d", dir); code != 0 || strings.Contains(out, note) {
		t.Errorf("a tail that does not get there tells of it: %d %s", code, out)
	}

	a, err := archive.OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := a.Older(t.Context(), time.Now()); n != 703 || err != nil {
		t.Errorf("%d records of CloudTrail's are left: %v", n, err)
	}
	a.Close()

	// Proofs.
	file := func(name, content string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	wantCommand(t, 0, []string{"entry 42"}, "audit", "check-proof", file("earlier", earlier), "--public-key", key)
	proof, code := commandBoth(t, "audit", "prove", "42", "-d", dir)
	if code != 0 || !strings.Contains(proof, "note: entry 42 was pruned") {
		t.Errorf("prove: %d %s", code, proof)
	}
	proof = wantCommand(t, 0, nil, "audit", "prove", "42", "-d", dir)
	wantCommand(t, 0, []string{agedID(42)}, "audit", "check-proof", file("later", proof), "--event", file("line", line42), "--public-key", key)

	// The index.
	wantCommand(t, 0, nil, "audit", "reindex", "-d", dir)
	if out, code := commandBoth(t, "audit", "reindex", "-d", dir); code != 0 || !strings.Contains(out, "entries indexed") {
		t.Errorf("reindex: %d %s", code, out)
	}

	// A file that is missing beyond what was pruned is damage.
	if err := os.Remove(filepath.Join(dir, "segment-00000000000000000300.jsonl")); err != nil {
		t.Fatal(err)
	}
	out, code := commandBoth(t, "audit", "query", "--limit", "0", "-d", dir)
	if code != 1 || !strings.Contains(out, note) || !strings.Contains(out, "damaged log: entries 300 to 399 are missing") {
		t.Errorf("query: %d %.300s", code, out[max(0, len(out)-300):])
	}
	wantCommand(t, 1, []string{"first bad entry is 300"}, "audit", "verify", "-d", dir)
}

// putRecords keeps a record of CloudTrail's for each day of a log.
func putRecords(t *testing.T, dir string, size int) error {
	t.Helper()
	a, err := archive.Open(t.Context(), archive.Config{Dir: dir})
	if err != nil {
		return err
	}
	var records []cloudtrail.Record
	for i := range size {
		records = append(records, cloudtrail.Record{
			EventID: agedID(i), EventTime: time.Now().AddDate(0, 0, i+1-size).Add(-time.Minute), EventSource: cloudtrail.EventSource, EventName: "GetConnection",
		})
	}
	return errors.Join(a.Put(t.Context(), time.Now(), records), a.Close())
}

// TestOwner writes to nobody else's log.
func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	dir := agedLog(t, 600)
	if err := os.Chown(dir, 4711, -1); err != nil {
		t.Fatal(err)
	}
	wantCommand(t, 2, []string{"belongs to 4711", "sudo -u 4711"}, "audit", "prune", "--before", "1d", "--confirm", "-d", dir)
	wantCommand(t, 2, []string{"belongs to 4711"}, "audit", "reindex", "-d", dir)
	wantCommand(t, 0, []string{"would remove"}, "audit", "prune", "--before", "1d", "-d", dir)
}

// TestReindexBesideServer leaves the index of a running gatepost alone.
func TestReindexBesideServer(t *testing.T) {
	g := startGate(t, gateOptions{})
	wantCommand(t, 2, []string{"stop it first"}, "audit", "reindex", "-d", g.logDir())
	if err := g.Stop(t); err != nil {
		t.Fatal(err)
	}
	wantCommand(t, 0, nil, "audit", "reindex", "-d", g.logDir())
}

// commandBoth runs the binary and returns all that it says.
func commandBoth(t *testing.T, args ...string) (output string, code int) {
	t.Helper()
	out, err := exec.Command("gatepost", args...).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return string(out), 0
}

// TestServeOnPrunedLog runs a gatepost on a log that was pruned, with compressed files in it.
func TestServeOnPrunedLog(t *testing.T) {
	g := startGate(t, gateOptions{config: map[string]any{"audit": map[string]any{"origin": "gatepost/aged", "checkpoint_interval": "50ms"}}})
	if err := g.Stop(t); err != nil {
		t.Fatal(err)
	}
	dir := agedLog(t, 1000)
	wantCommand(t, 0, []string{"removed       entries 0 to 299"}, "audit", "prune", "--before", "650d", "--confirm", "-d", dir)
	packFile(t, filepath.Join(dir, "segment-00000000000000000400.jsonl"), 400)
	if err := errors.Join(os.RemoveAll(g.logDir()), os.CopyFS(g.logDir(), os.DirFS(dir))); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(g.logDir(), "ledger", "key"), 0o600); err != nil {
		t.Fatal(err)
	}
	g.Start(t)
	id := g.Call(t, "GET", "/connections/"+plainConnection, "").header.Get("X-Gatepost-Event-Id")
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
	waitFor(t, "the log in the index", func() bool {
		status, body := get("/api/v1/events?limit=200")
		return status == 200 && strings.Contains(body, id)
	})
	for _, want := range []struct {
		path   string
		status int
	}{
		{"/api/v1/events/" + agedID(450), 200}, {"/api/v1/events/" + agedID(42), 404}, {"/api/v1/events/" + id, 200},
		{"/api/v1/events/" + agedID(450) + "/proof", 200}, {"/tile/0/000", 200}, {"/tile/entries/000", 404}, {"/tile/entries/002", 200},
	} {
		if status, body := get(want.path); status != want.status {
			t.Errorf("%s: %d, want %d: %.200s", want.path, status, want.status, body)
		}
	}
	if err := g.Stop(t); err != nil {
		t.Fatal(err)
	}
	wantCommand(t, 0, []string{"pruned      300 entries", "verdict     sound"}, "audit", "verify", "-d", g.logDir())
	wantCommand(t, 0, []string{agedID(450)}, "audit", "show", "450", "-d", g.logDir())
}

// packFile compresses a file of the log as a running gatepost does after an hour.
func packFile(t *testing.T, path string, first uint64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path + ".zst")
	if err != nil {
		t.Fatal(err)
	}
	w, err := seekable.NewWriter(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Frame(first, b), w.Close(), f.Close(), os.Remove(path)); err != nil {
		t.Fatal(err)
	}
}
