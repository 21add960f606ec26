package correlate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
)

// TestDifferences has a record that differs from its attempt in one thing.
func TestDifferences(t *testing.T) {
	failed := func(status int, code string) func(*audit.Event) {
		return func(e *audit.Event) {
			e.Attempts = []audit.Attempt{{RequestID: requestID(1), Status: status, ErrorCode: code}}
		}
	}
	code := func(code string) edit { return func(r *cloudtrail.Record) { r.ErrorCode = code } }
	arn := func(arn, issuer string) edit {
		return func(r *cloudtrail.Record) { r.UserIdentity.ARN, r.UserIdentity.IssuerARN = arn, issuer }
	}
	as := func(arn string) func(*audit.Event) {
		return func(e *audit.Event) {
			u := *e.Upstream
			u.IdentityARN = arn
			e.Upstream = &u
		}
	}
	const role = "arn:aws:iam::123456789012:role/path/gatepost"
	for _, test := range []struct {
		name   string
		ours   func(*audit.Event)
		theirs edit
		state  string // "" is matched
		says   string // the beginning of the only difference; "" is none
	}{
		{name: "none"},
		{name: "operation", theirs: func(r *cloudtrail.Record) { r.EventName = "StartConnection" }, state: "mismatched", says: "operation: "},
		{name: "operation that the log does not know", ours: func(e *audit.Event) { e.Operation, e.ReadOnly = "Unknown", false }},
		{name: "region", theirs: func(r *cloudtrail.Record) { r.AWSRegion = "us-east-1" }, state: "mismatched", says: "region: "},
		{name: "account", theirs: func(r *cloudtrail.Record) { r.UserIdentity.AccountID = "210987654321" }, state: "mismatched", says: "account: "},
		{name: "recipient", theirs: func(r *cloudtrail.Record) { r.RecipientID = "210987654321" }},
		{name: "principal", theirs: arn(somebody, ""), state: "mismatched", says: "principal: "},
		{name: "session", theirs: arn("arn:aws:sts::123456789012:assumed-role/gatepost/fra2", role), state: "mismatched", says: "principal: "},
		{name: "masked principal", theirs: arn("***", "")},
		{name: "issuer alone", theirs: arn("", role)},
		{name: "another issuer alone", theirs: arn("", "arn:aws:iam::123456789012:role/other"), state: "mismatched", says: "principal: "},
		{name: "the log knows the role alone", ours: as(role)},
		{name: "the log knows another role alone", ours: as("arn:aws:iam::123456789012:role/other"), state: "mismatched", says: "principal: "},
		{name: "role of another account", ours: as("arn:aws:sts::210987654321:assumed-role/gatepost/fra1"), state: "mismatched", says: "principal: "},
		{name: "the log knows no identity", ours: as("")},
		{name: "connection", theirs: withConnection("conn/1+"), state: "mismatched", says: "connection_id: "},
		{name: "encoded connection", theirs: withConnection("conn%2F1%2B%3D")},
		{name: "connection encoded twice", theirs: withConnection("conn%252F1%252B%253D")},
		{name: "masked connection", theirs: withConnection("***")},
		{name: "no connection", theirs: withConnection("")},
		{name: "connection cut in the log", ours: func(e *audit.Event) { e.ConnectionID, e.Truncated = "conn", []string{"connection_id"} }},
		{name: "error for a success", theirs: code("AccessDenied"), state: "mismatched", says: `error_code: "success" in the log, "AccessDenied"`},
		{name: "masked error", theirs: code("***")},
		{name: "success for an error", ours: failed(403, "AccessDeniedException"), state: "mismatched", says: `error_code: "AccessDeniedException" in the log, "success"`},
		{name: "another error", ours: failed(404, "NotFoundException"), theirs: code("ValidationException"), state: "mismatched", says: "error_code: "},
		{name: "the same error by another name", ours: failed(403, "AccessDeniedException"), theirs: code("Client.UnauthorizedOperation")},
		{name: "the same error with a namespace", ours: failed(404, "NotFoundException"), theirs: code("com.amazonaws.outposts#NotFoundException:http://x")},
		{name: "an error without a code", ours: failed(500, ""), theirs: code("InternalFailure")},
		{name: "access key", theirs: func(r *cloudtrail.Record) { r.UserIdentity.AccessKeyID = "ASIAOTHER" }, says: "access_key_id: "},
		{name: "read only", theirs: func(r *cloudtrail.Record) { r.ReadOnly = false }, says: "read_only: "},
		{name: "host", theirs: func(r *cloudtrail.Record) { r.TLS.Host = "outposts.us-east-1.amazonaws.com" }, says: "tls_host: "},
		{name: "host with a port", theirs: func(r *cloudtrail.Record) { r.TLS.Host = "Outposts.us-west-2.amazonaws.com:443" }},
		{name: "no host", theirs: func(r *cloudtrail.Record) { r.TLS.Host = "" }},
		{name: "old TLS", theirs: func(r *cloudtrail.Record) { r.TLS.Version = "TLSv1.1" }, says: "tls_version: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			lines := call(1, 1, answered(1))
			r := record(1, 1)
			if test.ours != nil {
				test.ours(&lines[1])
			}
			if test.theirs != nil {
				test.theirs(&r)
			}
			l := newLog(t, correlate.Config{})
			l.tick(0)
			l.write(lines...)
			said := l.records(60, r)
			if len(said) != 1 {
				t.Fatalf("said %+v", said)
			}
			e := said[0]
			state := test.state
			if state == "" {
				state = "matched"
			}
			if e.State != state || e.Evidence != "request_id" || e.CloudTrailEventID != recordID(1) || e.LagMS != 59000 {
				t.Errorf("said %+v", e)
			}
			if test.says == "" && len(e.Differences) > 0 || test.says != "" && (len(e.Differences) != 1 || !strings.HasPrefix(e.Differences[0], test.says)) {
				t.Errorf("differences %q, want %q", e.Differences, test.says)
			}
			if noted := len(e.Differences) == 1 && strings.HasSuffix(e.Differences[0], "(noted)"); noted != (test.says != "" && state == "matched") {
				t.Errorf("differences %q of %s", e.Differences, state)
			}
		})
	}
}

// A source address is held against those that the identity's records had before.
func TestStrangeAddress(t *testing.T) {
	l := newLog(t, correlate.Config{})
	l.tick(0)
	noted := func(n int, ip string) bool {
		l.write(call(n, float64(n), answered(n))...)
		said := l.records(60, record(n, float64(n), func(r *cloudtrail.Record) { r.SourceIP = ip }))
		if len(said) != 1 || said[0].State != "matched" {
			t.Fatalf("said %+v", said)
		}
		return slices.ContainsFunc(said[0].Differences, func(d string) bool { return strings.HasPrefix(d, "source_ip: ") })
	}
	for n, step := range []struct {
		ip   string
		want bool
	}{
		{"198.51.100.1", false}, {"198.51.100.1", false}, {"198.51.100.2", true}, {"198.51.100.1", false}, {"198.51.100.2", false},
		{"cloudformation.amazonaws.com", false}, {"***", false}, {"2001:db8::1", true}, {"2001:DB8::1", false},
	} {
		if got := noted(n+1, step.ip); got != step.want {
			t.Errorf("%d: %s noted: %t", n+1, step.ip, got)
		}
	}
}

func TestKnownDirect(t *testing.T) {
	for _, test := range []struct {
		name string
		rule correlate.Rule
		want bool
	}{
		{"empty", correlate.Rule{}, false},
		{"principal", correlate.Rule{PrincipalARN: somebody}, true},
		{"principals", correlate.Rule{PrincipalARN: "arn:aws:iam::*:user/*body"}, true},
		{"all", correlate.Rule{PrincipalARN: "*"}, true},
		{"stars", correlate.Rule{PrincipalARN: "**user**"}, true},
		{"other principal", correlate.Rule{PrincipalARN: "arn:aws:iam::*:user/*bodies"}, false},
		{"part of a principal", correlate.Rule{PrincipalARN: "arn:aws:iam"}, false},
		{"overlapping", correlate.Rule{PrincipalARN: somebody + "*y"}, false},
		{"role", correlate.Rule{PrincipalARN: "arn:aws:iam::*:role/tool"}, true},
		{"address", correlate.Rule{SourceIP: "203.0.113.9"}, true},
		{"network", correlate.Rule{SourceIP: "203.0.113.77/24"}, true},
		{"other network", correlate.Rule{SourceIP: "203.0.112.0/24"}, false},
		{"no address", correlate.Rule{SourceIP: "here"}, false},
		{"agent", correlate.Rule{UserAgent: "tool/*"}, true},
		{"all members", correlate.Rule{PrincipalARN: somebody, SourceIP: "203.0.113.9", UserAgent: "tool/1"}, true},
		{"one member not", correlate.Rule{PrincipalARN: somebody, SourceIP: "203.0.113.10", UserAgent: "tool/1"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLog(t, correlate.Config{KnownDirect: []correlate.Rule{test.rule}})
			l.write(call(1, 1, answered(1))...)
			l.tick(10)
			l.records(60, record(2, 5, withCaller(somebody), withAgent("tool/1"), func(r *cloudtrail.Record) {
				r.SourceIP, r.UserIdentity.IssuerARN = "203.0.113.9", "arn:aws:iam::123456789012:role/tool"
			}))
			l.tick(1000)
			want := "bypass"
			if test.want {
				want = "known_direct"
			}
			if got := l.states()[recordID(2)]; got != want {
				t.Errorf("found %s", got)
			}
		})
	}
}
