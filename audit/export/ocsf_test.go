package export_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/export"
)

// export1 is one event as OCSF.
func export1(t testing.TB, e audit.Event) []byte {
	t.Helper()
	return []byte(write(t, export.Options{Format: export.OCSF, Version: "1.2.3"}, e))
}

func TestOCSFGolden(t *testing.T) {
	events := append(ofKinds(), fullEvent())
	var pretty strings.Builder
	for _, e := range events {
		line := export1(t, e)
		for _, err := range validate(t, line, false) {
			t.Errorf("entry %d: %v", e.Index, err)
		}
		for _, r := range string(line) {
			if r != '\n' && (r < ' ' || r == 0x7f || r == '\u202e' || r == '\u2028') {
				t.Errorf("entry %d holds %q", e.Index, r)
			}
		}
		var object json.RawMessage = line
		text, err := json.MarshalIndent(object, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		pretty.Write(text)
		pretty.WriteByte('\n')
	}
	checkGolden(t, "events.ocsf.json", pretty.String())
}

// at returns what stands at a path of an exported event, such as
// api.request.uid, "" for nothing.
func at(t testing.TB, line []byte, path string) string {
	t.Helper()
	var value any
	if err := json.Unmarshal(line, &value); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	for name := range strings.SplitSeq(path, ".") {
		if list, ok := value.([]any); ok {
			value = list[0]
		}
		object, _ := value.(map[string]any)
		value = object[name]
	}
	if value == nil {
		return ""
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Trim(string(text), `"`)
}

// What a SIEM joins by.
func TestOCSFJoins(t *testing.T) {
	events := map[string]audit.Event{}
	for _, e := range ofKinds() {
		name := e.ID
		if e.Kind == audit.KindIntent {
			name += "/intent"
		}
		events[name] = e
	}
	tests := []struct{ event, correlation, request, flags string }{
		{"id-miss/intent", "id-miss", "id-miss", `["no_aws_request_id"]`},
		{"id-miss", "id-miss", "aws-2", ""},
		{"id-hit", "id-miss", "aws-2", `["cached"]`},
		{"id-denied", "id-denied", "id-denied", `["not_sent"]`},
		{"id-unknown", "id-unknown", "id-unknown", `["not_sent","repeat"]`},
		{"id-write", "id-write", "id-write", `["no_aws_request_id"]`},
		{"id-verdict", "id-miss", "", ""},
		{"id-bypass", "ct-2", "", ""},
		{"id-flood", "id-first", "", ""},
		{"id-start", "", "", ""},
	}
	for _, tt := range tests {
		line := export1(t, events[tt.event])
		got := []string{at(t, line, "metadata.uid"), at(t, line, "metadata.correlation_uid"), at(t, line, "api.request.uid"), at(t, line, "api.request.flags")}
		if diff := cmp.Diff([]string{tt.event, tt.correlation, tt.request, tt.flags}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.event, diff)
		}
	}
}

func TestOCSFActivity(t *testing.T) {
	tests := []struct {
		event audit.Event
		want  string
	}{
		{audit.Event{Kind: audit.KindOutcome, Operation: "GetConnection"}, "2 Read"},
		{audit.Event{Kind: audit.KindOutcome, Operation: "ListOutposts"}, "2 Read"},
		{audit.Event{Kind: audit.KindOutcome, Operation: "CreateOrder"}, "1 Create"},
		{audit.Event{Kind: audit.KindOutcome, Operation: "StartConnection"}, "1 Create"},
		{audit.Event{Kind: audit.KindOutcome, Operation: "StartCapacityTask"}, "1 Create"},
		{audit.Event{Kind: audit.KindOutcome, Operation: "StartOutpostDecommission"}, "99 Start"},
		{audit.Event{Kind: audit.KindOutcome, Operation: "UpdateSite"}, "3 Update"},
		{audit.Event{Kind: audit.KindOutcome, Operation: "TagResource"}, "3 Update"},
		{audit.Event{Kind: audit.KindOutcome, Operation: "UntagResource"}, "3 Update"},
		{audit.Event{Kind: audit.KindOutcome, Operation: "CancelOrder"}, "3 Update"},
		{audit.Event{Kind: audit.KindOutcome, Operation: "DeleteSite"}, "4 Delete"},
		{audit.Event{Kind: audit.KindFinding, Operation: "SetSiteAddress"}, "99 Other"},
		{audit.Event{Kind: audit.KindFinding, Operation: "Getaway"}, "99 Other"},
		{audit.Event{Kind: audit.KindOutcome, Operation: "Unknown"}, "0 Unknown"},
		{audit.Event{Kind: audit.KindOutcome, Operation: "Unknown", ReadOnly: true}, "2 Read"},
		{audit.Event{Kind: audit.KindOutcome}, "0 Unknown"},
		{audit.Event{Kind: audit.KindVerdict}, "99 Verdict"},
		{audit.Event{Kind: audit.KindAdmin, Action: "cache_purge"}, "4 Delete"},
		{audit.Event{Kind: audit.KindAdmin, Action: "events_query"}, "2 Read"},
		{audit.Event{Kind: audit.KindAdmin, Action: "login"}, "99 login"},
		{audit.Event{Kind: audit.KindSystem, Action: "start"}, "99 start"},
	}
	for _, tt := range tests {
		line := export1(t, tt.event)
		if got := at(t, line, "activity_id") + " " + at(t, line, "activity_name"); got != tt.want {
			t.Errorf("%s %s%s: %s, want %s", tt.event.Kind, tt.event.Operation, tt.event.Action, got, tt.want)
		}
		if errs := validate(t, line, false); len(errs) > 0 {
			t.Errorf("%s %s%s: %v", tt.event.Kind, tt.event.Operation, tt.event.Action, errs)
		}
	}
}

func TestOCSFEndpoints(t *testing.T) {
	tests := []struct{ source, endpoint, wantSource, wantDestination string }{
		{"192.0.2.7", "https://outposts.us-west-2.amazonaws.com", `{"ip":"192.0.2.7"}`, `{"hostname":"outposts.us-west-2.amazonaws.com","svc_name":"outposts.amazonaws.com"}`},
		{"::ffff:192.0.2.7", "http://127.0.0.1:8080/", `{"ip":"192.0.2.7"}`, `{"ip":"127.0.0.1","port":8080,"svc_name":"outposts.amazonaws.com"}`},
		{"2001:db8::1", "http://[::1]:8080", `{"ip":"2001:db8::1"}`, `{"ip":"::1","port":8080,"svc_name":"outposts.amazonaws.com"}`},
		{"fe80::1%eth0", "https://[2001:db8::1]/x", `{"name":"fe80::1%eth0"}`, `{"ip":"2001:db8::1","svc_name":"outposts.amazonaws.com"}`},
		{"AWS Internal", "host:port", `{"name":"AWS Internal"}`, `{"hostname":"host:port","svc_name":"outposts.amazonaws.com"}`},
		{"", "", `{"name":"unknown"}`, `{"svc_name":"outposts.amazonaws.com"}`},
	}
	for _, tt := range tests {
		line := export1(t, audit.Event{Kind: audit.KindOutcome, SourceIP: tt.source, Upstream: &audit.Upstream{Endpoint: tt.endpoint}, Attempts: []audit.Attempt{{}}})
		if got := at(t, line, "src_endpoint"); got != tt.wantSource {
			t.Errorf("source %q: %s, want %s", tt.source, got, tt.wantSource)
		}
		if got := at(t, line, "dst_endpoint"); got != tt.wantDestination {
			t.Errorf("endpoint %q: %s, want %s", tt.endpoint, got, tt.wantDestination)
		}
	}
}

func TestOCSFProof(t *testing.T) {
	e := ofKinds()[2]
	line := audit.AppendLine(nil, &e)
	leaf := sha256.Sum256(append([]byte{0}, line...))
	signed := sha256.Sum256([]byte("checkpoint"))
	proof := &export.Proof{
		Authority: "gatepost/fra1+12345678+AQID", Text: []byte("c2sp.org/tlog-proof@v1\nindex 2\n"),
		Signatures: []export.Signature{{Algorithm: "Ed25519", Signed: signed}},
		Previous:   &export.Previous{UID: "id-miss/intent", Leaf: leaf},
	}
	var asked []uint64
	options := func(p *export.Proof, err error) export.Options {
		return export.Options{Format: export.OCSF, Proof: func(index uint64) (*export.Proof, error) {
			asked = append(asked, index)
			return p, err
		}}
	}
	got := []byte(write(t, options(proof, nil), e))
	for _, err := range validate(t, got, true) {
		t.Error(err)
	}
	if errs := validate(t, got, false); len(errs) == 0 {
		t.Error("the unreleased profile is valid in 1.8.0")
	}
	sha := func(sum [32]byte) string {
		return `{"algorithm":"SHA-256","algorithm_id":3,"value":"` + hex.EncodeToString(sum[:]) + `"}`
	}
	for path, want := range map[string]string{
		"attestation_list.uid":                    "gatepost/fra1/2",
		"attestation_list.authority_uid":          "gatepost/fra1+12345678+AQID",
		"attestation_list.chain_uid":              "gatepost/fra1",
		"attestation_list.fingerprint":            sha(leaf),
		"attestation_list.signatures":             `[{"algorithm":"Ed25519","algorithm_id":99,"digest":` + sha(signed) + `}]`,
		"attestation_list.prev_event.uid":         "id-miss/intent",
		"attestation_list.prev_event.fingerprint": sha(leaf),
		"metadata.profiles":                       `["cloud","security_control","record_integrity"]`,
		"unmapped.log_proof":                      `c2sp.org/tlog-proof@v1\nindex 2\n`,
	} {
		if value := at(t, got, path); value != want {
			t.Errorf("%s is %s, want %s", path, value, want)
		}
	}

	if got, want := write(t, options(nil, nil), e), write(t, export.Options{Format: export.OCSF}, e); got != want {
		t.Errorf("an entry that no checkpoint covers:\n%s, want\n%s", got, want)
	}
	damaged := errors.New("damaged tree")
	if err := export.Write(t.Context(), t.Output(), records(e), options(nil, damaged)); !errors.Is(err, damaged) {
		t.Errorf("error %v, want %v", err, damaged)
	}
	if len(asked) != 3 || asked[0] != 2 {
		t.Errorf("asked for %v", asked)
	}
}

// TestOCSFIsValid validates events of every kind with any mixture of fields.
func TestOCSFIsValid(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := events().Draw(rt, "event")
		line := export1(t, e)
		if errs := validate(t, line, false); len(errs) > 0 {
			rt.Fatalf("%v\n%s", errs, line)
		}
		// Also as the log gives it.
		e, err := audit.ParseLine(audit.AppendLine(nil, &e))
		if err != nil {
			rt.Fatal(err)
		}
		if errs := validate(t, export1(t, e), false); len(errs) > 0 {
			rt.Fatalf("from the log: %v", errs)
		}
	})
}

func events() *rapid.Generator[audit.Event] {
	maybe := func(g *rapid.Generator[string]) *rapid.Generator[string] { return rapid.OneOf(rapid.Just(""), g) }
	wild := rapid.OneOf(
		rapid.SampledFrom([]string{"=1+1", "+cmd", "@SUM(", "a\nb", "\u202e", "\xff\xfe", `"},{"x":`, `\`, "\x00", "{", "[", "]", "}", "😀"}),
		rapid.String())
	text := maybe(wild)
	number := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64())
	return rapid.Custom(func(t *rapid.T) audit.Event {
		word := func(name string, words ...string) string {
			return rapid.OneOf(rapid.SampledFrom(append(words, "")), wild).Draw(t, name)
		}
		e := audit.Event{
			Index: rapid.Uint64().Draw(t, "index"), ID: text.Draw(t, "id"), Origin: text.Draw(t, "origin"),
			Kind: audit.Kind(word("kind", "intent", "outcome", "verdict", "finding", "admin", "system")),
			Time: time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "seconds"), 0).UTC(),

			Principal: text.Draw(t, "principal"), AccessKeyID: text.Draw(t, "key"), SourcePort: rapid.Uint16().Draw(t, "port"),
			SourceIP:  word("source", "192.0.2.7", "2001:db8::1", "::ffff:192.0.2.7", "::1%lo", "2001:db8::/64", "::", "1:2:3:4:5:6:7:8"),
			UserAgent: text.Draw(t, "user_agent"), Operation: word("operation", "GetConnection", "StartConnection", "Unknown", "CancelOrder"),
			ReadOnly: rapid.Bool().Draw(t, "read_only"), Region: text.Draw(t, "region"), ConnectionID: text.Draw(t, "connection"), Path: text.Draw(t, "path"),

			Decision: audit.Decision(word("decision", "allow", "deny")), Reason: text.Draw(t, "reason"), Repeat: rapid.Bool().Draw(t, "repeat"),
			Cache: audit.CacheResult(word("cache", "hit", "miss", "coalesced")), Status: int(number.Draw(t, "status")),
			ErrorClass: rapid.SampledFrom(append(audit.ErrorClasses(), "")).Draw(t, "class"), ErrorCode: text.Draw(t, "code"),
			ResponseSHA256: text.Draw(t, "sha"), ResponseBytes: number.Draw(t, "bytes"), DurationUS: number.Draw(t, "duration"), CommitUS: number.Draw(t, "commit"),

			Action: word("action", "start", "cache_purge", audit.ActionOutcomeUnknown), Of: text.Draw(t, "of"), OfAttempt: int(number.Draw(t, "of_attempt")),
			State: word("state", "matched", "missing", "mismatched", "bypass"), CloudTrailEventID: text.Draw(t, "cloudtrail"), Evidence: text.Draw(t, "evidence"),
			LagMS: number.Draw(t, "lag"), Differences: rapid.SliceOfN(wild, 0, 3).Draw(t, "differences"), Count: rapid.Uint64().Draw(t, "count"), Detail: text.Draw(t, "detail"),
		}
		if rapid.Bool().Draw(t, "has tls") {
			e.TLS = &audit.TLS{Version: text.Draw(t, "tls")}
		}
		if rapid.Bool().Draw(t, "has fill") {
			e.Fill = &audit.Fill{EventID: text.Draw(t, "fill event"), RequestID: text.Draw(t, "fill request"), AgeMS: number.Draw(t, "age")}
		}
		if rapid.Bool().Draw(t, "has upstream") {
			e.Upstream = &audit.Upstream{Account: text.Draw(t, "account"), IdentityARN: text.Draw(t, "arn"),
				Endpoint: word("endpoint", "https://outposts.us-west-2.amazonaws.com", "http://[::1]:99999", "http://:1", "://", "http://1.2.3.4:5")}
		}
		for range rapid.IntRange(0, 3).Draw(t, "attempts") {
			e.Attempts = append(e.Attempts, audit.Attempt{RequestID: text.Draw(t, "request"), Status: int(number.Draw(t, "attempt status")),
				ErrorCode: text.Draw(t, "attempt code"), DurationUS: number.Draw(t, "attempt duration")})
		}
		return e
	})
}

// FuzzOCSF: any line of the log becomes one valid object.
func FuzzOCSF(f *testing.F) {
	f.Add([]byte(nil))
	for _, e := range append(ofKinds(), fullEvent()) {
		f.Add(audit.AppendLine(nil, &e))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := audit.ParseLine(line)
		if err != nil {
			// Not a line; its bytes make texts all the same.
			s := string(line)
			e = audit.Event{Kind: audit.Kind(s), ID: s, Origin: s, Principal: s, AccessKeyID: s, SourceIP: s, UserAgent: s, Operation: s, ConnectionID: s,
				Path: s, Reason: s, Action: s, State: s, Detail: s, Differences: []string{s}, Upstream: &audit.Upstream{Endpoint: s}, Attempts: []audit.Attempt{{RequestID: s}}}
			for _, k := range []audit.Kind{audit.Kind(s), audit.KindOutcome, audit.KindFinding, audit.KindAdmin} {
				e.Kind = k
				if errs := validate(t, export1(t, e), false); len(errs) > 0 {
					t.Errorf("%q: %v", k, errs)
				}
			}
			return
		}
		if errs := validate(t, export1(t, e), false); len(errs) > 0 {
			t.Error(fmt.Errorf("%s: %v", line, errs))
		}
	})
}
