package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/console"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// calls fills the log with calls to AWS and what CloudTrail says about the first.
func calls(t *testing.T, b *bench, n int) (intents, outcomes []string, verdict, finding string) {
	t.Helper()
	for i := range n {
		intent, outcome := call(i)
		lines := b.append(t, intent, outcome)
		intents, outcomes = append(intents, lines[0]), append(outcomes, lines[1])
	}
	about := b.append(t,
		audit.Event{ID: audit.NewID(epoch), Kind: audit.KindVerdict, Time: epoch, Of: callID(0), OfAttempt: 1, State: "pending"},
		audit.Event{ID: audit.NewID(epoch), Kind: audit.KindVerdict, Time: epoch, Of: callID(0), OfAttempt: 1, State: "matched", Evidence: "request_id", CloudTrailEventID: "ct-1"},
		audit.Event{ID: audit.NewID(epoch), Kind: audit.KindFinding, Time: epoch, State: "bypass", CloudTrailEventID: "ct-2", Region: "us-west-2"},
	)
	b.settle(t)
	return intents, outcomes, about[1], about[2]
}

func callID(n int) string { return fmt.Sprintf("01936f2a-0000-7000-8000-%012d", n) }

func TestEvents(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	intents, outcomes, verdict, finding := calls(t, b, 10)
	last := callID(9)
	reversed := slices.Clone(outcomes)
	slices.Reverse(reversed)
	tests := []struct {
		name, query string
		want        []string
	}{
		{"principal", "principal=installer-1", []string{outcomes[7], outcomes[4], outcomes[1]}},
		{"connection", "connection=" + url.QueryEscape("conn/2+x=="), []string{outcomes[7], outcomes[2]}},
		{"kind outcome", "kind=outcome", reversed},
		{"kind intent", "kind=intent&limit=1", []string{intents[9]}},
		{"also intents", "also=intent&q=" + last, []string{outcomes[9], intents[9]}},
		{"verdicts are found", "kind=verdict&state=matched", []string{verdict}},
		{"state", "state=matched", []string{outcomes[0]}},
		{"state of a finding", "state=bypass", []string{finding}},
		{"nothing", "operation=StartConnection", []string{}},
		{"request id of an attempt", "request_id=bbbbbbbb-0000-4000-8000-000000000003", []string{outcomes[3]}},
		{"event id as request id", "request_id=" + callID(4), []string{outcomes[4]}},
		{"times", "since=2026-11-23T12:00:05Z&until=2026-11-23T12:00:07Z&kind=outcome", []string{outcomes[6], outcomes[5]}},
		{"time with an offset", "since=2026-11-23T14:00:09%2B02:00&kind=outcome&until=2026-11-23T12:00:10Z", []string{outcomes[9]}},
		{"text", "q=" + url.QueryEscape("CONN/3+") + "&decision=allow", []string{outcomes[8], outcomes[3]}},
		{"several", "principal=installer-0&region=us-west-2&cache=miss&error_class=none&operation=GetConnection&limit=2", []string{outcomes[9], outcomes[6]}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := b.get(t, "/api/v1/events?"+tt.query)
			if r.status != 200 || r.header.Get("Content-Type") != "application/json" {
				t.Fatalf("%d %s", r.status, r.body)
			}
			page := decode[eventPage](t, r)
			if diff := cmp.Diff(tt.want, texts(page.Events)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, line := range tt.want {
				if !strings.Contains(r.body, line) {
					t.Errorf("the line is not as it is stored: %s", line)
				}
			}
		})
	}
	if page := decode[eventPage](t, b.get(t, "/api/v1/events?principal=installer-0")); !cmp.Equal(page.States, map[string]string{callID(0): "matched", callID(3): "pending", callID(6): "pending", callID(9): "pending"}) {
		t.Errorf("states %v", page.States)
	}
	if page := decode[findingsPage](t, b.get(t, "/api/v1/findings?state=bypass&region=us-west-2")); !cmp.Equal(texts(page.Findings), []string{finding}) || page.Indexed == 0 {
		t.Errorf("findings %+v", page)
	}
}

// A walk over the pages has everything once, whatever is added meanwhile, the
// walk's own records among it.
func TestPages(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	_, outcomes, _, _ := calls(t, b, 40)
	slices.Reverse(outcomes)
	var got []string
	cursor := ""
	for range 100 {
		page := decode[eventPage](t, b.get(t, "/api/v1/events?kind=outcome&limit=7"+cursor))
		if len(page.Events) > 7 {
			t.Fatalf("a page of %d", len(page.Events))
		}
		got = append(got, texts(page.Events)...)
		if page.Next == "" {
			if diff := cmp.Diff(outcomes, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			return
		}
		cursor = "&cursor=" + url.QueryEscape(page.Next)
		_, more := call(1000 + len(got))
		b.append(t, more)
		b.settle(t)
	}
	t.Fatal("the walk does not end")
}

type storyAnswer struct {
	Event, Intent             json.RawMessage
	State                     string
	Attempts                  []map[string]any
	Verdicts, Findings, About []json.RawMessage
	Record                    json.RawMessage `json:"cloudtrail_record"`
	Fill                      *struct {
		EventID  string `json:"event_id"`
		State    string
		Verdicts []json.RawMessage
		Record   json.RawMessage `json:"cloudtrail_record"`
	}
}

func TestEvent(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	intents, outcomes, verdict, _ := calls(t, b, 2)
	about := b.append(t, audit.Event{ID: audit.NewID(epoch), Kind: audit.KindSystem, Time: epoch, Action: "answer_withheld", Of: callID(0)})[0]
	b.settle(t)
	for name, id := range map[string]string{
		"event id": callID(0), "AWS's id": "bbbbbbbb-0000-4000-8000-000000000000", "AWS's id of the first attempt": "aaaaaaaa-0000-4000-8000-000000000000",
	} {
		t.Run(name, func(t *testing.T) {
			r := b.get(t, "/api/v1/events/"+id)
			s := decode[storyAnswer](t, r)
			if string(s.Event) != outcomes[0] || string(s.Intent) != intents[0] {
				t.Errorf("%s", r.body)
			}
			if len(s.Verdicts) != 2 || string(s.Verdicts[1]) != verdict || len(s.Findings) != 0 || !cmp.Equal(texts(s.About), []string{about}) {
				t.Errorf("%s", r.body)
			}
			want := []map[string]any{
				{"request_id": "aaaaaaaa-0000-4000-8000-000000000000", "status": 503.0, "error_code": "InternalServerException", "duration_us": 900.0},
				{"request_id": "bbbbbbbb-0000-4000-8000-000000000000", "status": 200.0, "duration_us": 1200.0, "state": "matched", "evidence": "request_id", "cloudtrail_event_id": "ct-1"},
			}
			if diff := cmp.Diff(want, s.Attempts); diff != "" {
				t.Errorf("attempts (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a verdict is an event too", func(t *testing.T) {
		v, err := audit.ParseLine([]byte(verdict))
		if err != nil {
			t.Fatal(err)
		}
		if s := decode[storyAnswer](t, b.get(t, "/api/v1/events/"+v.ID)); string(s.Event) != verdict {
			t.Errorf("%s", s.Event)
		}
	})
	t.Run("in flight", func(t *testing.T) {
		intent, _ := call(77)
		line := b.append(t, intent)[0]
		b.settle(t)
		s := decode[storyAnswer](t, b.get(t, "/api/v1/events/"+callID(77)))
		if string(s.Event) != line || string(s.Intent) != line {
			t.Errorf("%s, intent %s", s.Event, s.Intent)
		}
	})
	t.Run("not there", func(t *testing.T) {
		if r := b.get(t, "/api/v1/events/"+callID(4711)); r.status != 404 {
			t.Errorf("%d %s", r.status, r.body)
		}
		if e := b.last(t); e.Action != "event_read" || e.Status != 404 {
			t.Errorf("recorded %+v", e)
		}
	})
}

// An event can be asked for, and proved, as soon as its caller has its id.
func TestNewEvent(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	for i := range 20 {
		_, outcome := call(i)
		line := b.append(t, outcome)[0]
		if i%2 == 0 {
			s := decode[storyAnswer](t, b.get(t, "/api/v1/events/"+callID(i)))
			if string(s.Event) != line {
				t.Fatalf("%s", s.Event)
			}
			continue
		}
		r := b.get(t, "/api/v1/events/"+callID(i)+"/proof")
		if r.status != 200 || !strings.HasPrefix(r.header.Get("Content-Type"), "text/plain") {
			t.Fatalf("%d %s", r.status, r.body)
		}
		receipt, err := ledger.CheckProof([]byte(r.body), []byte(line), b.ledger.VerifierKey())
		if err != nil {
			t.Fatalf("%v in %s", err, r.body)
		}
		if e, err := audit.ParseLine([]byte(line)); err != nil || receipt.Index != e.Index {
			t.Errorf("index %d of %s, %v", receipt.Index, line, err)
		}
	}
}

// While nobody follows the log, what is not known yet is not denied.
func TestBehind(t *testing.T) {
	t.Parallel()
	b := start(t, options{still: true})
	_, outcome := call(1)
	b.append(t, outcome)
	for _, path := range []string{"/api/v1/events/" + callID(1), "/api/v1/events/" + callID(1) + "/proof"} {
		r := b.get(t, path)
		if r.status != 503 || r.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
		checkHeader(t, "GET", r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- b.index.Run(ctx) }()
	b.settle(t)
	cancel()
	<-done
	r := b.get(t, "/api/v1/events/"+callID(1)+"/proof")
	if r.status != 503 || !strings.Contains(r.body, "checkpoint") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	calls(t, b, 10)
	type bucket struct {
		Start      time.Time
		Calls      uint64
		Cache      map[string]uint64
		ErrorClass map[string]uint64 `json:"error_class"`
		State      map[string]uint64
	}
	type answer struct {
		Since, Until time.Time
		StepSeconds  int64 `json:"step_seconds"`
		Buckets      []bucket
		Indexed      uint64
	}
	size := b.journal.Size()
	got := decode[answer](t, b.get(t, "/api/v1/summary?since=2026-11-23T11:00:00Z&until=2026-11-23T13:00:00Z&step=1h"))
	want := []bucket{{
		Start: epoch, Calls: 10, Cache: map[string]uint64{"miss": 10}, ErrorClass: map[string]uint64{"none": 10},
		State: map[string]uint64{"matched": 1, "pending": 9, "bypass": 1},
	}}
	if diff := cmp.Diff(want, got.Buckets); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.StepSeconds != 3600 || got.Indexed != size {
		t.Errorf("%+v", got)
	}
	if got := decode[answer](t, b.get(t, "/api/v1/summary")); got.StepSeconds != 300 || got.Until.Sub(got.Since) != 24*time.Hour || got.Buckets == nil {
		t.Errorf("%+v", got)
	}
	if b.journal.Size() != size {
		t.Error("counting leaves a record")
	}
}

func TestPurge(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	for _, tt := range []struct{ path, want, connection string }{
		{"/api/v1/cache/a%2Fb%2Bc%3D", `{"purged":2}`, "a/b+c="},
		{"/api/v1/cache/a%2Fb+c=", `{"purged":0}`, "a/b+c="},
		{"/api/v1/cache/%2F%2F..%2F", "", ""}, // dots are in no id
		{"/api/v1/cache", `{"purged":1}`, ""},
	} {
		r := b.send(t, "DELETE", tt.path, b.operator, nil)
		if tt.want == "" {
			if r.status != 400 || !strings.Contains(r.body, `"parameter":"connection"`) {
				t.Errorf("%s: %d %s", tt.path, r.status, r.body)
			}
			continue
		}
		if r.status != 200 || strings.TrimSpace(r.body) != tt.want {
			t.Errorf("%s: %d %s", tt.path, r.status, r.body)
		}
		if e := b.last(t); e.Kind != audit.KindAdmin || e.Action != "cache_purge" || e.Principal != "token:ops" || e.ConnectionID != tt.connection {
			t.Errorf("%s: recorded %+v", tt.path, e)
		}
	}
}

// Each reading of entries is one record that is durable before the answer leaves,
// and nothing else is one.
func TestRecorded(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	calls(t, b, 1)
	header := http.Header{"User-Agent": {"curl/8"}}
	tests := []struct {
		path, action, detail string
	}{
		{"/api/v1/events?q=a%26b&limit=3", "events_read", "limit=3&q=a%26b"},
		{"/api/v1/events/" + callID(0), "event_read", ""},
		{"/api/v1/events/" + callID(0) + "/proof", "proof_read", ""},
		{"/api/v1/findings", "findings_read", ""},
		{"/tile/entries/000.p/1", "entries_read", ""},
		{"/api/v1/summary", "", ""}, {"/checkpoint", "", ""}, {"/tile/0/000.p/1", "", ""}, {"/metrics", "", ""}, {"/openapi.json", "", ""}, {"/readyz", "", ""},
		{"/api/v1/events?limit=x", "", ""}, {"/api/v1/stream?after=999999", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			before := b.journal.Size()
			r := b.send(t, "GET", tt.path, b.viewer, header)
			if tt.action == "" {
				if b.journal.Size() != before || r.header.Get("X-Gatepost-Event-Id") != "" {
					t.Errorf("%d: it left a record", r.status)
				}
				return
			}
			if r.status != 200 || b.journal.Size() != before+1 {
				t.Fatalf("%d, %d records", r.status, b.journal.Size()-before)
			}
			e := b.last(t)
			want := audit.Event{
				V: 1, Index: before, ID: r.header.Get("X-Gatepost-Event-Id"), Kind: audit.KindAdmin, Time: e.Time, Origin: "gatepost/test",
				Principal: "token:soc", SourceIP: "127.0.0.1", SourcePort: e.SourcePort, UserAgent: "curl/8",
				Path: strings.Split(tt.path, "?")[0], Action: tt.action, Status: 200, Detail: tt.detail,
			}
			if diff := cmp.Diff(want, e); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if e.SourcePort == 0 || r.header.Get("X-Gatepost-Event-Index") != strconv.FormatUint(before, 10) {
				t.Errorf("%+v, header %v", e, r.header)
			}
			if strings.Contains(r.body, b.viewer) || strings.Contains(e.Detail, b.viewer) {
				t.Error("the token leaks")
			}
		})
	}
}

type refusing struct{}

func (refusing) Append(context.Context, *audit.Event) (journal.Commit, error) {
	return journal.Commit{}, &journal.Unavailable{Reason: journal.ReasonDiskFull}
}

// Nothing is read, and nothing done, that cannot be recorded.
func TestNotRecorded(t *testing.T) {
	t.Parallel()
	b := start(t, options{recorder: func(console.Recorder) console.Recorder { return refusing{} }})
	_, outcomes, _, finding := calls(t, b, 1)
	for _, path := range []string{
		"/api/v1/events", "/api/v1/events/" + callID(0), "/api/v1/events/" + callID(0) + "/proof", "/api/v1/events/" + callID(99), "/api/v1/findings",
		"/api/v1/stream?after=-1", "/tile/entries/000.p/1", "/tile/entries/999",
	} {
		r := b.get(t, path)
		if r.status != 503 || r.header.Get("Retry-After") == "" || strings.Contains(r.body, outcomes[0]) || strings.Contains(r.body, finding) {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
		checkHeader(t, "GET", r)
	}
	if r := b.send(t, "DELETE", "/api/v1/cache", b.operator, nil); r.status != 503 || len(b.cache.entries) != 3 {
		t.Errorf("purge: %d %s, %d entries left", r.status, r.body, len(b.cache.entries))
	}
	for _, path := range []string{"/api/v1/summary", "/metrics", "/readyz", "/checkpoint"} {
		if r := b.get(t, path); r.status != 200 {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}
