package index_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

// The vocabularies are small, so that events meet.
var (
	ids = []string{
		"019ab0c1-0001-7abc-8def-0123456789ab", "019ab0c1-0002-7abc-8def-0123456789ab",
		"019AB0C1-0002-7ABC-8DEF-0123456789AB", "req-1", "Req-1", "", "019ab0c1-0001-7abc-8def-0123456789abc",
	}
	principals  = []string{"", "installer-fra1", "installer-muc1", "soc"}
	connections = []string{"", "aB+/c9==", "AB+/c9==", "Zürich\x00=", `"x" OR "y"`}
	agents      = []string{"", "aws-cli/2.15", "curl * NEAR(a b)"}
	keys        = []string{"", "GPK7Q2M4X6ZB3N5C8V1L"}
	states      = []string{"", "pending", "matched", "missing", "derived", "known_direct"}
	kinds       = []audit.Kind{audit.KindOutcome, audit.KindIntent, audit.KindVerdict, audit.KindFinding, audit.KindAdmin, audit.KindSystem, "later"}
	decisions   = []audit.Decision{"", audit.Allow, audit.Deny}
	caches      = []audit.CacheResult{"", audit.CacheHit, audit.CacheMiss, audit.CacheCoalesced}
	actions     = []string{"", "", audit.ActionOutcomeUnknown, index.ActionFindingAcknowledged}
	classes     = []audit.ErrorClass{"", audit.ErrorClassNone, audit.ErrorClassPolicy}
	regions     = []string{"", "us-west-2", "eu-west-1"}
	texts       = []string{
		"", "installer", "MUC1", "b+/", "aws", "zü", "Ü", "*", `"`, `" OR "`, "near(", "gpk7", "019ab0c1-0002", "019AB", "req", "Req-1",
		"019ab0c1-0001-7abc-8def-0123456789abc", "\xff", "\x00=", "c1",
	}
)

func moments(t *rapid.T) time.Time {
	// A clock that is set back, and times less than a microsecond apart.
	return noon.Add(time.Duration(rapid.IntRange(-3, 12).Draw(t, "time")) * 400 * time.Nanosecond)
}

func drawEvent(t *rapid.T, calls map[string]bool) audit.Event {
	pick := func(from []string) string { return rapid.SampledFrom(from).Draw(t, "value") }
	e := audit.Event{
		Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), ID: pick(ids), Time: moments(t), Principal: pick(principals),
		ConnectionID: pick(connections), UserAgent: pick(agents), AccessKeyID: pick(keys), Region: pick(regions),
		Decision: rapid.SampledFrom(decisions).Draw(t, "decision"), Cache: rapid.SampledFrom(caches).Draw(t, "cache"),
		ErrorClass: rapid.SampledFrom(classes).Draw(t, "class"), Action: rapid.SampledFrom(actions).Draw(t, "action"),
	}
	for range rapid.IntRange(0, 2).Draw(t, "attempts") {
		e.Attempts = append(e.Attempts, audit.Attempt{RequestID: pick(ids), Status: 200})
	}
	if rapid.Bool().Draw(t, "fill") {
		e.Fill = &audit.Fill{EventID: pick(ids), RequestID: pick(ids), AgeMS: 1}
	}
	switch e.Kind {
	case audit.KindOutcome, audit.KindIntent:
		// A call has one line of each kind: the journal sees to that.
		if line := string(e.Kind) + e.ID; e.ID == "" || calls[line] || calls[string(audit.KindOutcome)+e.ID] {
			e.ID = fmt.Sprintf("019ab0ff-%04d-7abc-8def-0123456789ab", len(calls))
		}
		calls[string(e.Kind)+e.ID] = true
	default:
		e.Of, e.State, e.CloudTrailEventID = pick(ids), pick(states), pick(ids)
		e.OfAttempt = rapid.IntRange(0, 2).Draw(t, "attempt")
	}
	return e
}

func drawFilter(t *rapid.T) index.Filter {
	maybe := func(from []string) string {
		if rapid.IntRange(0, 3).Draw(t, "set") > 0 {
			return ""
		}
		return rapid.SampledFrom(from).Draw(t, "value")
	}
	f := index.Filter{Filter: audit.Filter{
		Principal: maybe(principals), Connection: maybe(connections), Region: maybe(regions), State: maybe(states),
		RequestID: maybe(ids), Q: maybe(texts),
		Decision:   rapid.SampledFrom(append(decisions, "", "")).Draw(t, "decision"),
		Cache:      rapid.SampledFrom(append(caches, "", "")).Draw(t, "cache"),
		ErrorClass: rapid.SampledFrom(append(classes, "", "")).Draw(t, "class"),
		Kind:       rapid.SampledFrom(append(kinds, "", "", "", "", "", "", "", "")).Draw(t, "kind"),
	}}
	if rapid.IntRange(0, 3).Draw(t, "since") == 0 {
		f.Since = moments(t)
	}
	if rapid.IntRange(0, 3).Draw(t, "until") == 0 {
		f.Until = moments(t)
	}
	f.Findings = rapid.SampledFrom([]index.Findings{"", "", "", index.AllFindings, index.OpenFindings, index.AcknowledgedFindings}).Draw(t, "findings")
	f.Also = rapid.SliceOfN(rapid.SampledFrom(kinds), 0, 2).Draw(t, "also")
	return f
}

// TestQueryFindsWhatScanFinds compares the index with the events themselves, for
// any events, indexed in any steps, by an index that is opened and closed in
// between, over chunks' boundaries and lines that are gone.
func TestQueryFindsWhatScanFinds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		l := newTestLog(t, dir)
		defer l.close()
		if rapid.Bool().Draw(rt, "pruned") {
			l.segment(index.ChunkRows*uint64(rapid.SampledFrom([]int{1, 64, 1000}).Draw(rt, "chunk")) - uint64(rapid.IntRange(0, 10).Draw(rt, "before")))
		}
		x := open(t, l)
		defer func() { _ = x.Close() }()
		calls := map[string]bool{}
		actions := map[string]func(*rapid.T){
			"append": func(rt *rapid.T) {
				for range rapid.IntRange(1, 8).Draw(rt, "events") {
					l.append(drawEvent(rt, calls))
				}
			},
			"segment": func(rt *rapid.T) {
				l.segment(l.Size() + rapid.SampledFrom([]uint64{0, 0, 1, 3, index.ChunkRows}).Draw(rt, "gone"))
			},
			"unreadable": func(rt *rapid.T) { l.raw("nonsense") },
			"index":      func(rt *rapid.T) { step(t, x) },
			"reopen": func(rt *rapid.T) {
				if err := x.Close(); err != nil {
					rt.Fatal(err)
				}
				x = open(t, l)
			},
			"query": func(rt *rapid.T) {
				step(t, x)
				x.SetBudget(rapid.SampledFrom([]time.Duration{-time.Second, time.Minute}).Draw(rt, "budget"))
				f, limit := drawFilter(rt), rapid.IntRange(1, 5).Draw(rt, "limit")
				found, foundStates := all(t, x.Reader, f, limit)
				want, wantStates := scan(l.events, f)
				if diff := cmp.Diff(want, found); diff != "" {
					rt.Fatalf("%+v (-scan +index):\n%s", f, diff)
				}
				if diff := cmp.Diff(wantStates, foundStates); diff != "" {
					rt.Fatalf("%+v: states (-scan +index):\n%s", f, diff)
				}
			},
			"count": func(rt *rapid.T) {
				step(t, x)
				compareCounts(rt, x, l.events)
			},
			"get": func(rt *rapid.T) {
				step(t, x)
				compareGet(rt, x, l.events, rapid.SampledFrom(ids).Draw(rt, "id"))
			},
		}
		rt.Repeat(actions)
	})
}
