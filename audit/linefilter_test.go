package audit_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatepost-proxy/gatepost/audit"
)

// texts are alike, and have to be told apart.
func texts() []string {
	return append([]string{"", "installer-fra1", "installer", "GetConnection", `a","principal":"b`, `a"`, `a\`, "a", "A", "ä", "\u202e", "\xff", "\ufffd", strings.Repeat("x", 300)}, hostile[:len(hostile)-2]...)
}

func TestLineFilterText(t *testing.T) {
	for _, own := range texts() {
		e := audit.Event{Kind: audit.KindSystem, Principal: own, UserAgent: own}
		line := audit.AppendLine(nil, &e)
		outline, _ := audit.ParseOutline(line)
		e, err := audit.ParseLine(line)
		if err != nil {
			t.Fatal(err)
		}
		for _, asked := range texts() {
			for _, f := range []audit.Filter{{Principal: asked}, {Q: asked}} {
				if got, err := audit.NewLineFilter(f).Match(line, &outline); got != f.Match(&e) || err != nil {
					t.Errorf("%+v of %s: %t %v", f, line, got, err)
				}
			}
		}
	}
}

// A filter of lines chooses what the filter of events chooses.
func TestLineFilter(t *testing.T) {
	text := rapid.SampledFrom(texts())
	at := rapid.Map(rapid.Int64Range(-3, 3), func(n int64) time.Time { return when.Add(time.Duration(n)) })
	kind := rapid.SampledFrom([]audit.Kind{audit.KindIntent, audit.KindOutcome, audit.KindVerdict, audit.KindAdmin, "later"})
	decision := rapid.SampledFrom([]audit.Decision{"", audit.Allow, audit.Deny, "later"})
	cache := rapid.SampledFrom([]audit.CacheResult{"", audit.CacheHit, audit.CacheNone})
	class := rapid.SampledFrom([]audit.ErrorClass{"", audit.ErrorClassNone, audit.ErrorClassThrottling})
	chosen := 0
	rapid.Check(t, func(t *rapid.T) {
		e := audit.Event{
			ID: text.Draw(t, "id"), Kind: kind.Draw(t, "kind"), Time: at.Draw(t, "time"), Principal: text.Draw(t, "principal"), UserAgent: text.Draw(t, "agent"),
			Operation: text.Draw(t, "operation"), Region: text.Draw(t, "region"), ConnectionID: text.Draw(t, "connection"), Path: text.Draw(t, "path"),
			Decision: decision.Draw(t, "decision"), Cache: cache.Draw(t, "cache"), ErrorClass: class.Draw(t, "class"), State: text.Draw(t, "state"), Of: text.Draw(t, "of"),
		}
		if rapid.Bool().Draw(t, "nested") {
			e.Fill = &audit.Fill{RequestID: text.Draw(t, "fill")}
			e.Upstream = &audit.Upstream{AccessKeyID: text.Draw(t, "upstream")}
			e.Attempts = []audit.Attempt{{RequestID: text.Draw(t, "attempt")}}
		}
		line := audit.AppendLine(nil, &e)
		parsed, err := audit.ParseLine(line)
		if err != nil {
			t.Fatal(err)
		}
		// Most fields are those of the event, or else few events would be chosen.
		pick := func(name, own string) string {
			return rapid.SampledFrom([]string{"", "", own, own, text.Draw(t, "other")}).Draw(t, name)
		}
		f := audit.Filter{
			Principal: pick("f.principal", parsed.Principal), Connection: pick("f.connection", parsed.ConnectionID), Operation: pick("f.operation", parsed.Operation),
			Region: pick("f.region", parsed.Region), State: pick("f.state", parsed.State), RequestID: pick("f.request", parsed.ID), Q: pick("f.q", strings.ToUpper(parsed.UserAgent)),
			Kind: audit.Kind(pick("f.kind", string(parsed.Kind))), Decision: audit.Decision(pick("f.decision", string(parsed.Decision))),
			Cache: audit.CacheResult(pick("f.cache", string(parsed.Cache))), ErrorClass: audit.ErrorClass(pick("f.class", string(parsed.ErrorClass))),
		}
		if rapid.Bool().Draw(t, "times") {
			f.Since, f.Until = at.Draw(t, "since"), at.Draw(t, "until")
		}
		outline, ok := audit.ParseOutline(line)
		if !ok {
			t.Fatalf("no outline of %s", line)
		}
		want := f.Match(&parsed)
		if want {
			chosen++
		}
		if got, err := audit.NewLineFilter(f).Match(line, &outline); got != want || err != nil {
			t.Fatalf("%+v of %s: %t %v, want %t", f, line, got, err, want)
		}
	})
	if chosen == 0 {
		t.Error("nothing was ever chosen")
	}
}

// A line that is damaged is not taken for one that is not chosen.
func TestLineFilterDamage(t *testing.T) {
	e := fullEvent()
	line := audit.AppendLine(nil, &e)
	outline, _ := audit.ParseOutline(line)
	f := audit.NewLineFilter(audit.Filter{Q: "fra1"})
	if ok, err := f.Match(line, &outline); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if ok, err := f.Match(append(line[:len(line)-1:len(line)-1], `,"x":1}`...), &outline); ok || err == nil {
		t.Error(ok, err)
	}
}

func BenchmarkLineFilter(b *testing.B) {
	e := fullEvent()
	line := audit.AppendLine(nil, &e)
	for name, f := range map[string]audit.Filter{"nobody": {Principal: "nobody"}, "text": {Q: "nobody"}, "all": {Kind: audit.KindOutcome}} {
		b.Run(name, func(b *testing.B) {
			filter := audit.NewLineFilter(f)
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				outline, _ := audit.ParseOutline(line)
				if _, err := filter.Match(line, &outline); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
