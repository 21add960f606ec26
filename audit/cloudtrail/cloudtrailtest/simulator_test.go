package cloudtrailtest_test

import (
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/cloudtrailtest"
	"github.com/google/go-cmp/cmp"
)

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

const lostInTime = 1000 * time.Hour

func call(i int) cloudtrailtest.Event {
	return cloudtrailtest.Event{
		RequestID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i), Operation: "GetConnection", ReadOnly: true,
		Principal: cloudtrailtest.Principal{
			Type: "AssumedRole", PrincipalID: "AROAEXAMPLE:installer", ARN: "arn:aws:sts::123456789012:assumed-role/outposts/installer",
			AccessKeyID: "ASIAEXAMPLE", UserName: "outposts", IssuerARN: "arn:aws:iam::123456789012:role/outposts", SourceIdentity: "installer-fra1",
		},
		ConnectionID: "a/b+=", SourceIP: "192.0.2.1", UserAgent: fmt.Sprintf("aws-cli/2 gatepost/1 evt/%d", i),
		Host: "outposts.us-west-2.amazonaws.com", TLSVersion: "TLSv1.3", CipherSuite: "TLS_AES_128_GCM_SHA256",
		Completed: start.Add(time.Duration(i)*time.Second + 300*time.Millisecond),
	}
}

// simulate adds n calls, one a second.
func simulate(n int, f cloudtrailtest.Faults) *cloudtrailtest.Simulator {
	sim := cloudtrailtest.New(cloudtrailtest.Config{Faults: f})
	for i := range n {
		sim.Add(call(i))
	}
	return sim
}

// all is everything that is ever delivered.
func all(sim *cloudtrailtest.Simulator) iter.Seq[[]byte] {
	return sim.Delivered("", start.Add(-lostInTime), start.Add(lostInTime), start.Add(lostInTime))
}

func decode(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	var r map[string]any
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return r
}

func TestRecord(t *testing.T) {
	sim := simulate(1, cloudtrailtest.Faults{Seed: 7})
	raw := slices.Collect(all(sim))
	if len(raw) != 1 {
		t.Fatalf("%d records", len(raw))
	}
	got := decode(t, raw[0])
	id := got["eventID"].(string)
	if len(id) != 36 || id[14] != '4' {
		t.Errorf("eventID %q", id)
	}
	delete(got, "eventID")
	want := map[string]any{
		"eventVersion": "1.11", "eventTime": "2026-11-22T10:00:00Z", "eventSource": "outposts.amazonaws.com",
		"eventName": "GetConnection", "awsRegion": "us-west-2", "sourceIPAddress": "192.0.2.1",
		"userAgent":         "aws-cli/2 gatepost/1 evt/0",
		"requestParameters": map[string]any{"ConnectionId": "a/b+="}, "responseElements": nil,
		"requestID": "00000000-0000-4000-8000-000000000000", "readOnly": true, "eventType": "AwsApiCall",
		"managementEvent": true, "recipientAccountId": "123456789012", "eventCategory": "Management",
		"tlsDetails": map[string]any{
			"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": "outposts.us-west-2.amazonaws.com",
		},
		"userIdentity": map[string]any{
			"type": "AssumedRole", "principalId": "AROAEXAMPLE:installer", "accountId": "123456789012", "accessKeyId": "ASIAEXAMPLE",
			"arn": "arn:aws:sts::123456789012:assumed-role/outposts/installer",
			"sessionContext": map[string]any{
				"sessionIssuer": map[string]any{
					"type": "Role", "arn": "arn:aws:iam::123456789012:role/outposts", "accountId": "123456789012", "userName": "outposts",
				},
				"attributes":     map[string]any{"creationDate": "2026-11-22T10:00:00Z", "mfaAuthenticated": "false"},
				"sourceIdentity": "installer-fra1",
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFaultsOfARecord(t *testing.T) {
	for _, test := range []struct {
		name   string
		faults cloudtrailtest.Faults
		change func(*cloudtrailtest.Event)
		want   []map[string]any // members of each record; nil stands for an absent one
	}{
		{name: "lost", faults: cloudtrailtest.Faults{Loss: 1}},
		{
			name: "refused by authentication", faults: cloudtrailtest.Faults{},
			change: func(e *cloudtrailtest.Event) { e.ErrorCode = "InvalidSignatureException" },
		},
		{
			name: "refused by authentication and recorded", faults: cloudtrailtest.Faults{RecordRefused: true},
			change: func(e *cloudtrailtest.Event) { e.ErrorCode = "InvalidSignatureException" },
			want:   []map[string]any{{"errorCode": "InvalidSignatureException"}},
		},
		{
			name: "denied", faults: cloudtrailtest.Faults{},
			change: func(e *cloudtrailtest.Event) { e.ErrorCode, e.ErrorMessage = "AccessDenied", "no" },
			want:   []map[string]any{{"errorCode": "AccessDenied", "errorMessage": "no"}},
		},
		{
			name: "change", faults: cloudtrailtest.Faults{},
			change: func(e *cloudtrailtest.Event) { e.Operation, e.ReadOnly = "StartConnection", false },
			want:   []map[string]any{{"requestParameters": nil, "responseElements": map[string]any{"ConnectionId": "a/b+="}}},
		},
		{name: "masked", faults: cloudtrailtest.Faults{MaskedParameters: 1}, want: []map[string]any{{"requestParameters": map[string]any{"ConnectionId": "***"}}}},
		{name: "encoded", faults: cloudtrailtest.Faults{EncodedConnectionID: 1}, want: []map[string]any{{"requestParameters": map[string]any{"ConnectionId": "a%2Fb%2B%3D"}}}},
		{name: "no ids", faults: cloudtrailtest.Faults{NoRequestID: 1, NoUserAgent: 1}, want: []map[string]any{{"requestID": nil, "userAgent": nil}}},
		{name: "truncated", faults: cloudtrailtest.Faults{TruncatedRequestID: 1, TruncatedUserAgent: 1}, want: []map[string]any{{"requestID": "00000000", "userAgent": "aws-cli/2 gat"}}},
		{name: "elsewhere", faults: cloudtrailtest.Faults{WrongRegion: 1}, want: []map[string]any{{"awsRegion": "us-east-1"}}},
		{name: "late", faults: cloudtrailtest.Faults{LateAddenda: 1}, want: []map[string]any{{"addendum": map[string]any{"reason": "DELIVERY_DELAY"}}}},
		{
			name: "outage", faults: cloudtrailtest.Faults{Outages: []cloudtrailtest.Outage{{From: start, To: start.Add(time.Hour), Addendum: true}}},
			want: []map[string]any{{"addendum": map[string]any{"reason": "SERVICE_OUTAGE"}}},
		},
		{name: "duplicate", faults: cloudtrailtest.Faults{Duplicates: 1}, want: []map[string]any{{"sharedEventID": nil}, {"sharedEventID": nil}}},
		{name: "shared", faults: cloudtrailtest.Faults{SharedCopies: 1}, want: []map[string]any{{"recipientAccountId": "123456789012"}, {"recipientAccountId": "210987654321"}}},
		{
			name: "corrected", faults: cloudtrailtest.Faults{Corrections: 1},
			want: []map[string]any{{"errorCode": "InternalFailure", "userAgent": nil, "addendum": nil}, {"errorCode": nil, "userAgent": "aws-cli/2 gatepost/1 evt/0"}},
		},
		{
			name: "noise", faults: cloudtrailtest.Faults{OtherPrincipals: 1, OtherServices: 1},
			want: []map[string]any{
				{"requestID": "00000000-0000-4000-8000-000000000000"},
				{"eventSource": "outposts.amazonaws.com", "sourceIPAddress": "203.0.113.77"},
				{"eventSource": "glue.amazonaws.com", "eventName": "GetConnection"},
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			sim := cloudtrailtest.New(cloudtrailtest.Config{Faults: test.faults})
			e := call(0)
			if test.change != nil {
				test.change(&e)
			}
			sim.Add(e)
			var records []map[string]any
			for truth := range sim.Truths() {
				for _, d := range truth.Deliveries {
					for raw := range all(sim) {
						if r := decode(t, raw); r["eventID"] == d.EventID {
							records = append(records, r)
							break
						}
					}
				}
			}
			if len(records) != len(test.want) {
				t.Fatalf("%d records, want %d", len(records), len(test.want))
			}
			for i, want := range test.want {
				for member, value := range want {
					if diff := cmp.Diff(value, records[i][member]); diff != "" {
						t.Errorf("record %d, %s: %s", i, member, diff)
					}
				}
			}
		})
	}
}

func TestRecordsOfOneEvent(t *testing.T) {
	pair := func(f cloudtrailtest.Faults) (first, second map[string]any) {
		var records []map[string]any
		for raw := range all(simulate(1, f)) {
			records = append(records, decode(t, raw))
		}
		if len(records) != 2 {
			t.Fatalf("%d records", len(records))
		}
		return records[0], records[1]
	}
	if a, b := pair(cloudtrailtest.Faults{Duplicates: 1}); a["eventID"] != b["eventID"] {
		t.Errorf("duplicates %v and %v", a["eventID"], b["eventID"])
	}
	if a, b := pair(cloudtrailtest.Faults{SharedCopies: 1}); a["eventID"] == b["eventID"] || a["sharedEventID"] != b["sharedEventID"] || a["sharedEventID"] == nil {
		t.Errorf("copies %v and %v", a, b)
	}
	a, b := pair(cloudtrailtest.Faults{Corrections: 1})
	want := map[string]any{
		"reason": "UPDATED_DATA", "updatedFields": []any{"userAgent", "errorCode"},
		"originalRequestID": a["requestID"], "originalEventID": a["eventID"],
	}
	if diff := cmp.Diff(want, b["addendum"]); diff != "" || a["eventID"] == b["eventID"] || a["requestID"] == b["requestID"] {
		t.Errorf("correction %v of %v: %s", b, a, diff)
	}
}

func TestDelivered(t *testing.T) {
	sim := simulate(10, cloudtrailtest.Faults{Delay: cloudtrailtest.Constant(time.Minute)})
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	for _, test := range []struct {
		name           string
		from, to, asOf float64
		want           int
	}{
		{"all", 0, 10, 100, 10},
		{"none yet", 0, 10, 60.2, 0},
		{"the first at its delay", 0, 10, 60.3, 1},
		{"start is inside, end is not", 3, 5, 100, 2},
		{"bounds amid a second", 2.5, 4.5, 100, 2},
		{"empty", 5, 5, 100, 0},
	} {
		if got := len(slices.Collect(sim.Delivered("us-west-2", at(test.from), at(test.to), at(test.asOf)))); got != test.want {
			t.Errorf("%s: %d records, want %d", test.name, got, test.want)
		}
	}
	if got := len(slices.Collect(sim.Delivered("us-east-1", at(0), at(10), at(100)))); got != 0 {
		t.Errorf("%d records in another region", got)
	}
	if last := sim.LastDelivery(); !last.Equal(at(69.3)) {
		t.Errorf("last delivery %v", last)
	}
}

// Arrived over adjacent spans gives each record once, in order of delivery.
func TestArrived(t *testing.T) {
	sim := simulate(1000, cloudtrailtest.Faults{Seed: 3, Delay: cloudtrailtest.Exponential(5 * time.Minute)})
	seen := map[string]bool{}
	for now := start; now.Before(sim.LastDelivery()); now = now.Add(17 * time.Second) {
		for raw := range sim.Arrived("", now, now.Add(17*time.Second)) {
			id := decode(t, raw)["eventID"].(string)
			if seen[id] {
				t.Fatalf("%s arrived twice", id)
			}
			seen[id] = true
		}
	}
	if len(seen) != 1000 {
		t.Errorf("%d arrived", len(seen))
	}
}

func TestSameSeedSameFate(t *testing.T) {
	faults := cloudtrailtest.Faults{
		Seed: 5, Delay: cloudtrailtest.HeavyTail(2*time.Minute, 3*time.Hour), Loss: .1, Duplicates: .1, Corrections: .1, SharedCopies: .1,
		MaskedParameters: .1, OtherPrincipals: .1, OtherServices: .1, Skew: 2 * time.Second, Shuffled: true,
	}
	records := func(f cloudtrailtest.Faults) []string {
		var lines []string
		for raw := range all(simulate(300, f)) {
			lines = append(lines, string(raw))
		}
		return lines
	}
	first := records(faults)
	if diff := cmp.Diff(first, records(faults)); diff != "" {
		t.Error(diff)
	}
	faults.Seed++
	if slices.Equal(first, records(faults)) {
		t.Error("another seed makes no difference")
	}
	if slices.IsSortedFunc(first, func(a, b string) int { return strings.Compare(eventTime(a), eventTime(b)) }) {
		t.Error("not shuffled")
	}
	faults.Seed--
	faults.Loss = .5
	fewer := map[string]bool{}
	for _, line := range first {
		fewer[line] = true
	}
	for _, line := range records(faults) {
		if !fewer[line] {
			t.Fatalf("more loss made a new record: %s", line)
		}
	}
}

func eventTime(line string) string {
	_, rest, _ := strings.Cut(line, `"eventTime":"`)
	return rest[:20]
}

func TestDelays(t *testing.T) {
	const n = 20000
	mean := func(d []float64) float64 {
		var sum float64
		for _, x := range d {
			sum += x
		}
		return sum / float64(len(d))
	}
	for _, test := range []struct {
		name                       string
		delay                      cloudtrailtest.Delay
		shortest, longest, average float64 // seconds
	}{
		{"constant", cloudtrailtest.Constant(90 * time.Second), 90, 90, 90},
		{"uniform", cloudtrailtest.Uniform(time.Minute, 3*time.Minute), 60, 180, 120},
		{"exponential", cloudtrailtest.Exponential(5 * time.Minute), 0, math.Inf(1), 300},
		{"heavy tail", cloudtrailtest.HeavyTail(2*time.Minute, 3*time.Hour), 120, 10800, 555},
		{"bimodal", cloudtrailtest.Bimodal(cloudtrailtest.Constant(time.Minute), cloudtrailtest.Constant(time.Hour), .1), 60, 3600, 414},
	} {
		var delays []float64
		for truth := range simulate(n, cloudtrailtest.Faults{Seed: 11, Delay: test.delay}).Truths() {
			delays = append(delays, truth.Deliveries[0].At.Sub(truth.Event.Completed).Seconds())
		}
		if low, high := slices.Min(delays), slices.Max(delays); low < test.shortest || high > test.longest {
			t.Errorf("%s: from %v to %v", test.name, low, high)
		}
		if got := mean(delays); math.Abs(got-test.average) > test.average*.05 {
			t.Errorf("%s: mean %v, want %v", test.name, got, test.average)
		}
	}
}

func TestOutageHoldsBack(t *testing.T) {
	outage := cloudtrailtest.Outage{From: start.Add(2 * time.Second), To: start.Add(time.Hour)}
	sim := simulate(4, cloudtrailtest.Faults{Delay: cloudtrailtest.Constant(time.Minute), Outages: []cloudtrailtest.Outage{outage}})
	var at []time.Time
	for truth := range sim.Truths() {
		at = append(at, truth.Deliveries[0].At)
	}
	second, held := start.Add(300*time.Millisecond+time.Minute), outage.To.Add(time.Minute)
	if diff := cmp.Diff([]time.Time{second, second.Add(time.Second), held, held}, at); diff != "" {
		t.Error(diff)
	}
}

// Shares are met, and what is true of all records is told by Truths.
func TestShares(t *testing.T) {
	const n = 10000
	sim := simulate(n, cloudtrailtest.Faults{Seed: 2, Loss: .2, Duplicates: .1, OtherPrincipals: .05})
	lost, twice, others := 0, 0, 0
	for truth := range sim.Truths() {
		switch {
		case truth.Origin == cloudtrailtest.OtherPrincipal:
			others++
		case len(truth.Deliveries) == 0:
			lost++
		case len(truth.Deliveries) == 2:
			twice++
		}
	}
	for _, share := range []struct {
		name string
		got  int
		want float64
	}{{"lost", lost, .2}, {"twice", twice, .08}, {"others", others, .05}} {
		if math.Abs(float64(share.got)/n-share.want) > .01 {
			t.Errorf("%s: %d of %d", share.name, share.got, n)
		}
	}
}

// What a call costs in memory, so that a million of them are no matter.
func TestMemory(t *testing.T) {
	const n = 100_000
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	sim := simulate(n, cloudtrailtest.Faults{Delay: cloudtrailtest.Exponential(5 * time.Minute)})
	each := (heap() - before) / n
	runtime.KeepAlive(sim)
	if each > 240 {
		t.Errorf("%d bytes a call", each)
	}
	t.Logf("%d bytes a call", each)
}
