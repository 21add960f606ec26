package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
)

const sampleDir = "testdata/log"

// eventIndices reads the indices of events that were printed as JSON.
func eventIndices(t *testing.T, output string) []uint64 {
	t.Helper()
	var list []uint64
	for line := range strings.Lines(output) {
		e, err := audit.ParseLine([]byte(strings.TrimSuffix(line, "\n")))
		if err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		list = append(list, e.Index)
	}
	return list
}

func TestAuditQuery(t *testing.T) {
	tests := []struct {
		name  string
		flags string
		want  []uint64
	}{
		{"all but intents and verdicts", "", []uint64{15, 14, 13, 7, 5, 4, 3, 2, 0}},
		{"verdicts too", "--also verdict", []uint64{15, 14, 13, 12, 10, 9, 8, 7, 5, 4, 3, 2, 0}},
		{"both too", "--also intent,verdict", []uint64{15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
		{"intents too", "--also intent --principal installer-fra1", []uint64{11, 7, 6, 3, 2, 1}},
		{"intents alone", "--kind intent", []uint64{11, 6, 1}},
		{"limit", "--limit 2", []uint64{15, 14}},
		{"no limit", "-n 0 --kind verdict", []uint64{12, 10, 9, 8}},
		{"principal", "--principal installer-muc1", []uint64{4}},
		{"connection", "--connection aB+/c9==", []uint64{4, 3, 2}},
		{"operation", "--operation StartConnection", []uint64{7}},
		{"region", "--region us-east-1", nil},
		{"decision", "--decision deny", []uint64{5, 4}},
		{"cache", "--cache hit", []uint64{3}},
		{"error class", "--error-class upstream_timeout", []uint64{7}},
		{"AWS's request id", "--request-id 0d4d0b27-6a4e-4d41-9d1c-8f8a3c6d2f11", []uint64{3, 2}},
		{"event's id", "--request-id " + sampleID(4), []uint64{4}},
		{"state of a call", "--state matched", []uint64{2}},
		{"a former state", "--state late", nil},
		{"state of a hit", "--state derived", []uint64{3}},
		{"state of refused calls", "--state not_applicable", []uint64{5, 4}},
		{"state of a call that was cut short", "--state pending --also intent", []uint64{11}},
		{"state of one attempt", "--state not_expected", []uint64{2}},
		{"verdicts with a state", "--state pending --kind verdict", []uint64{9}},
		{"state of a finding", "--state bypass", []uint64{13}},
		{"state and principal", "--state missing --principal installer-fra1", []uint64{7}},
		{"since", "--since 2026-11-23T12:00:16Z", []uint64{15, 14, 13}},
		{"until", "--until 2026-11-23T12:00:04Z", []uint64{3, 2, 0}},
		{"text", "--q FRA1 --kind outcome", []uint64{7, 3, 2}},
		{"everything together", "--principal installer-fra1 --operation GetConnection --cache miss --decision allow --error-class none --region us-west-2 --since 2026-11-23 --until 2026-11-24", []uint64{2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"audit", "query", "-d", sampleDir, "-o", "json"}, strings.Fields(tt.flags)...)
			stdout, stderr, code := gatepost(t, nil, args...)
			if code != exitDone {
				t.Fatalf("exit status %d: %s", code, stderr)
			}
			if diff := cmp.Diff(tt.want, eventIndices(t, stdout)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if (len(tt.want) == 0) != (stderr == "no event matches\n") {
				t.Errorf("stderr %q", stderr)
			}
		})
	}
}

func TestAuditTables(t *testing.T) {
	for name, args := range map[string][]string{
		"audit-query.golden":        {"audit", "query"},
		"audit-tail.golden":         {"audit", "tail", "-n", "20", "--also", "intent,verdict"},
		"audit-show-miss.golden":    {"audit", "show", sampleID(2)},
		"audit-show-hit.golden":     {"audit", "show", "3"},
		"audit-show-hostile.golden": {"audit", "show", sampleID(5)},
		"audit-show-orphan.golden":  {"audit", "show", sampleID(10)},
		"audit-show-failed.golden":  {"audit", "show", "6"},
		"audit-show-finding.golden": {"audit", "show", "13"},
		"audit-show-verdict.golden": {"audit", "show", "12"},
		"audit-findings.golden":     {"audit", "findings"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := gatepost(t, nil, append(args, "-d", sampleDir)...)
			if code != exitDone || stderr != "" {
				t.Fatalf("exit status %d: %s", code, stderr)
			}
			checkPrintable(t, stdout)
			checkGolden(t, name, stdout)
		})
	}
}

func TestAuditShowJSON(t *testing.T) {
	stdout, stderr, code := gatepost(t, nil, "audit", "show", strings.ToUpper(sampleID(2)), "-d", sampleDir, "-o", "json")
	if code != exitDone {
		t.Fatalf("exit status %d: %s", code, stderr)
	}
	var got struct {
		Event, Intent json.RawMessage
		Verdicts      []json.RawMessage
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	events := sampleLog()
	stored := func(i int) string { return string(audit.AppendLine(nil, &events[i])) }
	if diff := cmp.Diff(stored(2), string(got.Event)); diff != "" {
		t.Errorf("event is not as stored (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(stored(1), string(got.Intent)); diff != "" {
		t.Errorf("intent is not as stored (-want +got):\n%s", diff)
	}
	var verdicts []string
	for _, v := range got.Verdicts {
		verdicts = append(verdicts, string(v))
	}
	if diff := cmp.Diff([]string{stored(8), stored(9), stored(12)}, verdicts); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
	for _, id := range []string{"99", sampleID(0xfff)} {
		if stdout, stderr, code := gatepost(t, nil, "audit", "show", id, "-d", sampleDir); code != exitNo || stdout != "" || !strings.Contains(stderr, "there is no event "+id) {
			t.Errorf("show %s: exit status %d, stdout %q, stderr %q", id, code, stdout, stderr)
		}
	}
}

func TestAuditFindsTheLog(t *testing.T) {
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	sample := filepath.Join(home, sampleDir)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("gatepost.yaml", []byte("audit: {dir: "+sample+"}\nproxy: {tls: {cert_file: /no/cert, key_file: /no/key}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		env  []string
		args []string
	}{
		{"configuration", nil, []string{"-c", "gatepost.yaml"}},
		{"configuration by the environment", []string{"GATEPOST_CONFIG=gatepost.yaml"}, nil},
		{"directory by the environment", []string{"GATEPOST_AUDIT_DIR=" + sample}, nil},
		{"flag over the environment", []string{"GATEPOST_AUDIT_DIR=/nowhere"}, []string{"--data-dir", sample}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, code := gatepost(t, tt.env, append([]string{"audit", "tail", "-n", "1", "-o", "json"}, tt.args...)...)
			if code != exitDone || len(eventIndices(t, stdout)) != 1 {
				t.Errorf("exit status %d: %s", code, stderr)
			}
		})
	}
	if _, stderr, code := gatepost(t, nil, "audit", "tail"); code != exitUsage || !strings.Contains(stderr, `no log directory "data/audit"`) {
		t.Errorf("default: exit status %d: %s", code, stderr)
	}
}

func TestAuditOfAnEmptyLog(t *testing.T) {
	dir := t.TempDir()
	for _, command := range []string{"tail", "query"} {
		stdout, _, code := gatepost(t, nil, "audit", command, "-d", dir)
		if code != exitDone || stdout != "" {
			t.Errorf("%s: exit status %d, stdout %q", command, code, stdout)
		}
	}
}

// copyLog puts the sample log into a directory that a test may write to.
func copyLog(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(sampleDir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAuditTellsOfForeignLines(t *testing.T) {
	dir := copyLog(t)
	name := filepath.Join(dir, fmt.Sprintf("segment-%020d.jsonl", 7))
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.Replace(data, []byte(`"action":"cache_purge"`), []byte("\"action\":\"cache\u202epurge\x1b[2J\""), 1)
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, output := range []string{"text", "json"} {
		stdout, stderr, code := gatepost(t, nil, "audit", "query", "-d", dir, "-o", output)
		if code != exitNo {
			t.Errorf("exit status %d", code)
		}
		if !strings.Contains(stderr, "warning: damaged log: entry 15: ") || !strings.Contains(stderr, "gatepost audit verify") {
			t.Errorf("stderr %q", stderr)
		}
		if !strings.Contains(stdout, sampleID(13)) {
			t.Errorf("the other lines are not shown:\n%s", stdout)
		}
		checkPrintable(t, stdout+stderr)
	}
}

func TestAuditTellsOfMissingLines(t *testing.T) {
	dir := copyLog(t)
	if err := os.Remove(filepath.Join(dir, fmt.Sprintf("segment-%020d.jsonl", 0))); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"query", "tail"} {
		stdout, stderr, code := gatepost(t, nil, "audit", command, "-n", "100", "-d", dir, "-o", "json")
		if code != exitNo || !strings.Contains(stderr, "entries 0 to 6 are missing") {
			t.Errorf("%s: exit status %d, stderr %q", command, code, stderr)
		}
		if got := eventIndices(t, stdout); !slices.Contains(got, 7) || !slices.Contains(got, 15) {
			t.Errorf("%s: events %v", command, got)
		}
	}
}

// TestAuditTailFollows has the log grow within a file and over the beginning
// of new ones, and expects every line once.
func TestAuditTailFollows(t *testing.T) {
	dir := copyLog(t)
	line := func(index uint64) []byte {
		e := audit.Event{
			Index: index, ID: audit.NewID(time.Now()), Kind: audit.KindOutcome, Time: time.Now(), Origin: "gatepost/fra1",
			Operation: "GetConnection", Decision: audit.Allow, Status: 200,
		}
		return append(audit.AppendLine(nil, &e), '\n')
	}
	appendTo := func(segment uint64, data []byte) {
		t.Helper()
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("segment-%020d.jsonl", segment)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	steps := []struct {
		segment uint64
		indices []uint64
	}{
		{7, []uint64{16}},
		{7, []uint64{17, 18}},
		{19, []uint64{19}},
		{19, []uint64{20, 21}},
		{22, []uint64{22}},
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	reader, writer := io.Pipe()
	done := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		code := run(ctx, []string{"audit", "tail", "-f", "-n", "2", "-d", dir, "-o", "json"}, nil, strings.NewReader(""), writer, &stderr)
		writer.Close()
		done <- code
	}()
	scanner := bufio.NewScanner(reader)
	var got []uint64
	read := func(n int) {
		t.Helper()
		for range n {
			if !scanner.Scan() {
				t.Fatalf("output ended after %v: %s", got, stderr.String())
			}
			got = append(got, eventIndices(t, scanner.Text())...)
		}
	}
	read(2)
	want := []uint64{14, 15}
	for _, step := range steps {
		for _, index := range step.indices {
			// In two writes, as a reader may find a line half written.
			data := line(index)
			appendTo(step.segment, data[:len(data)/2])
			appendTo(step.segment, data[len(data)/2:])
		}
		read(len(step.indices))
		want = append(want, step.indices...)
	}
	stop()
	if scanner.Scan() {
		t.Errorf("more than was written: %s", scanner.Text())
	}
	if code := <-done; code != exitDone {
		t.Errorf("interrupted with exit status %d: %s", code, stderr.String())
	}
	if !slices.Equal(want, got) {
		t.Errorf("followed %v, want %v", got, want)
	}
}
