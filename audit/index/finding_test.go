package index_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

func TestFindingStates(t *testing.T) {
	var listed, expected []string
	for _, s := range correlate.States() {
		if index.IsFinding(&audit.Event{Kind: audit.KindVerdict, Of: idMiss, State: string(s)}) {
			listed = append(listed, string(s))
		}
	}
	for _, k := range correlate.Kinds() {
		e := audit.Event{Kind: audit.KindFinding, State: string(k)}
		if index.IsFinding(&e) {
			listed = append(listed, string(k))
		}
		if index.IsExpected(&e) {
			expected = append(expected, string(k))
		}
	}
	got := index.FindingStates()
	anyOrder := cmpopts.SortSlices(strings.Compare)
	if diff := cmp.Diff(listed, got, anyOrder); diff != "" {
		t.Errorf("the states (-listed with the findings +got):\n%s", diff)
	}
	if diff := cmp.Diff(expected, got[len(got)-3:], anyOrder); diff != "" {
		t.Errorf("the last three (-expected +got):\n%s", diff)
	}
}

func TestFindings(t *testing.T) {
	l := newTestLog(t, t.TempDir())
	x := open(t, l)
	call := audit.Event{ID: idMiss, Kind: audit.KindOutcome, Time: noon, Principal: "installer-fra1", Region: "us-west-2", Attempts: []audit.Attempt{{RequestID: reqFirst}, {RequestID: reqLast}}}
	verdict := func(id string, attempt int, state string) audit.Event {
		return audit.Event{ID: id, Kind: audit.KindVerdict, Time: noon.Add(time.Minute), Of: idMiss, OfAttempt: attempt, State: state}
	}
	finding := func(id, state string) audit.Event {
		return audit.Event{ID: id, Kind: audit.KindFinding, Time: noon.Add(2 * time.Minute), State: state, Region: "eu-west-1", Attempts: []audit.Attempt{{RequestID: "req-" + id}}}
	}
	ack := func(id, of, note string) audit.Event {
		return audit.Event{ID: id, Kind: audit.KindAdmin, Time: noon.Add(3 * time.Minute), Principal: "token:" + id, Action: index.ActionFindingAcknowledged, Of: of, Detail: note}
	}
	const (
		_ = iota
		missing
		_
		_
		mismatched
		bypass
		known
		foreign
	)
	l.append(call,
		verdict("v-missing", 0, "missing"),
		verdict("v-superseded", 1, "ambiguous"), verdict("v-late", 1, "late"), verdict("v-mismatched", 1, "mismatched"),
		finding("f-bypass", "bypass"), finding("f-known", "known_direct"), finding("f-foreign", "foreign_instance"),
		ack("a1", "v-missing", "seen"), ack("a2", "v-missing", "seen again"), ack("a3", "f-known", "announced"), ack("a4", "v-superseded", "too late"),
		ack("a5", "f-later", "before there was one"))
	later := finding("f-later", "bypass")
	l.append(later)
	laterAt := l.Size() - 1
	step(t, x)
	tests := []struct {
		name   string
		filter index.Filter
		want   []uint64
	}{
		{"all", index.Filter{Findings: index.AllFindings}, []uint64{laterAt, foreign, bypass, mismatched, missing}},
		{"open", index.Filter{Findings: index.OpenFindings}, []uint64{laterAt, foreign, bypass, mismatched}},
		{"acknowledged", index.Filter{Findings: index.AcknowledgedFindings}, []uint64{missing}},
		{"a state", index.Filter{Findings: index.AllFindings, Filter: audit.Filter{State: "missing"}}, []uint64{missing}},
		{"a state that was", index.Filter{Findings: index.AllFindings, Filter: audit.Filter{State: "ambiguous"}}, nil},
		{"a state that is none of a finding", index.Filter{Findings: index.AllFindings, Filter: audit.Filter{State: "late"}}, nil},
		{"expected", index.Filter{Findings: index.AllFindings, Filter: audit.Filter{State: "known_direct"}}, []uint64{known}},
		{"expected and acknowledged", index.Filter{Findings: index.AcknowledgedFindings, Filter: audit.Filter{State: "known_direct"}}, []uint64{known}},
		{"expected and open", index.Filter{Findings: index.OpenFindings, Filter: audit.Filter{State: "known_direct"}}, nil},
		{"region of the record", index.Filter{Findings: index.AllFindings, Filter: audit.Filter{Region: "eu-west-1"}}, []uint64{laterAt, foreign, bypass}},
		{"region of the call", index.Filter{Findings: index.AllFindings, Filter: audit.Filter{Region: "us-west-2"}}, []uint64{mismatched, missing}},
		{"text of the call", index.Filter{Findings: index.AllFindings, Filter: audit.Filter{Q: "fra1"}}, []uint64{mismatched, missing}},
		{"request id of the record", index.Filter{Findings: index.AllFindings, Filter: audit.Filter{RequestID: "req-f-bypass"}}, []uint64{bypass}},
		{"kind", index.Filter{Findings: index.AllFindings, Filter: audit.Filter{Kind: audit.KindVerdict}}, []uint64{mismatched, missing}},
		{"time", index.Filter{Findings: index.AllFindings, Filter: audit.Filter{Until: noon.Add(2 * time.Minute)}}, []uint64{mismatched, missing}},
		{"request id without findings", index.Filter{Filter: audit.Filter{RequestID: "req-f-bypass"}}, []uint64{bypass}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, limit := range []int{1, 50} {
				found, _ := all(t, x.Reader, tt.filter, limit)
				if diff := cmp.Diff(tt.want, found); diff != "" {
					t.Errorf("limit %d (-want +got):\n%s", limit, diff)
				}
				want, _ := scan(l.events, tt.filter)
				if diff := cmp.Diff(want, found); diff != "" {
					t.Errorf("limit %d (-scan +got):\n%s", limit, diff)
				}
			}
		})
	}

	page, err := x.Query(t.Context(), index.Filter{Findings: index.AllFindings}, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	type shown struct {
		ID, Call, CallState string
		Acknowledged        *index.Acknowledgement
	}
	var got []shown
	for _, e := range page.Entries {
		s := shown{ID: e.Event.ID, Acknowledged: e.Acknowledged}
		if e.Call != nil {
			s.Call, s.CallState = e.Call.Event.ID, e.Call.State
		}
		got = append(got, s)
	}
	want := []shown{
		{ID: "f-later"}, {ID: "f-foreign"}, {ID: "f-bypass"}, {"v-mismatched", idMiss, "mismatched", nil},
		{"v-missing", idMiss, "mismatched", &index.Acknowledgement{ID: "a2", By: "token:a2", At: noon.Add(3 * time.Minute), Note: "seen again"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	entries, err := x.ByRequest(t.Context(), "req-f-bypass")
	if err != nil || len(entries) != 1 || entries[0].Event.Index != bypass {
		t.Errorf("ByRequest: %+v, %v", entries, err)
	}
}
