package audit_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
)

func TestAppendLineGolden(t *testing.T) {
	tests := []struct {
		name  string
		event audit.Event
		want  string
	}{
		{
			name:  "what every line has",
			event: audit.Event{ID: "x", Kind: audit.KindSystem, Time: when, Origin: "o"},
			want:  `{"v":1,"index":0,"id":"x","kind":"system","time":"2026-11-22T23:59:59.000000120Z","origin":"o"}`,
		},
		{
			name:  "what every intent has",
			event: audit.Event{Index: 7, Kind: audit.KindIntent, Time: when},
			want: `{"v":1,"index":7,"id":"","kind":"intent","time":"2026-11-22T23:59:59.000000120Z","origin":"",` +
				`"read_only":false,"decision":"","cache":"none"}`,
		},
		{
			name:  "what every outcome has",
			event: audit.Event{Index: 8, Kind: audit.KindOutcome, Time: when},
			want: `{"v":1,"index":8,"id":"","kind":"outcome","time":"2026-11-22T23:59:59.000000120Z","origin":"",` +
				`"read_only":false,"decision":"","cache":"none","status":0,"error_class":"none"}`,
		},
		{
			name:  "what every verdict has",
			event: audit.Event{Index: 9, Kind: audit.KindVerdict, Time: when, Of: "x", State: "pending"},
			want: `{"v":1,"index":9,"id":"","kind":"verdict","time":"2026-11-22T23:59:59.000000120Z","origin":"",` +
				`"of":"x","of_attempt":0,"state":"pending"}`,
		},
		{
			name:  "empty objects and a time elsewhere",
			event: audit.Event{Kind: audit.KindAdmin, Time: when.In(time.FixedZone("", -3600)), TLS: &audit.TLS{}, Fill: &audit.Fill{}, Upstream: &audit.Upstream{}},
			want: `{"v":1,"index":0,"id":"","kind":"admin","time":"2026-11-22T23:59:59.000000120Z","origin":"",` +
				`"tls":{},"fill":{"age_ms":0},"upstream":{}}`,
		},
		{
			name:  "a class outside the set",
			event: audit.Event{Kind: audit.KindFinding, Time: when, ErrorClass: "made_up"},
			want:  `{"v":1,"index":0,"id":"","kind":"finding","time":"2026-11-22T23:59:59.000000120Z","origin":"","error_class":"other"}`,
		},
		{
			name:  "every field",
			event: fullEvent(),
			want: `{"v":1,"index":18446744073709551615,"id":"019aae5f-7c00-7abc-8def-0123456789ab","kind":"outcome",` +
				`"time":"2026-11-22T23:59:59.000000120Z","origin":"gatepost/fra1","principal":"installer-fra1",` +
				`"access_key_id":"GPK7Q2M4X6ZB3N5C8V1L","source_ip":"2001:db8::1","source_port":65535,` +
				`"tls":{"version":"1.3","cipher":"TLS_AES_128_GCM_SHA256","client":"CN=installer"},` +
				`"user_agent":"aws-cli/2.9.19 \"quoted\" \\ ünïcode","operation":"GetConnection","read_only":true,` +
				`"region":"us-west-2","connection_id":"=a/b+c==","path":"/connections/%3Da%2Fb%2Bc%3D%3D",` +
				`"decision":"allow","reason":"rule 1","repeat":true,"cache":"hit",` +
				`"fill":{"event_id":"019aae5f-0000-7abc-8def-0123456789ab","request_id":"r-fill","age_ms":42},` +
				`"upstream":{"account":"123456789012","identity_arn":"arn:aws:sts::123456789012:assumed-role/gatepost/installer-fra1",` +
				`"access_key_id":"ASIAIOSFODNN7EXAMPLE","endpoint":"https://outposts.us-west-2.amazonaws.com"},` +
				`"attempts":[{"request_id":"r-1","status":503,"error_code":"ServiceUnavailable","duration_us":1500},{},` +
				`{"request_id":"r-2","status":200,"duration_us":2500}],"status":200,"error_class":"throttling",` +
				`"error_code":"ThrottlingException","response_sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",` +
				`"response_bytes":512,"duration_us":-1,"commit_us":300,"client_gone":true,"action":"outcome_unknown",` +
				`"of":"019aae5f-7c00-7abc-8def-0123456789ab","of_attempt":1,"state":"matched","cloudtrail_event_id":"ct-1",` +
				`"evidence":"request_id","lag_ms":900000,"differences":["user_agent",""],"count":18446744073709551615,` +
				`"detail":"a detail","truncated":["tls.client","user_agent"]}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(audit.AppendLine(nil, &tt.event)); got != tt.want {
				t.Errorf("line:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}

// A field added to Event and forgotten in the encoder or the parser shows here.
func TestEveryFieldIsEncoded(t *testing.T) {
	e := fullEvent()
	v := reflect.ValueOf(e)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("fullEvent leaves %s empty", v.Type().Field(i).Name)
		}
	}
	line := audit.AppendLine(nil, &e)
	got, err := audit.ParseLine(line)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, got); diff != "" {
		t.Errorf("ParseLine (-want +got):\n%s", diff)
	}
	var std audit.Event
	if err := json.Unmarshal(line, &std); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, std); diff != "" {
		t.Errorf("encoding/json (-want +got):\n%s", diff)
	}
}

func TestAppendLineTime(t *testing.T) {
	tests := []struct {
		name string
		time time.Time
		want string
	}{
		{"zero", time.Time{}, "0001-01-01T00:00:00.000000000Z"},
		{"whole second", time.Unix(0, 0), "1970-01-01T00:00:00.000000000Z"},
		{"monotonic reading dropped", time.Unix(1, 2), "1970-01-01T00:00:01.000000002Z"},
		{"before year 0", time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC), "0000-01-01T00:00:00.000000000Z"},
		{"year 9999 in a western zone", time.Date(9999, 12, 31, 23, 59, 0, 0, time.FixedZone("", -7200)), "9999-12-31T23:59:59.999999999Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			line := audit.AppendLine(nil, &audit.Event{Kind: audit.KindSystem, Time: tt.time})
			if !strings.Contains(string(line), `"time":"`+tt.want+`"`) {
				t.Errorf("line %s has no time %s", line, tt.want)
			}
		})
	}
}

func TestCaps(t *testing.T) {
	tests := []struct {
		name      string
		event     audit.Event
		get       func(*audit.Event) string
		want      string
		truncated []string
	}{
		{
			name:  "at the cap",
			event: audit.Event{UserAgent: strings.Repeat("a", 1024)},
			get:   func(e *audit.Event) string { return e.UserAgent },
			want:  strings.Repeat("a", 1024),
		},
		{
			name:      "one over",
			event:     audit.Event{UserAgent: strings.Repeat("a", 1025)},
			get:       func(e *audit.Event) string { return e.UserAgent },
			want:      strings.Repeat("a", 1024),
			truncated: []string{"user_agent"},
		},
		{
			name:      "an escape is not split",
			event:     audit.Event{UserAgent: strings.Repeat("a", 1019) + "\x00b"},
			get:       func(e *audit.Event) string { return e.UserAgent },
			want:      strings.Repeat("a", 1019),
			truncated: []string{"user_agent"},
		},
		{
			name:      "a character is not split",
			event:     audit.Event{UserAgent: strings.Repeat("a", 1023) + "é"},
			get:       func(e *audit.Event) string { return e.UserAgent },
			want:      strings.Repeat("a", 1023),
			truncated: []string{"user_agent"},
		},
		{
			name:      "nothing fits after the cut",
			event:     audit.Event{UserAgent: strings.Repeat("a", 1023) + "éb"},
			get:       func(e *audit.Event) string { return e.UserAgent },
			want:      strings.Repeat("a", 1023),
			truncated: []string{"user_agent"},
		},
		{
			name:      "nested",
			event:     audit.Event{Upstream: &audit.Upstream{Endpoint: strings.Repeat("e", 9999)}},
			get:       func(e *audit.Event) string { return e.Upstream.Endpoint },
			want:      strings.Repeat("e", 512),
			truncated: []string{"upstream.endpoint"},
		},
		{
			name:      "named by the caller, in any order, once",
			event:     audit.Event{Truncated: []string{"user_agent", "path", "user_agent", "no such field"}},
			get:       func(e *audit.Event) string { return "" },
			truncated: []string{"user_agent", "path"},
		},
		{
			name:      "longest connection id",
			event:     audit.Event{ConnectionID: strings.Repeat("/", 1024)},
			get:       func(e *audit.Event) string { return e.ConnectionID },
			want:      strings.Repeat("/", 1024),
			truncated: nil,
		},
		{
			name:      "attempts",
			event:     audit.Event{Attempts: make([]audit.Attempt, 17)},
			get:       func(e *audit.Event) string { return strings.Repeat("x", len(e.Attempts)) },
			want:      strings.Repeat("x", 16),
			truncated: []string{"attempts"},
		},
		{
			name:      "differences",
			event:     audit.Event{Differences: make([]string, 33)},
			get:       func(e *audit.Event) string { return strings.Repeat("x", len(e.Differences)) },
			want:      strings.Repeat("x", 32),
			truncated: []string{"differences"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.event.Kind = audit.KindSystem
			got, err := audit.ParseLine(audit.AppendLine(nil, &tt.event))
			if err != nil {
				t.Fatal(err)
			}
			if s := tt.get(&got); s != tt.want {
				t.Errorf("value of %d bytes, want %d: %.40q", len(s), len(tt.want), s)
			}
			if diff := cmp.Diff(tt.truncated, got.Truncated); diff != "" {
				t.Errorf("Truncated (-want +got):\n%s", diff)
			}
		})
	}
}

// The longest line that the schema can hold fits an entry of the tree.
func TestLongestLine(t *testing.T) {
	e := fullEvent()
	huge := strings.Repeat("\x00é\u202e\"", 1<<18)
	fill(reflect.ValueOf(&e).Elem(), huge)
	e.Attempts = nil
	for range 20 {
		e.Attempts = append(e.Attempts, audit.Attempt{RequestID: huge, Status: -1 << 63, ErrorCode: huge, DurationUS: -1 << 63})
	}
	e.Differences = nil
	for range 40 {
		e.Differences = append(e.Differences, huge)
	}
	line := audit.AppendLine(nil, &e)
	if len(line) < 30000 || len(line) > audit.MaxLineBytes {
		t.Errorf("line of %d bytes, want one near the caps' sum and at most %d", len(line), audit.MaxLineBytes)
	}
	if _, err := audit.ParseLine(line); err != nil {
		t.Error(err)
	}
}

// fill sets every string below v to s and every number to its longest.
func fill(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.Pointer:
		fill(v.Elem(), s)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for _, field := range v.Fields() {
			fill(field, s)
		}
	case reflect.String:
		v.SetString(s)
	case reflect.Int, reflect.Int64:
		v.SetInt(-1 << 63)
	}
}

func TestAppendBodyDoesNotAllocate(t *testing.T) {
	e := fullEvent()
	e.UserAgent += "\x1b\u202e\xff"
	buf := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { buf = audit.AppendLine(buf[:0], &e) }); n != 0 {
		t.Errorf("AppendLine allocates %v times", n)
	}
}

func BenchmarkAppendLine(b *testing.B) {
	e := fullEvent()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = audit.AppendLine(buf[:0], &e)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkParseLine(b *testing.B) {
	e := fullEvent()
	line := audit.AppendLine(nil, &e)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := audit.ParseLine(line); err != nil {
			b.Fatal(err)
		}
	}
}
