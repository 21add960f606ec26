package dashboard_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/console/dashboard"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

func TestTimeline(t *testing.T) {
	t.Parallel()
	entry := func(e audit.Event) index.Entry { return index.Entry{Event: e, Line: audit.AppendLine(nil, &e)} }
	call := audit.Event{
		ID: callID(1), Index: 8, Kind: audit.KindOutcome, Time: noon, Principal: "p", AccessKeyID: "K", Operation: "GetConnection", ConnectionID: "a/b", Decision: audit.Allow,
		Cache: audit.CacheMiss, Status: 200, DurationUS: 90_000, CommitUS: 2_000, Attempts: []audit.Attempt{{ErrorCode: "timeout"}, {RequestID: "r", Status: 200, DurationUS: 70_000}},
	}
	intent := call
	intent.Kind, intent.Index, intent.Time, intent.Attempts = audit.KindIntent, 7, noon.Add(-88*time.Millisecond), nil
	intentEntry := entry(intent)
	verdict := audit.Event{ID: callID(2), Kind: audit.KindVerdict, Time: noon.Add(time.Hour), Of: call.ID, OfAttempt: 1, State: "matched", Evidence: "request_id", LagMS: 360_000}
	denied := audit.Event{ID: callID(3), Kind: audit.KindOutcome, Time: noon, AccessKeyID: "K", Decision: audit.Deny, ErrorClass: audit.ErrorClassSignature, Status: 403}
	hit := call
	hit.Attempts, hit.Cache, hit.Fill = nil, audit.CacheHit, &audit.Fill{EventID: callID(9), AgeMS: 1500}
	tests := []struct {
		name string
		view dashboard.Event
		want []string
	}{
		{"a call to AWS", dashboard.Event{
			Entry: entry(call), Intent: &intentEntry, Attempts: []dashboard.Attempt{{}, {State: "matched"}}, About: []index.Entry{entry(verdict)}, Record: json.RawMessage(`{}`),
		}, []string{
			"Received: GetConnection", "Verified: signature is valid good", "Decided: allowed good", "Intent on record: durable good +2.0 ms", "Attempt 1: no answer bad", "Attempt 2: AWS answered 200 good",
			"Answered: 200 good +90.0 ms", "Verdict on attempt 2: matched good", "CloudTrail’s record: seen good",
		}},
		{"in flight", dashboard.Event{Entry: intentEntry, Intent: &intentEntry}, []string{
			"Received: GetConnection", "Verified: signature is valid good", "Decided: allowed good", "Intent on record: durable good", "No outcome: in flight, or cut short busy",
		}},
		{"refused", dashboard.Event{Entry: entry(denied)}, []string{
			"Received: no operation of the API", "Verified: signature is not valid bad", "Decided: denied bad", "Answered: 403 warn",
		}},
		{"a hit", dashboard.Event{Entry: entry(hit), FillState: "matched"}, []string{
			"Received: GetConnection", "Verified: signature is valid good", "Decided: allowed good", "Answered: 200 good +90.0 ms",
		}},
		{"a verdict", dashboard.Event{Entry: entry(verdict)}, []string{"Verdict: matched good"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, s := range tt.view.Timeline() {
				text := strings.TrimSpace(s.Title + ": " + s.Word + " " + string(s.Tone))
				got = append(got, strings.ReplaceAll(strings.TrimSpace(text+" "+s.After), "\u00a0", " "))
				for _, f := range s.Facts {
					if f.Value == "" || f.Name == "" {
						t.Errorf("%s has the fact %+v", s.Title, f)
					}
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			page, err := dashboard.New().Render(dashboard.Frame{Viewer: "soc"}, tt.view)
			if err != nil || !strings.Contains(string(page), tt.view.ID()) {
				t.Errorf("%v %s", err, page)
			}
		})
	}
}
