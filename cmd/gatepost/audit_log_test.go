package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
)

var updateGolden = flag.Bool("update", false, "rewrite the golden files")

// sampleID makes the id of the nth event of the sample log.
func sampleID(n int) string {
	return fmt.Sprintf("0193580b-%04x-7c3d-9a51-2b8f6c0d1e2f", n)
}

// sampleLog is a log with every kind of event, and with text that would like
// to act upon a terminal.
func sampleLog() []audit.Event {
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	call := func(n int, kind audit.Kind, principal string) audit.Event {
		return audit.Event{
			ID: sampleID(n), Kind: kind, Principal: principal, AccessKeyID: "GPK7Q2M4X6ZB3N5C8V1L",
			SourceIP: "192.0.2.7", SourcePort: 51234, UserAgent: "aws-cli/2.15.0 md/command#outposts.get-connection",
			Operation: "GetConnection", ReadOnly: true, Region: "us-west-2", ConnectionID: "aB+/c9==",
			Decision: audit.Allow, Cache: audit.CacheMiss,
		}
	}
	upstream := &audit.Upstream{
		Account: "123456789012", IdentityARN: "arn:aws:sts::123456789012:assumed-role/gatepost/installer-fra1",
		AccessKeyID: "ASIAIOSFODNN7EXAMPLE", Endpoint: "https://outposts.us-west-2.amazonaws.com",
	}
	answered := func(e audit.Event) audit.Event {
		e.Status, e.ErrorClass = 200, audit.ErrorClassNone
		e.ResponseSHA256, e.ResponseBytes = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", 412
		e.DurationUS = 12345
		return e
	}

	intent := call(2, audit.KindIntent, "installer-fra1")
	intent.TLS = &audit.TLS{Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", Client: "CN=installer-fra1"}
	intent.Upstream = upstream
	miss := answered(intent)
	miss.Kind, miss.CommitUS = audit.KindOutcome, 812
	miss.Attempts = []audit.Attempt{
		{Status: 503, ErrorCode: "ServiceUnavailable", DurationUS: 4001, RequestID: "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"},
		{Status: 200, DurationUS: 7002, RequestID: "0d4d0b27-6a4e-4d41-9d1c-8f8a3c6d2f11"},
	}
	hit := answered(call(3, audit.KindOutcome, "installer-fra1"))
	hit.Cache, hit.DurationUS = audit.CacheHit, 310
	hit.Fill = &audit.Fill{EventID: sampleID(2), RequestID: "0d4d0b27-6a4e-4d41-9d1c-8f8a3c6d2f11", AgeMS: 1500}
	denied := call(4, audit.KindOutcome, "installer-muc1")
	denied.Decision, denied.Reason, denied.Cache = audit.Deny, "connection_not_allowed", audit.CacheNone
	denied.Status, denied.ErrorClass, denied.ErrorCode, denied.DurationUS = 403, audit.ErrorClassPolicy, "AccessDeniedException", 95
	hostile := call(5, audit.KindOutcome, "")
	hostile.UserAgent = "curl\x1b[2J\x1b]0;owned\a\u202egpj.exe\u2028\"},{\"forged\":"
	hostile.AccessKeyID, hostile.ConnectionID = "\x1b[31mRED", ""
	hostile.Decision, hostile.Reason, hostile.Cache = audit.Deny, "signature\x1b[1A", audit.CacheNone
	hostile.Status, hostile.ErrorClass, hostile.Repeat = 403, audit.ErrorClassSignature, true
	hostile.Truncated = []string{"user_agent"}
	start2 := call(6, audit.KindIntent, "installer-fra1")
	start2.Operation, start2.ReadOnly, start2.ConnectionID, start2.Upstream, start2.Cache = "StartConnection", false, "", upstream, audit.CacheBypass
	start2.Path = "/connections"
	failed := start2
	failed.Kind, failed.Status, failed.ErrorClass, failed.ErrorCode = audit.KindOutcome, 504, audit.ErrorClassUpstreamTimeout, "GatewayTimeoutException"
	failed.DurationUS, failed.ClientGone = 10_000_400, true
	failed.Attempts = []audit.Attempt{{DurationUS: 10_000_000}}
	orphan := call(10, audit.KindIntent, "installer-fra1")
	orphan.Upstream = upstream

	events := []audit.Event{
		{ID: sampleID(1), Kind: audit.KindSystem, Action: "start"},
		intent, miss, hit, denied, hostile, start2, failed,
		{ID: sampleID(7), Kind: audit.KindVerdict, Of: sampleID(2), OfAttempt: 0, State: "not_expected"},
		{ID: sampleID(8), Kind: audit.KindVerdict, Of: sampleID(2), OfAttempt: 1, State: "pending"},
		{ID: sampleID(9), Kind: audit.KindVerdict, Of: sampleID(6), OfAttempt: 0, State: "missing"},
		orphan,
		{ID: sampleID(11), Kind: audit.KindVerdict, Of: sampleID(2), OfAttempt: 1, State: "matched", Evidence: "request_id", LagMS: 252_000,
			CloudTrailEventID: "7e4bb5a3-1111-4222-8333-944455556666"},
		{ID: sampleID(12), Kind: audit.KindFinding, State: "bypass", CloudTrailEventID: "8f5cc6b4-1111-4222-8333-944455556666",
			Principal: "arn:aws:iam::123456789012:user/root", SourceIP: "198.51.100.9", Operation: "GetConnection", Region: "us-west-2"},
		{ID: sampleID(13), Kind: audit.KindSystem, Action: audit.ActionOutcomeUnknown, Of: sampleID(10)},
		{ID: sampleID(14), Kind: audit.KindAdmin, Action: "cache_purge", Principal: "soc", Detail: "connection aB+/c9=="},
	}
	for i := range events {
		events[i].Index = uint64(i)
		events[i].Origin = "gatepost/fra1"
		events[i].Time = start.Add(time.Duration(i) * 1_234_567_891)
	}
	return events
}

// sampleSegments are the files of the sample log, by name: its lines, cut
// where the journal might have begun a new file.
func sampleSegments() map[string][]byte {
	files := map[string][]byte{}
	var name string
	for _, e := range sampleLog() {
		if e.Index == 0 || e.Index == 7 {
			name = fmt.Sprintf("segment-%020d.jsonl", e.Index)
		}
		files[name] = append(audit.AppendLine(files[name], &e), '\n')
	}
	return files
}

// TestSampleLog holds the sample log that the scripts read to what this
// version of gatepost would write.
func TestSampleLog(t *testing.T) {
	for name, want := range sampleSegments() {
		path := filepath.Join("testdata", "log", name)
		if *updateGolden {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s differs (-want +got), accept with -update:\n%s", path, diff)
		}
		for line := range bytes.Lines(got) {
			if _, err := audit.ParseLine(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
				t.Error(err)
			}
		}
	}
}
