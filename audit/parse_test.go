package audit_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatepost-proxy/gatepost/audit"
)

func TestParseLineRefuses(t *testing.T) {
	const good = `{"v":1,"index":3,"id":"x","kind":"outcome","time":"2026-11-22T23:59:59.000000120Z","origin":"o",` +
		`"user_agent":"u","read_only":false,"decision":"allow","cache":"none","status":200,"error_class":"none"}`
	if _, err := audit.ParseLine([]byte(good)); err != nil {
		t.Fatalf("the line that the cases are made of: %v", err)
	}
	tests := []struct{ name, old, new string }{
		{"newline", `"none"}`, `"none"}` + "\n"},
		{"trailing data", `"none"}`, `"none"}{}`},
		{"cut", `"none"}`, `"none"`},
		{"leading space", `{"v"`, ` {"v"`},
		{"inner space", `"index":3`, `"index": 3`},
		{"other version", `"v":1`, `"v":2`},
		{"unknown field", `"origin":"o"`, `"origin":"o","body":"b"`},
		{"unknown field at the end", `"none"}`, `"none","zzz":1}`},
		{"repeated field", `"id":"x"`, `"id":"x","id":"x"`},
		{"repeated field apart", `"status":200`, `"status":200,"id":"y"`},
		{"field in another case", `"user_agent"`, `"User_Agent"`},
		{"swapped fields", `"id":"x","kind":"outcome"`, `"kind":"outcome","id":"x"`},
		{"missing field", `"origin":"o",`, ``},
		{"missing field of outcomes", `"status":200,`, ``},
		{"empty field", `"origin":"o"`, `"origin":"o","principal":""`},
		{"null", `"index":3`, `"index":null`},
		{"null object", `"user_agent"`, `"tls":null,"user_agent"`},
		{"leading zero", `"index":3`, `"index":03`},
		{"plus", `"index":3`, `"index":+3`},
		{"minus zero", `"status":200`, `"status":-0`},
		{"fraction", `"status":200`, `"status":200.0`},
		{"index overflow", `"index":3`, `"index":18446744073709551616`},
		{"port overflow", `"user_agent"`, `"source_port":65536,"user_agent"`},
		{"needless escape", `"x"`, `"\u0078"`},
		{"short escape", `"user_agent":"u"`, `"user_agent":"\n"`},
		{"upper-case hex", `"user_agent":"u"`, `"user_agent":"\u001B"`},
		{"escaped slash", `"user_agent":"u"`, `"user_agent":"\/"`},
		{"lone surrogate", `"user_agent":"u"`, `"user_agent":"\ud800"`},
		{"raw control", `"user_agent":"u"`, "\"user_agent\":\"\x01\""},
		{"raw bidi", `"user_agent":"u"`, "\"user_agent\":\"\u202e\""},
		{"invalid UTF-8", `"user_agent":"u"`, "\"user_agent\":\"\xff\""},
		{"over the cap", `"user_agent":"u"`, `"user_agent":"` + strings.Repeat("u", 1025) + `"`},
		{"time without fraction", `.000000120Z`, `Z`},
		{"time with offset", `120Z`, `120+00:00`},
		{"no such day", `2026-11-22`, `2026-02-30`},
		{"class outside the set", `"error_class":"none"`, `"error_class":"nope"`},
		{"unknown truncated name", `"none"}`, `"none","truncated":["zzz"]}`},
		{"truncated out of order", `"none"}`, `"none","truncated":["path","user_agent"]}`},
		{"text in place of a list", `"none"}`, `"none","truncated":"a[,"}`},
		{"number in place of a string", `"none"}`, `"none","detail":1,"}`},
		{"empty list", `"none"}`, `"none","truncated":[]}`},
		{"string that does not end", `"none"}`, `"none`},
		{"string ending in a backslash", `"none"}`, `"none\`},
		{"too long", `"user_agent":"u"`, `"user_agent":"` + strings.Repeat("u", 1<<16) + `"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			line := strings.Replace(good, tt.old, tt.new, 1)
			if line == good {
				t.Fatal("case changes nothing")
			}
			if e, err := audit.ParseLine([]byte(line)); err == nil {
				t.Errorf("accepted %s as %+v", line, e)
			}
		})
	}
	t.Run("every prefix", func(t *testing.T) {
		e := fullEvent()
		line := audit.AppendLine(nil, &e)
		for n := range line {
			if _, err := audit.ParseLine(line[:n]); err == nil {
				t.Errorf("accepted %s", line[:n])
			}
		}
	})
}

func TestParseLineNamesTheByte(t *testing.T) {
	_, err := audit.ParseLine([]byte(`{"v":1,"index":3,"id":"x","kind":"system","when":1}`))
	if want := "parse audit line: byte 41"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v, want one starting with %q", err, want)
	}
}

func TestParseHead(t *testing.T) {
	tests := []struct {
		line string
		want uint64
		ok   bool
	}{
		{`{"v":1,"index":0,"id":"x"`, 0, true},
		{`{"v":1,"index":18446744073709551615,`, math.MaxUint64, true},
		{`{"v":1,"index":18446744073709551616,`, 0, false},
		{`{"v":1,"index":99999999999999999999,`, 0, false},
		{`{"v":1,"index":7`, 0, false},
		{`{"v":1,"index":7}`, 0, false},
		{`{"v":1,"index":,`, 0, false},
		{`{"v":1,"index":07,`, 0, false},
		{`{"v":1,"index":-7,`, 0, false},
		{`{"v":2,"index":7,`, 0, false},
		{``, 0, false},
		{"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 0, false},
	}
	for _, tt := range tests {
		got, ok := audit.ParseHead([]byte(tt.line))
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("ParseHead(%s) = %d, %v; want %d, %v", tt.line, got, ok, tt.want, tt.ok)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	e := fullEvent()
	f.Add(audit.AppendLine(nil, &e))
	f.Add([]byte(`{"v":1,"index":0,"id":"","kind":"system","time":"2026-11-22T23:59:59.000000120Z","origin":"","detail":"\u0000\udb40\udc41"}`))
	f.Add([]byte(`{"v":1,"index":1,"id":"x","kind":"verdict","time":"2026-11-22T23:59:59.000000000Z","origin":"o","of":"y","of_attempt":0,"differences":["a","b"]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := audit.ParseLine(line)
		if err != nil {
			return
		}
		if again := audit.AppendLine(nil, &e); !bytes.Equal(again, line) {
			t.Fatalf("accepted\n%s\nencodes as\n%s", line, again)
		}
		var std audit.Event
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&std); err != nil {
			t.Fatalf("accepted %s, encoding/json does not: %v", line, err)
		}
		if diff := cmp.Diff(std, e); diff != "" {
			t.Fatalf("encoding/json and ParseLine differ (-std +ours):\n%s", diff)
		}
		if index, ok := audit.ParseHead(line); !ok || index != e.Index {
			t.Fatalf("ParseHead = %d, %v; want %d", index, ok, e.Index)
		}
	})
}

// Whatever is put into an event, its line is accepted by ParseLine, read the
// same by encoding/json, and encodes to itself.
func TestEventProperty(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom(hostile[:len(hostile)-2]),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	kinds := rapid.SampledFrom([]audit.Kind{audit.KindIntent, audit.KindOutcome, audit.KindVerdict, audit.KindFinding, audit.KindAdmin, audit.KindSystem, "later"})
	attempt := rapid.Custom(func(t *rapid.T) audit.Attempt {
		return audit.Attempt{RequestID: text.Draw(t, "request_id"), Status: rapid.Int().Draw(t, "status"),
			ErrorCode: text.Draw(t, "error_code"), DurationUS: rapid.Int64().Draw(t, "duration")}
	})
	events := rapid.Custom(func(t *rapid.T) audit.Event {
		e := audit.Event{
			Index: rapid.Uint64().Draw(t, "index"), ID: text.Draw(t, "id"), Kind: kinds.Draw(t, "kind"),
			Time:   time.Unix(rapid.Int64Range(-1e12, 1e12).Draw(t, "sec"), rapid.Int64Range(0, 1e9-1).Draw(t, "ns")),
			Origin: text.Draw(t, "origin"), Principal: text.Draw(t, "principal"), AccessKeyID: text.Draw(t, "key"),
			SourceIP: text.Draw(t, "ip"), SourcePort: rapid.Uint16().Draw(t, "port"),
			UserAgent: text.Draw(t, "ua"), Operation: text.Draw(t, "op"), ReadOnly: rapid.Bool().Draw(t, "ro"),
			Region: text.Draw(t, "region"), ConnectionID: text.Draw(t, "conn"), Path: text.Draw(t, "path"),
			Decision: audit.Decision(text.Draw(t, "decision")), Reason: text.Draw(t, "reason"), Repeat: rapid.Bool().Draw(t, "repeat"),
			Cache: audit.CacheResult(text.Draw(t, "cache")), Status: rapid.Int().Draw(t, "status"),
			ErrorClass: audit.ErrorClass(rapid.OneOf(text, rapid.Just("throttling")).Draw(t, "class")), ErrorCode: text.Draw(t, "code"),
			ResponseSHA256: text.Draw(t, "sha"), ResponseBytes: rapid.Int64().Draw(t, "bytes"),
			DurationUS: rapid.Int64().Draw(t, "dur"), CommitUS: rapid.Int64().Draw(t, "commit"), ClientGone: rapid.Bool().Draw(t, "gone"),
			Action: text.Draw(t, "action"), Of: text.Draw(t, "of"), OfAttempt: rapid.Int().Draw(t, "attempt"), State: text.Draw(t, "state"),
			CloudTrailEventID: text.Draw(t, "ct"), Evidence: text.Draw(t, "evidence"), LagMS: rapid.Int64().Draw(t, "lag"),
			Attempts:    rapid.SliceOfN(attempt, 0, 18).Draw(t, "attempts"),
			Differences: rapid.SliceOfN(text, 0, 34).Draw(t, "differences"),
			Count:       rapid.Uint64().Draw(t, "count"), Detail: text.Draw(t, "detail"),
			Truncated: rapid.SliceOf(rapid.SampledFrom([]string{"path", "detail", "attempts", "zzz"})).Draw(t, "truncated"),
		}
		if rapid.Bool().Draw(t, "nested") {
			e.TLS = &audit.TLS{Version: text.Draw(t, "v"), Cipher: text.Draw(t, "c"), Client: text.Draw(t, "client")}
			e.Fill = &audit.Fill{EventID: text.Draw(t, "fe"), RequestID: text.Draw(t, "fr"), AgeMS: rapid.Int64().Draw(t, "age")}
			e.Upstream = &audit.Upstream{Account: text.Draw(t, "ua"), IdentityARN: text.Draw(t, "arn"), AccessKeyID: text.Draw(t, "uk"), Endpoint: text.Draw(t, "ep")}
		}
		return e
	})
	rapid.Check(t, func(t *rapid.T) {
		e := events.Draw(t, "event")
		line := audit.AppendLine(nil, &e)
		if len(line) > audit.MaxLineBytes || bytes.ContainsAny(line, "\n\r") {
			t.Fatalf("line of %d bytes: %q", len(line), line)
		}
		got, err := audit.ParseLine(line)
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		var std audit.Event
		if err := json.Unmarshal(line, &std); err != nil {
			t.Fatalf("encoding/json: %v: %s", err, line)
		}
		if diff := cmp.Diff(std, got); diff != "" {
			t.Fatalf("encoding/json and ParseLine differ (-std +ours):\n%s", diff)
		}
		if len(got.Truncated) == 0 && (got.Principal != viaJSON(e.Principal) || got.Detail != viaJSON(e.Detail) ||
			got.Status != e.Status || got.LagMS != e.LagMS || got.Count != e.Count || len(got.Attempts) != len(e.Attempts)) {
			t.Fatalf("read back %+v, want %+v", got, e)
		}
	})
}
