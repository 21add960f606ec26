package index_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const (
	idMiss   = "019ab0c1-0001-7abc-8def-0123456789ab"
	idHit    = "019ab0c1-0002-7abc-8def-0123456789ab"
	idDenied = "019ab0c1-0003-7abc-8def-0123456789ab"
	reqFirst = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"
	reqLast  = "0d4d0b27-6a4e-4d41-9d1c-8f8a3c6d2f11"
)

// story is a small log with every kind of event.
func story() []audit.Event {
	call := audit.Event{
		Kind: audit.KindOutcome, Principal: "installer-fra1", AccessKeyID: "GPK7Q2M4X6ZB3N5C8V1L",
		SourceIP: "192.0.2.7", UserAgent: `aws-cli/2.15 "quoted" OR NEAR(x`, Operation: "GetConnection",
		Region: "us-west-2", ConnectionID: "aB+/c9==", Decision: audit.Allow,
	}
	intent := call
	intent.ID, intent.Kind, intent.Time, intent.Cache = idMiss, audit.KindIntent, noon, audit.CacheMiss
	miss := intent
	miss.Kind, miss.ErrorClass, miss.Status = audit.KindOutcome, audit.ErrorClassNone, 200
	miss.Attempts = []audit.Attempt{{RequestID: reqFirst, Status: 503}, {RequestID: reqLast, Status: 200}}
	hit := call
	hit.ID, hit.Time, hit.Cache, hit.ErrorClass = idHit, noon.Add(time.Minute), audit.CacheHit, audit.ErrorClassNone
	hit.Fill = &audit.Fill{EventID: idMiss, RequestID: reqLast}
	denied := call
	denied.ID, denied.Time, denied.Principal, denied.Decision = idDenied, noon.Add(2*time.Minute), "installer-muc1", audit.Deny
	denied.Cache, denied.ErrorClass, denied.ConnectionID, denied.Region = audit.CacheNone, audit.ErrorClassPolicy, "Zürich\x00=", "eu-west-1"
	return []audit.Event{
		{ID: "s1", Kind: audit.KindSystem, Time: noon.Add(-time.Second), Action: "start"},
		intent, miss, hit, denied,
		{ID: "v1", Kind: audit.KindVerdict, Time: noon.Add(3 * time.Minute), Of: idMiss, OfAttempt: 1, State: "pending"},
		{ID: "v2", Kind: audit.KindVerdict, Time: noon.Add(4 * time.Minute), Of: idMiss, OfAttempt: 0, State: "missing"},
		{ID: "v3", Kind: audit.KindVerdict, Time: noon.Add(5 * time.Minute), Of: idMiss, OfAttempt: 1, State: "matched", CloudTrailEventID: "ct-1"},
		{ID: "f1", Kind: audit.KindFinding, Time: noon.Add(6 * time.Minute), State: "bypass", CloudTrailEventID: "ct-2", Principal: "somebody"},
		{ID: "a1", Kind: audit.KindAdmin, Time: noon.Add(7 * time.Minute), Principal: "soc", Action: "cache_purge"},
	}
}

// again is the story with calls of its own.
func again(n int) []audit.Event {
	events := story()
	for i := range events {
		for _, id := range []*string{&events[i].ID, &events[i].Of} {
			*id = strings.Replace(*id, "8def", fmt.Sprintf("8d%02d", n), 1)
		}
	}
	return events
}

func TestQuery(t *testing.T) {
	l := newTestLog(t, t.TempDir())
	l.append(story()...)
	x := open(t, l)
	step(t, x)
	const (
		start, intent, miss, hit, denied = 0, 1, 2, 3, 4
		pending, missing, matched        = 5, 6, 7
		finding, admin                   = 8, 9
	)
	type filter = audit.Filter
	tests := []struct {
		name   string
		filter filter
		also   []audit.Kind
		want   []uint64
	}{
		{"nothing", filter{}, nil, []uint64{admin, finding, denied, hit, miss, start}},
		{"intents too", filter{}, []audit.Kind{audit.KindIntent}, []uint64{admin, finding, denied, hit, miss, intent, start}},
		{"all kinds", filter{}, []audit.Kind{audit.KindIntent, audit.KindVerdict, audit.KindVerdict}, []uint64{admin, finding, matched, missing, pending, denied, hit, miss, intent, start}},
		{"a kind that is listed anyway", filter{}, []audit.Kind{audit.KindAdmin}, []uint64{admin, finding, denied, hit, miss, start}},
		{"kind", filter{Kind: audit.KindVerdict}, nil, []uint64{matched, missing, pending}},
		{"kind overrides", filter{Kind: audit.KindIntent}, []audit.Kind{audit.KindVerdict}, []uint64{intent}},
		{"kind that is absent", filter{Kind: "dream"}, nil, nil},
		{"principal", filter{Principal: "installer-fra1"}, nil, []uint64{hit, miss}},
		{"part of a principal", filter{Principal: "installer"}, nil, nil},
		{"connection", filter{Connection: "aB+/c9=="}, nil, []uint64{hit, miss}},
		{"connection in another case", filter{Connection: "AB+/c9=="}, nil, nil},
		{"operation", filter{Operation: "GetConnection"}, nil, []uint64{denied, hit, miss}},
		{"region", filter{Region: "eu-west-1"}, nil, []uint64{denied}},
		{"decision", filter{Decision: audit.Deny}, nil, []uint64{denied}},
		{"cache", filter{Cache: audit.CacheHit}, nil, []uint64{hit}},
		{"error class", filter{ErrorClass: audit.ErrorClassPolicy}, nil, []uint64{denied}},
		{"values that do not meet", filter{Cache: audit.CacheHit, Decision: audit.Deny}, nil, nil},
		{"values that meet", filter{Cache: audit.CacheNone, Decision: audit.Deny, Region: "eu-west-1"}, nil, []uint64{denied}},
		{"event's id", filter{RequestID: idDenied}, nil, []uint64{denied}},
		{"last attempt's id and fill's", filter{RequestID: reqLast}, nil, []uint64{hit, miss}},
		{"first attempt's id", filter{RequestID: reqFirst}, nil, []uint64{miss}},
		{"event's id is not the fill's event", filter{RequestID: idMiss}, nil, []uint64{miss}},
		{"id that is absent", filter{RequestID: "019ab0c1-0009-7abc-8def-0123456789ab"}, nil, nil},
		{"id that is too long", filter{RequestID: idMiss + "0"}, nil, nil},
		{"state of one attempt", filter{State: "missing"}, nil, []uint64{miss}},
		{"state of the other", filter{State: "matched"}, nil, []uint64{miss}},
		{"state that was", filter{State: "pending"}, nil, nil},
		{"state of a finding", filter{State: "bypass"}, nil, []uint64{finding}},
		{"verdicts of a state", filter{State: "pending", Kind: audit.KindVerdict}, nil, []uint64{pending}},
		{"intents of a state", filter{State: "matched", Kind: audit.KindIntent}, nil, []uint64{intent}},
		{"since is included", filter{Since: noon.Add(6 * time.Minute)}, nil, []uint64{admin, finding}},
		{"since to the nanosecond", filter{Since: noon.Add(6*time.Minute + 1)}, nil, []uint64{admin}},
		{"until is not included", filter{Until: noon}, nil, []uint64{start}},
		{"until to the nanosecond", filter{Until: noon.Add(1)}, nil, []uint64{miss, start}},
		{"between", filter{Since: noon, Until: noon.Add(2 * time.Minute)}, nil, []uint64{hit, miss}},
		{"between nothing", filter{Since: noon.Add(time.Hour), Until: noon}, nil, nil},
		{"text of a connection", filter{Q: "+/C9"}, nil, []uint64{hit, miss}},
		{"text beyond ASCII", filter{Q: "züri"}, nil, []uint64{denied}},
		{"text whose case is not folded", filter{Q: "ZÜRI"}, nil, nil},
		{"text behind a zero", filter{Q: "ich\x00="}, nil, []uint64{denied}},
		{"text of a principal", filter{Q: "STALLER-M"}, nil, []uint64{denied}},
		{"text of a user agent", filter{Q: `"QUOTED" or near(`}, nil, []uint64{denied, hit, miss}},
		{"text of a key", filter{Q: "q2m4x"}, nil, []uint64{denied, hit, miss}},
		{"text of two characters", filter{Q: "mu"}, nil, []uint64{denied}},
		{"text of one", filter{Q: "+"}, nil, []uint64{hit, miss}},
		{"text that is absent", filter{Q: "xyzzy"}, nil, nil},
		{"text that is no UTF-8", filter{Q: "\xff"}, nil, nil},
		{"beginning of an event's id", filter{Q: "019ab0c1-0003"}, nil, []uint64{denied}},
		{"beginning in capitals", filter{Q: "019AB0C1-0003"}, nil, []uint64{denied}},
		{"beginning of a request's id", filter{Q: "0d4d"}, nil, []uint64{hit, miss}},
		{"odd beginning", filter{Q: "0d4d0"}, nil, []uint64{hit, miss}},
		{"beginning of CloudTrail's id", filter{Q: "ct-2"}, nil, []uint64{finding}},
		{"middle of an id", filter{Q: "6a4e-4d41"}, nil, nil},
		{"text and value", filter{Q: "aws-cli", Cache: audit.CacheHit}, nil, []uint64{hit}},
		{"everything", filter{
			Principal: "installer-fra1", Connection: "aB+/c9==", Operation: "GetConnection", Region: "us-west-2", Decision: audit.Allow,
			Cache: audit.CacheMiss, ErrorClass: audit.ErrorClassNone, State: "matched", Kind: audit.KindOutcome, RequestID: reqLast,
			Since: noon, Until: noon.Add(1), Q: "aws-cli",
		}, nil, []uint64{miss}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := index.Filter{Filter: tt.filter, Also: tt.also}
			for _, limit := range []int{0, 1, 2} {
				found, states := all(t, x.Reader, f, limit)
				if diff := cmp.Diff(tt.want, found); diff != "" {
					t.Errorf("limit %d (-want +got):\n%s", limit, diff)
				}
				want, wantStates := scan(l.events, f)
				if diff := cmp.Diff(want, found); diff != "" {
					t.Errorf("limit %d (-scan +got):\n%s", limit, diff)
				}
				if diff := cmp.Diff(wantStates, states); diff != "" {
					t.Errorf("limit %d: states (-scan +got):\n%s", limit, diff)
				}
			}
		})
	}
}
