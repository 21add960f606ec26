package index_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

// TestStatesWithoutVerdict says which state a call is in of which no verdict says
// anything, and that looking for the state finds it.
func TestStatesWithoutVerdict(t *testing.T) {
	attempts := []audit.Attempt{{RequestID: reqLast, Status: 200}}
	fill := &audit.Fill{EventID: idMiss, RequestID: reqLast}
	tests := []struct {
		name   string
		events []audit.Event // of one call
		want   string
	}{
		{"hit", []audit.Event{{Kind: audit.KindOutcome, Cache: audit.CacheHit, Fill: fill}}, "derived"},
		{"answered with another call's answer", []audit.Event{{Kind: audit.KindOutcome, Cache: audit.CacheCoalesced, Fill: fill}}, "derived"},
		{"answered with another call's error", []audit.Event{{Kind: audit.KindOutcome, Cache: audit.CacheCoalesced, Status: 400}}, "derived"},
		{"refused", []audit.Event{{Kind: audit.KindOutcome, Decision: audit.Deny, Cache: audit.CacheNone}}, "not_applicable"},
		{"miss", []audit.Event{{Kind: audit.KindIntent}, {Kind: audit.KindOutcome, Cache: audit.CacheMiss, Attempts: attempts}}, "pending"},
		{"no request was sent", []audit.Event{{Kind: audit.KindIntent}, {Kind: audit.KindOutcome, Cache: audit.CacheMiss}}, "not_applicable"},
		{"in flight", []audit.Event{{Kind: audit.KindIntent}}, "pending"},
		{"cut short", []audit.Event{{Kind: audit.KindIntent}, {Kind: audit.KindOutcome, Action: audit.ActionOutcomeUnknown}}, "pending"},
		{"judged", []audit.Event{
			{Kind: audit.KindIntent}, {Kind: audit.KindOutcome, Cache: audit.CacheMiss, Attempts: attempts}, {Kind: audit.KindVerdict, State: "matched"},
		}, "matched"},
		{"judged before its outcome", []audit.Event{
			{Kind: audit.KindIntent}, {Kind: audit.KindVerdict, State: "late"}, {Kind: audit.KindOutcome, Cache: audit.CacheMiss, Attempts: attempts},
		}, "late"},
	}
	for _, tt := range tests {
		for _, far := range []bool{false, true} {
			name := tt.name
			if far {
				name += ", lines far apart, process started in between"
			}
			t.Run(name, func(t *testing.T) {
				l := newTestLog(t, t.TempDir())
				x := open(t, l)
				var lines []uint64
				for i, e := range tt.events {
					if e.Kind == audit.KindVerdict {
						e.ID, e.Of = "verdict", idDenied
					} else {
						e.ID = idDenied
						lines = append(lines, l.Size())
					}
					e.Time = noon.Add(time.Duration(i) * time.Minute)
					l.append(e)
					if far {
						step(t, x)
						if err := x.Close(); err != nil {
							t.Fatal(err)
						}
						l.segment(l.Size() + index.ChunkRows)
						x = open(t, l)
					}
				}
				step(t, x)
				for _, state := range []string{"derived", "not_applicable", "pending", "matched", "late"} {
					var want []uint64
					if state == tt.want {
						for i := len(lines) - 1; i >= 0; i-- {
							want = append(want, lines[i])
						}
					}
					f := index.Filter{Filter: audit.Filter{State: state}, Also: []audit.Kind{audit.KindIntent}}
					found, states := all(t, x.Reader, f, 1)
					if diff := cmp.Diff(want, found); diff != "" {
						t.Errorf("state=%s (-want +got):\n%s", state, diff)
					}
					for _, s := range states {
						if s != state {
							t.Errorf("state=%s finds a call whose state is %q", state, s)
						}
					}
				}
				points, err := x.Summary(t.Context(), noon, noon.Add(time.Hour), time.Hour)
				if err != nil {
					t.Fatal(err)
				}
				counted := map[string]uint64{}
				for _, p := range points {
					for state, n := range p.ByState {
						counted[state] += n
					}
				}
				want := map[string]uint64{tt.want: 1}
				if tt.name == "in flight" {
					want = map[string]uint64{} // summaries count outcomes
				}
				if diff := cmp.Diff(want, counted); diff != "" {
					t.Errorf("summary (-want +got):\n%s", diff)
				}
			})
		}
	}
}
