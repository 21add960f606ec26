package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// exportedIndices are the indices of what a format's output holds.
func exportedIndices(t *testing.T, format, output string) []uint64 {
	t.Helper()
	var list []uint64
	switch format {
	case "jsonl":
		return eventIndices(t, output)
	case "ocsf":
		for line := range strings.Lines(output) {
			var event struct{ Metadata struct{ Sequence uint64 } }
			if err := json.Unmarshal([]byte(line), &event); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			list = append(list, event.Metadata.Sequence)
		}
	case "csv":
		rows, err := csv.NewReader(strings.NewReader(output)).ReadAll()
		if err != nil || len(rows) == 0 {
			t.Fatalf("%d rows: %v", len(rows), err)
		}
		for _, row := range rows[1:] {
			var index uint64
			if _, err := fmt.Sscan(row[0], &index); err != nil {
				t.Fatal(err)
			}
			list = append(list, index)
		}
	}
	return list
}

// An export has what audit query finds, the oldest first.
func TestAuditExportAgreesWithQuery(t *testing.T) {
	for _, flags := range []string{
		"", "--principal installer-fra1", "--principal installer-muc1", "--connection aB+/c9==", "--operation StartConnection", "--region us-east-1",
		"--decision deny", "--cache hit", "--error-class upstream_timeout", "--request-id 0d4d0b27-6a4e-4d41-9d1c-8f8a3c6d2f11", "--request-id " + sampleID(4),
		"--state matched", "--state pending", "--state not_expected", "--state pending --kind verdict", "--state bypass", "--state missing --principal installer-fra1",
		"--kind intent", "--kind verdict", "--since 2026-11-23T12:00:16Z", "--until 2026-11-23T12:00:04Z", "--q FRA1 --kind outcome",
		"--since 2026-11-23T12:00:02Z --until 2026-11-23T12:00:16Z", "--since 2020-01-01 --until 2020-01-02",
	} {
		for _, format := range []string{"jsonl", "csv", "ocsf"} {
			for _, intents := range []string{"", " --intents"} {
				t.Run(format+" "+flags+intents, func(t *testing.T) {
					also := " --also verdict" // an export has them all
					if format == "jsonl" || intents != "" {
						also = " --also intent,verdict"
					}
					query := flags + also
					stdout, stderr, code := gatepost(t, nil, append(strings.Fields("audit query -n 0 -o json -d "+sampleDir), strings.Fields(query)...)...)
					if code != exitDone {
						t.Fatalf("query: exit status %d: %s", code, stderr)
					}
					want := eventIndices(t, stdout)
					slices.Reverse(want)

					stdout, stderr, code = gatepost(t, nil, append(strings.Fields("audit export --format "+format+" -d "+sampleDir), strings.Fields(flags+intents)...)...)
					if code != exitDone {
						t.Fatalf("exit status %d: %s", code, stderr)
					}
					if diff := cmp.Diff(want, exportedIndices(t, format, stdout)); diff != "" {
						t.Errorf("events (-want +got):\n%s", diff)
					}
					if (len(want) == 0) != (stderr == "no event matches\n") {
						t.Errorf("stderr %q", stderr)
					}
				})
			}
		}
	}
}

func TestAuditExportGolden(t *testing.T) {
	for _, format := range []string{"csv", "ocsf"} {
		stdout, stderr, code := gatepost(t, nil, "audit", "export", "--format", format, "-d", sampleDir)
		if code != exitDone || stderr != "" {
			t.Fatalf("%s: exit status %d: %s", format, code, stderr)
		}
		checkPrintable(t, strings.ReplaceAll(stdout, "\r\n", "\n"))
		checkGolden(t, "audit-export."+format+".golden", stdout)
	}
	var log []byte
	for i := range sampleLog() {
		log = append(audit.AppendLine(log, &sampleLog()[i]), '\n')
	}
	if stdout, _, _ := gatepost(t, nil, "audit", "export", "-d", sampleDir); stdout != string(log) {
		t.Error("jsonl is not the log as it stands")
	}
}

func TestAuditExportToAFile(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "events.csv")
	if err := os.WriteFile(out, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := gatepost(t, nil, "audit", "export", "--format", "csv", "--out", out, "-d", sampleDir)
	if code != exitDone || stdout != "" || stderr != "13 events written to "+out+"\n" {
		t.Fatalf("exit status %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	want, _, _ := gatepost(t, nil, "audit", "export", "--format", "csv", "-d", sampleDir)
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("the file has other content than standard output gets")
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestAuditExportRefuses(t *testing.T) {
	log := copyLog(t)
	dir := t.TempDir()
	link, inside := filepath.Join(dir, "link"), filepath.Join(dir, "inside")
	if err := errors.Join(os.Symlink("/dev/null", link), os.Symlink(log, inside)); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		args   []string
		stderr string
	}{
		{"format", []string{"--format", "xml"}, "use jsonl, ocsf, csv"},
		{"argument", []string{"events.csv"}, "unexpected argument"},
		{"period", []string{"--since", "2026-01-02", "--until", "2026-01-01"}, "is not before --until"},
		{"proofs elsewhere", []string{"--format", "csv", "--proofs"}, "--proofs is for --format ocsf"},
		{"proofs without a tree", []string{"--format", "ocsf", "--proofs"}, "no such file"},
		{"no name", []string{"--out", ""}, "--out needs a name"},
		{"device", []string{"--out", "/dev/null"}, "is not a regular file"},
		{"link", []string{"--out", link}, "is not a regular file"},
		{"directory", []string{"--out", dir}, "is not a regular file"},
		{"the log itself", []string{"--out", filepath.Join(log, "segment-00000000000000000007.jsonl")}, "lies in the directory of the log"},
		{"the log by another name", []string{"--out", filepath.Join(inside, "x")}, "lies in the directory of the log"},
		{"no directory", []string{"--out", filepath.Join(dir, "nowhere", "x")}, "no such file or directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, code := gatepost(t, nil, append([]string{"audit", "export", "-d", log}, tt.args...)...)
			if code != exitUsage || stdout != "" || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("exit status %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
	if got, err := os.ReadFile(filepath.Join(log, "segment-00000000000000000007.jsonl")); err != nil || !bytes.Equal(got, sampleSegments()["segment-00000000000000000007.jsonl"]) {
		t.Errorf("the log has changed: %v", err)
	}
}

// An interrupted export leaves nothing under its name.
func TestAuditExportInterrupted(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"audit", "export", "-d", sampleDir, "--out", filepath.Join(dir, "x")}, nil, strings.NewReader(""), &stdout, &stderr)
	if code != exitNo || stderr.String() != "gatepost: interrupted\n" {
		t.Errorf("exit status %d, %q", code, stderr.String())
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestAuditExportTellsOfDamage(t *testing.T) {
	segment := func(first int) string { return fmt.Sprintf("segment-%020d.jsonl", first) }
	change := func(name, old, new string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(data, []byte(old)) {
				t.Fatalf("%s has no %s", name, old)
			}
			if err := os.WriteFile(filepath.Join(dir, name), bytes.Replace(data, []byte(old), []byte(new), 1), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name   string
		damage func(*testing.T, string)
		left   []uint64 // out
		stderr string
	}{
		{"foreign line", change(segment(0), `"principal":"installer-muc1"`, `"principal":"installer-muc1","x":1`), []uint64{4}, "entry 4: "},
		{"wrong index", change(segment(0), `"index":4`, `"index":9`), []uint64{4, 5, 6}, "going on with entry 7: those from 4 on are left out"},
		{"wrong index near the end", change(segment(7), `"index":14`, `"index":41`), []uint64{14, 15}, "nothing from entry 14 on can be read"},
		{"no segment", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, segment(0))); err != nil {
				t.Fatal(err)
			}
		}, []uint64{0, 1, 2, 3, 4, 5, 6}, "entries 0 to 6 are missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := copyLog(t)
			tt.damage(t, dir)
			var want []uint64
			for i := range uint64(16) {
				if !slices.Contains(tt.left, i) {
					want = append(want, i)
				}
			}
			for _, flags := range [][]string{nil, {"--since", "2026-11-23"}} {
				stdout, stderr, code := gatepost(t, nil, append([]string{"audit", "export", "-d", dir}, flags...)...)
				if code != exitNo || !strings.Contains(stderr, tt.stderr) {
					t.Errorf("%q: exit status %d, stderr %q", flags, code, stderr)
				}
				if diff := cmp.Diff(want, eventIndices(t, stdout)); diff != "" {
					t.Errorf("%q: events (-want +got):\n%s", flags, diff)
				}
				checkPrintable(t, stderr)
			}
		})
	}
}

// largeLog is a log of n events a second apart in a file, and one more in the next.
func largeLog(t *testing.T, n int) (dir string, start time.Time) {
	t.Helper()
	dir, start = t.TempDir(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, from := range []int{0, n} {
		var data []byte
		for i := from; i < max(n, from+1); i++ {
			e := audit.Event{Index: uint64(i), ID: sampleID(i), Kind: audit.KindOutcome, Time: start.Add(time.Duration(i) * time.Second), Origin: "o",
				UserAgent: strings.Repeat("u", 200), Decision: audit.Allow, Status: 200}
			data = append(audit.AppendLine(data, &e), '\n')
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("segment-%020d.jsonl", from)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, start
}

// What lies before --since is not read, and most of what lies behind damage is not lost.
func TestAuditExportSeeks(t *testing.T) {
	const n = 20_000
	dir, start := largeLog(t, n)
	log := &exportLog{ctx: t.Context(), dir: dir, progress: &exportProgress{}}
	log.filter.Since = start.Add(15_000 * time.Second)
	if first, last := log.bounds(); first != 15_000-3600 || last != n {
		t.Errorf("reads entries %d to %d", first, last)
	}
	flags := []string{"audit", "export", "-d", dir, "--since", log.filter.Since.Format(time.RFC3339), "--until", log.filter.Since.Add(3 * time.Second).Format(time.RFC3339)}
	stdout, stderr, code := gatepost(t, nil, flags...)
	if diff := cmp.Diff([]uint64{15_000, 15_001, 15_002}, eventIndices(t, stdout)); code != exitDone || diff != "" {
		t.Errorf("exit status %d, %s, events (-want +got):\n%s", code, stderr, diff)
	}

	name := filepath.Join(dir, fmt.Sprintf("segment-%020d.jsonl", 0))
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, bytes.Replace(data, []byte(`"index":10000,`), []byte(`"index":99999,`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code = gatepost(t, nil, "audit", "export", "-d", dir)
	got := eventIndices(t, stdout)
	if code != exitNo || !strings.Contains(stderr, "entry 10000 at byte") || !strings.Contains(stderr, "going on with entry ") {
		t.Errorf("exit status %d, %s", code, stderr)
	}
	if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) || len(got) < n-4000 || got[len(got)-1] != n {
		t.Errorf("%d of %d events are left, the last is %d", len(got), n+1, got[len(got)-1])
	}
}

func TestExportProgress(t *testing.T) {
	var out strings.Builder
	p := &exportProgress{to: &out, first: 1000, last: 5095, written: 7}
	for i := range uint64(2048) {
		p.at(1000 + i)
	}
	p.clear()
	if want := "\r 25% read, 7 events written \r" + strings.Repeat(" ", 60) + "\r"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	quiet := &exportProgress{}
	for i := range uint64(4096) {
		quiet.at(i)
	}
	quiet.clear()
	if quiet.read != 4096 {
		t.Errorf("%d entries read", quiet.read)
	}
}

func TestAuditExportProofs(t *testing.T) {
	dir := t.TempDir()
	const origin = "gatepost/test"
	j, err := journal.Open(t.Context(), journal.Config{Dir: dir, Origin: origin, CommitTimeout: 10 * time.Second, SegmentBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close(context.Background())
	l, err := ledger.Open(t.Context(), ledger.Config{Dir: dir, Origin: origin, Interval: 10 * time.Millisecond, Source: j})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	for i := range 5 {
		e := audit.Event{ID: sampleID(i), Kind: audit.KindOutcome, Time: time.Now(), Operation: "GetConnection", ConnectionID: "=1+1", Decision: audit.Allow, Status: 200}
		if _, err := j.Append(t.Context(), &e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Prove(t.Context(), j.Size()-1); err != nil {
		t.Fatal(err)
	}
	stop()
	<-done
	if err := l.Close(context.Background()); err != nil {
		t.Fatal(err)
	}

	stdout, stderr, code := gatepost(t, nil, "audit", "export", "--format", "ocsf", "--proofs", "--kind", "outcome", "-d", dir)
	if code != exitDone {
		t.Fatalf("exit status %d: %s", code, stderr)
	}
	key := l.VerifierKey()
	n := 0
	for line := range strings.Lines(stdout) {
		var event struct {
			Metadata    struct{ Profiles []string }
			Attestation []struct {
				Authority  string `json:"authority_uid"`
				Signatures []struct{ Algorithm string }
			} `json:"attestation_list"`
			Unmapped struct {
				Proof string `json:"log_proof"`
			}
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(event.Metadata.Profiles, "record_integrity") || len(event.Attestation) != 1 ||
			event.Attestation[0].Authority != key || len(event.Attestation[0].Signatures) != 1 || event.Attestation[0].Signatures[0].Algorithm != "Ed25519" {
			t.Errorf("attestation of %s", line)
		}
		if _, err := ledger.CheckProof([]byte(event.Unmapped.Proof), nil, key); err != nil {
			t.Error(err)
		}
		n++
	}
	if n != 5 {
		t.Errorf("%d events", n)
	}
	if stdout, _, _ := gatepost(t, nil, "audit", "export", "--format", "ocsf", "-d", dir); strings.Contains(stdout, "attestation_list") || strings.Contains(stdout, "record_integrity") {
		t.Error("proofs that nobody asked for")
	}
}
