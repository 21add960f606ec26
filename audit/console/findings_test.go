package console_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatepost-proxy/gatepost/audit"
)

// eventID is the id of a line.
func eventID(t *testing.T, line string) string {
	t.Helper()
	e, err := audit.ParseLine([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	return e.ID
}

type acknowledgement struct {
	EventID string `json:"event_id"`
	By      string
	At      time.Time
	Note    string
}

type findingsPage struct {
	Findings     []json.RawMessage
	States       map[string]string
	Calls        map[string]json.RawMessage
	Acknowledged map[string]acknowledgement
	Next         string `json:"next_cursor"`
	Indexed      uint64
}

var asJSON = http.Header{"Content-Type": {"application/json"}}

func TestFindings(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	_, outcomes, _, bypass := calls(t, b, 2)
	verdict := func(call, attempt int, state string) audit.Event {
		return audit.Event{ID: audit.NewID(epoch), Kind: audit.KindVerdict, Time: epoch, Of: callID(call), OfAttempt: attempt, State: state}
	}
	lines := b.append(t, verdict(1, 0, "missing"), verdict(1, 1, "ambiguous"), verdict(1, 1, "matched"),
		audit.Event{ID: audit.NewID(epoch), Kind: audit.KindFinding, Time: epoch, State: "known_direct", CloudTrailEventID: "ct-3"})
	missing, known := lines[0], lines[3]
	b.settle(t)
	tests := []struct {
		name, query string
		want        []string
	}{
		{"all", "", []string{missing, bypass}},
		{"state of a finding", "?state=bypass", []string{bypass}},
		{"state of a verdict", "?state=missing", []string{missing}},
		{"a verdict that holds no more", "?state=ambiguous", []string{}},
		{"expected", "?state=known_direct", []string{known}},
		{"of nobody yet", "?acknowledged=false", []string{missing, bypass}},
		{"of somebody", "?acknowledged=true", []string{}},
		{"text of the call", "?q=installer-1", []string{missing}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page := decode[findingsPage](t, b.get(t, "/api/v1/findings"+tt.query))
			if diff := cmp.Diff(tt.want, texts(page.Findings)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	page := decode[findingsPage](t, b.get(t, "/api/v1/findings?state=missing"))
	if len(page.Calls) != 1 || string(page.Calls[callID(1)]) != outcomes[1] || page.States[callID(1)] != "matched" || len(page.Acknowledged) != 0 {
		t.Errorf("%+v", page)
	}

	// Acknowledged twice, the second note counts and both stay.
	path := "/api/v1/findings/" + eventID(t, missing) + "/acknowledge"
	for _, note := range []string{"CloudTrail was down", "ticket <4711>"} {
		body, _ := json.Marshal(map[string]string{"note": note})
		r := b.sendBody(t, "POST", path, b.operator, asJSON, string(body))
		got := decode[struct {
			ID           string
			Acknowledged acknowledgement
		}](t, r)
		want := acknowledgement{EventID: r.header.Get("X-Gatepost-Event-Id"), By: "token:ops", Note: note}
		if diff := cmp.Diff(want, got.Acknowledged, cmpopts.IgnoreFields(acknowledgement{}, "At")); r.status != 200 || got.ID != eventID(t, missing) || diff != "" {
			t.Errorf("%d %s\n%s", r.status, r.body, diff)
		}
		e := b.last(t)
		if e.Kind != audit.KindAdmin || e.Action != "finding_acknowledged" || e.Of != got.ID || e.Detail != note || e.Principal != "token:ops" || e.ID != want.EventID || !e.Time.Equal(got.Acknowledged.At) {
			t.Errorf("recorded %+v", e)
		}
		page := decode[findingsPage](t, b.get(t, "/api/v1/findings?acknowledged=true")) // at once
		if diff := cmp.Diff(map[string]acknowledgement{got.ID: got.Acknowledged}, page.Acknowledged); diff != "" || !cmp.Equal(texts(page.Findings), []string{missing}) {
			t.Errorf("%v\n%s", texts(page.Findings), diff)
		}
	}
	if page := decode[findingsPage](t, b.get(t, "/api/v1/findings?acknowledged=false")); !cmp.Equal(texts(page.Findings), []string{bypass}) {
		t.Errorf("%v", texts(page.Findings))
	}
	if s := decode[storyAnswer](t, b.get(t, "/api/v1/events/"+eventID(t, missing))); len(s.About) != 2 {
		t.Errorf("about %s", s.About)
	}
}

func TestAcknowledgeRefused(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	_, _, verdict, bypass := calls(t, b, 1)
	finding := eventID(t, bypass)
	note := func(n string) string { body, _ := json.Marshal(map[string]string{"note": n}); return string(body) }
	tests := []struct {
		name, id, bearer, body string
		header                 http.Header
		want                   int
	}{
		{"viewer", finding, b.viewer, note("x"), asJSON, 403},
		{"nobody", finding, "", note("x"), asJSON, 401},
		{"another site's page", finding, b.operator, note("x"), http.Header{"Content-Type": {"application/json"}, "Sec-Fetch-Site": {"cross-site"}}, 403},
		{"no such event", callID(99), b.operator, note("x"), asJSON, 404},
		{"a call", callID(0), b.operator, note("x"), asJSON, 404},
		{"a verdict that is no finding", eventID(t, verdict), b.operator, note("x"), asJSON, 404},
		{"AWS's id of a request", "bbbbbbbb-0000-4000-8000-000000000000", b.operator, note("x"), asJSON, 404},
		{"no id", "a%20b", b.operator, note("x"), asJSON, 400},
		{"form", finding, b.operator, "note=x", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 415},
		{"no type", finding, b.operator, note("x"), nil, 415},
		{"no body", finding, b.operator, "", asJSON, 400},
		{"no note", finding, b.operator, "{}", asJSON, 400},
		{"null", finding, b.operator, `{"note":null}`, asJSON, 400},
		{"number", finding, b.operator, `{"note":1}`, asJSON, 400},
		{"more members", finding, b.operator, `{"note":"x","by":"y"}`, asJSON, 400},
		{"more values", finding, b.operator, `{"note":"x"}{}`, asJSON, 400},
		{"no UTF-8", finding, b.operator, "{\"note\":\"\xff\"}", asJSON, 400},
		{"empty", finding, b.operator, note(""), asJSON, 400},
		{"blank", finding, b.operator, note(" \n"), asJSON, 400},
		{"longest", finding, b.operator, note(strings.Repeat("x", 2000)), asJSON, 200},
		{"too long", finding, b.operator, note(strings.Repeat("x", 2001)), asJSON, 400},
		{"too long as it is recorded", finding, b.operator, note(strings.Repeat("\u202e", 2000)), asJSON, 400},
		{"huge", finding, b.operator, note(strings.Repeat("x", 1<<20)), asJSON, 400},
		{"token", finding, b.operator, note("mine is " + b.operator), asJSON, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := b.journal.Size()
			r := b.sendBody(t, "POST", "/api/v1/findings/"+tt.id+"/acknowledge", tt.bearer, tt.header, tt.body)
			if r.status != tt.want {
				t.Errorf("%d %s", r.status, r.body)
			}
			recorded := b.journal.Size() - before
			if want := tt.want == 200 || tt.want == 404; (recorded == 1) != want {
				t.Errorf("%d records", recorded)
			}
		})
	}
	b.settle(t)
	if page := decode[findingsPage](t, b.get(t, "/api/v1/findings")); len(page.Acknowledged) != 1 || len(page.Acknowledged[finding].Note) != 2000 {
		t.Errorf("%+v", page.Acknowledged)
	}
}

// What CloudTrail says of a hit is what it says of the call that filled the cache.
func TestStoryOfHit(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	b.records["ct-1"] = `{"eventID":"ct-1"}`
	b.records["ct-2"] = `{"eventID":"ct-2"}`
	_, _, _, finding := calls(t, b, 1)
	hit := audit.Event{
		ID: callID(500), Kind: audit.KindOutcome, Time: epoch, Cache: audit.CacheHit, Status: 200,
		Fill: &audit.Fill{EventID: callID(0), RequestID: "bbbbbbbb-0000-4000-8000-000000000000"},
	}
	lost := hit
	lost.ID, lost.Fill = callID(501), &audit.Fill{EventID: callID(499)}
	refused := audit.Event{ID: callID(502), Kind: audit.KindOutcome, Time: epoch, Decision: audit.Deny, Cache: audit.CacheNone, Status: 403}
	about := audit.Event{
		ID: audit.NewID(epoch), Kind: audit.KindFinding, Time: epoch, State: "amended", Of: callID(0), CloudTrailEventID: "ct-2",
		Attempts: []audit.Attempt{{RequestID: "bbbbbbbb-0000-4000-8000-000000000000"}},
	}
	direct := audit.Event{ID: audit.NewID(epoch), Kind: audit.KindFinding, Time: epoch, State: "bypass", CloudTrailEventID: "ct-2", Attempts: []audit.Attempt{{RequestID: "cccccccc-0000-4000-8000-000000000000"}}}
	b.append(t, hit, lost, refused, about, direct)
	b.settle(t)
	type fill struct {
		EventID  string `json:"event_id"`
		State    string
		Verdicts []string
		Record   string
	}
	type story struct {
		ID, State, Record string
		Fill              *fill
	}
	tell := func(t *testing.T, id string) (got story) {
		answer := decode[storyAnswer](t, b.get(t, "/api/v1/events/"+id))
		got = story{ID: eventID(t, string(answer.Event)), State: answer.State, Record: string(answer.Record)}
		if f := answer.Fill; f != nil {
			got.Fill = &fill{EventID: f.EventID, State: f.State, Record: string(f.Record)}
			for _, v := range f.Verdicts {
				e, err := audit.ParseLine(v)
				if err != nil {
					t.Fatal(err)
				}
				got.Fill.Verdicts = append(got.Fill.Verdicts, e.State)
			}
		}
		return got
	}
	for _, tt := range []struct {
		name, id string
		want     story
	}{
		{"miss", callID(0), story{ID: callID(0), State: "matched", Record: `{"eventID":"ct-1"}`}},
		{"hit", hit.ID, story{ID: hit.ID, State: "derived", Fill: &fill{EventID: callID(0), State: "matched", Verdicts: []string{"pending", "matched"}, Record: `{"eventID":"ct-1"}`}}},
		{"hit whose fill is gone", lost.ID, story{ID: lost.ID, State: "derived", Fill: &fill{EventID: callID(499)}}},
		{"refused", refused.ID, story{ID: refused.ID, State: "not_applicable"}},
		{"finding", eventID(t, finding), story{ID: eventID(t, finding), State: "bypass", Record: `{"eventID":"ct-2"}`}},
		{"request of a call and of a finding about it", "bbbbbbbb-0000-4000-8000-000000000000", story{ID: callID(0), State: "matched", Record: `{"eventID":"ct-1"}`}},
		{"request of a finding", "cccccccc-0000-4000-8000-000000000000", story{ID: direct.ID, State: "bypass", Record: `{"eventID":"ct-2"}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tell(t, tt.id)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if page := decode[eventPage](t, b.get(t, "/api/v1/events?request_id=cccccccc-0000-4000-8000-000000000000")); len(page.Events) != 1 {
		t.Errorf("%d findings have the request id", len(page.Events))
	}
}
