package audit_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
)

// A field's name within a string is not the field.
const forged = `","kind":"x","time":"y","decision":"deny","cache":"hit"`

func outlined() []audit.Event {
	at := time.Date(2026, 11, 26, 1, 2, 3, 4, time.UTC)
	return []audit.Event{
		{Index: 0, ID: "a", Kind: audit.KindSystem, Time: at, Origin: "gatepost/x", Action: "start"},
		{Index: 7, ID: "b", Kind: audit.KindOutcome, Time: at, UserAgent: forged, Decision: audit.Allow, Cache: audit.CacheMiss, Attempts: []audit.Attempt{{RequestID: forged}}},
		{Index: 1 << 60, ID: "c", Kind: audit.KindOutcome, Time: at, Principal: forged, Decision: audit.Deny},
		{Index: 9, ID: "d", Kind: audit.KindOutcome, Time: at, Decision: audit.Allow, Cache: audit.CacheHit},
		{Index: 10, ID: "e", Kind: audit.KindVerdict, Time: at, Of: "b", State: "matched"},
		{Index: 11, ID: "f", Kind: "later", Time: at},
		{Index: 12, ID: forged, Kind: audit.KindFinding, Time: at, Detail: forged},
	}
}

func TestParseOutline(t *testing.T) {
	for _, e := range outlined() {
		line := audit.AppendLine(nil, &e)
		parsed, err := audit.ParseLine(line)
		if err != nil {
			t.Fatal(err)
		}
		want := audit.Outline{Index: parsed.Index, Kind: parsed.Kind, Time: parsed.Time, Decision: parsed.Decision, Cache: parsed.Cache}
		got, ok := audit.ParseOutline(line)
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("%s: %v (-want +got):\n%s", line, ok, diff)
		}
		for i := range len(line) {
			audit.ParseOutline(line[:i])
		}
	}
}

func FuzzParseOutline(f *testing.F) {
	for _, e := range outlined() {
		f.Add(audit.AppendLine(nil, &e))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		got, ok := audit.ParseOutline(line)
		e, err := audit.ParseLine(line)
		if err != nil {
			return
		}
		want := audit.Outline{Index: e.Index, Kind: e.Kind, Time: e.Time, Decision: e.Decision, Cache: e.Cache}
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("%s: %v (-want +got):\n%s", line, ok, diff)
		}
	})
}

func BenchmarkParseOutline(b *testing.B) {
	e := outlined()[1]
	line := audit.AppendLine(nil, &e)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if _, ok := audit.ParseOutline(line); !ok {
			b.Fatal("not a line")
		}
	}
}
