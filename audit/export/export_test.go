package export_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/export"
)

var when = time.Date(2026, 11, 22, 23, 59, 59, 123456789, time.UTC)

// fullEvent has every field set.
func fullEvent() audit.Event {
	return audit.Event{
		V: 1, Index: 42, ID: "019aae5f-7c00-7abc-8def-0123456789ab", Kind: audit.KindOutcome, Time: when, Origin: "gatepost/fra1",
		Principal: "installer-fra1", AccessKeyID: "GPK7Q2M4X6ZB3N5C8V1L", SourceIP: "2001:db8::1", SourcePort: 65535,
		TLS:       &audit.TLS{Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", Client: "CN=installer"},
		UserAgent: "aws-cli/2.9.19 \"quoted\" \\ ünïcode", Operation: "GetConnection", ReadOnly: true, Region: "us-west-2",
		ConnectionID: "=a/b+c==", Path: "/connections/%3Da%2Fb%2Bc%3D%3D",
		Decision: audit.Allow, Reason: "rule 1", Repeat: true, Cache: audit.CacheHit,
		Fill: &audit.Fill{EventID: "019aae5f-0000-7abc-8def-0123456789ab", RequestID: "r-fill", AgeMS: 43},
		Upstream: &audit.Upstream{Account: "123456789012", IdentityARN: "arn:aws:sts::123456789012:assumed-role/gatepost/installer-fra1",
			AccessKeyID: "ASIAIOSFODNN7EXAMPLE", Endpoint: "https://outposts.us-west-2.amazonaws.com"},
		Attempts: []audit.Attempt{
			{RequestID: "r-1", Status: 503, ErrorCode: "ServiceUnavailable", DurationUS: 1500},
			{RequestID: "r-2", Status: 200, ErrorCode: "x", DurationUS: 2500},
		},
		Status: 429, ErrorClass: audit.ErrorClassThrottling, ErrorCode: "ThrottlingException",
		ResponseSHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", ResponseBytes: 512,
		DurationUS: 12345, CommitUS: 300, ClientGone: true, Action: "an_action", Of: "019aae5f-1111-7abc-8def-0123456789ab",
		OfAttempt: 1, State: "matched", CloudTrailEventID: "ct-1", Evidence: "request_id", LagMS: -900000,
		Differences: []string{"user_agent", "region"}, Count: 7, Detail: "a detail", Truncated: []string{"tls.client", "user_agent"},
	}
}

func recordOf(e *audit.Event) export.Record {
	return export.Record{Event: e, Line: audit.AppendLine(nil, e)}
}

func records(events ...audit.Event) iter.Seq2[export.Record, error] {
	return func(yield func(export.Record, error) bool) {
		for i := range events {
			if !yield(recordOf(&events[i]), nil) {
				return
			}
		}
	}
}

func write(t testing.TB, o export.Options, events ...audit.Event) string {
	t.Helper()
	var out bytes.Buffer
	if err := export.Write(t.Context(), &out, records(events...), o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// ofKinds are events as the log has them, of every kind.
func ofKinds() []audit.Event {
	call := func(e audit.Event) audit.Event {
		e.Principal, e.AccessKeyID = "installer-fra1", "GPK7Q2M4X6ZB3N5C8V1L"
		e.SourceIP, e.SourcePort = "192.0.2.7", 51234
		e.UserAgent, e.Region = "aws-cli/2.15.0", "us-west-2"
		if e.Operation == "" {
			e.Operation, e.ReadOnly, e.ConnectionID = "GetConnection", true, "=aB+/c9=="
		}
		if e.Decision == "" {
			e.Decision = audit.Allow
		}
		return e
	}
	upstream := &audit.Upstream{Account: "123456789012", IdentityARN: "arn:aws:sts::123456789012:assumed-role/gatepost/installer-fra1",
		AccessKeyID: "ASIAIOSFODNN7EXAMPLE", Endpoint: "https://outposts.us-west-2.amazonaws.com"}
	denied := call(audit.Event{ID: "id-denied", Kind: audit.KindOutcome, Decision: audit.Deny, Reason: "connection_not_allowed", Cache: audit.CacheNone,
		Status: 403, ErrorClass: audit.ErrorClassPolicy, ErrorCode: "AccessDeniedException", DurationUS: 95})
	unknown := call(audit.Event{ID: "id-unknown", Kind: audit.KindOutcome, Decision: audit.Deny, Reason: "signature", Cache: audit.CacheNone, Repeat: true,
		Status: 403, ErrorClass: audit.ErrorClassSignature, UserAgent: "x", Truncated: []string{"user_agent"}})
	unknown.Principal, unknown.UserAgent = "", "@SUM(1+1)\x1b[2J\u202egpj.exe\u2028\"},{\"forged\":"
	events := []audit.Event{
		{ID: "id-start", Kind: audit.KindSystem, Action: "start"},
		call(audit.Event{ID: "id-miss", Kind: audit.KindIntent, Cache: audit.CacheMiss, Upstream: upstream}),
		call(audit.Event{ID: "id-miss", Kind: audit.KindOutcome, Cache: audit.CacheMiss, Upstream: upstream, Status: 200, ErrorClass: audit.ErrorClassNone,
			Attempts:       []audit.Attempt{{RequestID: "aws-1", Status: 503, ErrorCode: "ServiceUnavailable", DurationUS: 4001}, {RequestID: "aws-2", Status: 200, DurationUS: 7002}},
			ResponseSHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", ResponseBytes: 412, DurationUS: 12345, CommitUS: 812}),
		call(audit.Event{ID: "id-hit", Kind: audit.KindOutcome, Cache: audit.CacheHit, Status: 200, ErrorClass: audit.ErrorClassNone,
			Fill: &audit.Fill{EventID: "id-miss", RequestID: "aws-2", AgeMS: 1500}, DurationUS: 310}),
		denied, unknown,
		call(audit.Event{ID: "id-write", Kind: audit.KindOutcome, Operation: "StartConnection", Path: "/connections", Cache: audit.CacheBypass, Upstream: upstream,
			Status: 504, ErrorClass: audit.ErrorClassUpstreamTimeout, ErrorCode: "GatewayTimeoutException", Attempts: []audit.Attempt{{DurationUS: 10_000_000}},
			DurationUS: 10_000_400, ClientGone: true}),
		{ID: "id-verdict", Kind: audit.KindVerdict, Of: "id-miss", OfAttempt: 1, State: "matched", Evidence: "request_id", LagMS: 252_000, CloudTrailEventID: "ct-1"},
		{ID: "id-missing", Kind: audit.KindVerdict, Of: "id-write", State: "missing"},
		{ID: "id-bypass", Kind: audit.KindFinding, State: "bypass", CloudTrailEventID: "ct-2", Principal: "arn:aws:iam::123456789012:user/root",
			SourceIP: "cloudformation.amazonaws.com", Operation: "GetConnection", Region: "us-west-2", Differences: []string{"source_ip", "user_agent"}},
		{ID: "id-flood", Kind: audit.KindSystem, Action: "unauthenticated_summary", Of: "id-first", SourceIP: "2001:db8::/64", Decision: audit.Deny, Count: 4711},
		{ID: "id-purge", Kind: audit.KindAdmin, Action: "cache_purge", Principal: "soc", SourceIP: "::ffff:198.51.100.9", Detail: "connection =aB+/c9=="},
	}
	for i := range events {
		events[i].Index, events[i].Origin, events[i].Time = uint64(i), "gatepost/fra1", when.Add(time.Duration(i)*1_234_567_891)
	}
	return events
}

func TestJSONLIsTheLog(t *testing.T) {
	var want []byte
	events := ofKinds()
	for i := range events {
		want = append(audit.AppendLine(want, &events[i]), '\n')
	}
	if diff := cmp.Diff(string(want), write(t, export.Options{Format: export.JSONL}, events...)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFormats(t *testing.T) {
	if diff := cmp.Diff([]export.Format{"jsonl", "ocsf", "csv"}, export.Formats()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, f := range export.Formats() {
		if got := f.Includes(audit.KindIntent); got != (f == export.JSONL) {
			t.Errorf("%s includes intents: %t", f, got)
		}
		if !f.Includes(audit.KindOutcome) || !f.Includes(audit.KindSystem) {
			t.Errorf("%s leaves out more than intents", f)
		}
	}
	if err := export.Write(t.Context(), io.Discard, records(), export.Options{Format: "xml"}); err == nil || !strings.Contains(err.Error(), `no format "xml"`) {
		t.Errorf("format xml: %v", err)
	}
}

// No format loses a field: an event without it is exported otherwise.
func TestNoFieldIsLost(t *testing.T) {
	for _, format := range export.Formats() {
		for _, kind := range []audit.Kind{audit.KindIntent, audit.KindOutcome, audit.KindVerdict, audit.KindFinding, audit.KindAdmin, audit.KindSystem} {
			full := fullEvent()
			full.Kind = kind
			want := write(t, export.Options{Format: format}, full)
			check := func(name string, e audit.Event) {
				t.Helper()
				if write(t, export.Options{Format: format}, e) == want {
					t.Errorf("%s of %s events loses %s", format, kind, name)
				}
			}
			for _, part := range []string{"", "TLS", "Fill", "Upstream", "Attempts"} {
				fresh := func() (audit.Event, reflect.Value) {
					e := fullEvent()
					e.Kind = kind
					return e, reflect.Value{}
				}
				e, _ := fresh()
				for i := range partOf(&e, part).NumField() {
					e, _ := fresh()
					field := partOf(&e, part)
					name := field.Type().Field(i).Name
					if name == "V" {
						continue // of all lines the same
					}
					field.Field(i).SetZero()
					check(part+" "+name, e)
				}
			}
		}
	}
}

// partOf is the event itself, or the object that one of its fields holds.
func partOf(e *audit.Event, name string) reflect.Value {
	v := reflect.ValueOf(e).Elem()
	if name == "" {
		return v
	}
	if v = v.FieldByName(name); v.Kind() == reflect.Slice {
		return v.Index(0)
	}
	return v.Elem()
}

func TestWriteEndsWithWholeRecords(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name string
		want error
		seq  func(stop context.CancelCauseFunc) iter.Seq2[export.Record, error]
	}{
		{"error of the reader", broken, func(context.CancelCauseFunc) iter.Seq2[export.Record, error] {
			return func(yield func(export.Record, error) bool) {
				for r := range records(ofKinds()...) {
					if !yield(r, nil) {
						return
					}
				}
				yield(export.Record{}, broken)
			}
		}},
		{"cancelled", context.Canceled, func(stop context.CancelCauseFunc) iter.Seq2[export.Record, error] {
			return func(yield func(export.Record, error) bool) {
				for i := 0; ; i++ {
					if i == 12 {
						stop(nil)
					}
					e := fullEvent()
					if !yield(recordOf(&e), nil) {
						return
					}
				}
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, stop := context.WithCancelCause(t.Context())
			defer stop(nil)
			var out bytes.Buffer
			var told []uint64
			err := export.Write(ctx, &out, tt.seq(stop), export.Options{Format: export.JSONL, Progress: func(n uint64) { told = append(told, n) }})
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if lines := bytes.Count(out.Bytes(), []byte("\n")); lines != 12 || !bytes.HasSuffix(out.Bytes(), []byte("\n")) {
				t.Errorf("%d lines were written: %q", lines, out.String())
			}
			if !slices.Equal(told, []uint64{12}) {
				t.Errorf("progress %v", told)
			}
		})
	}
}

func TestWriteReportsTheWriter(t *testing.T) {
	broken := errors.New("disk full")
	for _, n := range []int{1, 1000} {
		events := slices.Repeat([]audit.Event{fullEvent()}, n)
		r, w := io.Pipe()
		r.CloseWithError(broken)
		if err := export.Write(t.Context(), w, records(events...), export.Options{Format: export.CSV}); !errors.Is(err, broken) {
			t.Errorf("%d records: %v", n, err)
		}
	}
}

func TestProgress(t *testing.T) {
	var told []uint64
	o := export.Options{Format: export.CSV, Progress: func(n uint64) { told = append(told, n) }}
	write(t, o, slices.Repeat([]audit.Event{fullEvent()}, 2500)...)
	if !slices.Equal(told, []uint64{1000, 2000, 2500}) {
		t.Errorf("progress %v", told)
	}
}

// A million events are exported in the memory of a few: what is live on the way
// does not grow.
func TestMemoryIsBounded(t *testing.T) {
	events, slack := 1_000_000, uint64(4<<20)
	if testing.Short() || raceEnabled {
		events = 50_000
	}
	for _, format := range export.Formats() {
		t.Run(string(format), func(t *testing.T) {
			e := ofKinds()[2]
			line := audit.AppendLine(nil, &e)
			live := func() uint64 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				return m.HeapAlloc
			}
			var before, most uint64
			seq := func(yield func(export.Record, error) bool) {
				before = live()
				for i := range events {
					e.Index = uint64(i)
					if !yield(export.Record{Event: &e, Line: line}, nil) {
						return
					}
					if i%(events/20) == 0 {
						most = max(most, live())
					}
				}
			}
			var written int64
			if err := export.Write(t.Context(), counter{&written}, seq, export.Options{Format: format}); err != nil {
				t.Fatal(err)
			}
			if most > before+slack {
				t.Errorf("%d bytes are live on the way, %d before", most, before)
			}
			if written < int64(events)*200 {
				t.Errorf("only %d bytes were written", written)
			}
		})
	}
}

type counter struct{ n *int64 }

func (c counter) Write(p []byte) (int, error) { *c.n += int64(len(p)); return len(p), nil }

// What a record costs beside its bytes.
func TestAllocationsPerRecord(t *testing.T) {
	most := map[export.Format]float64{export.JSONL: 0, export.OCSF: 0, export.CSV: 16} // the lists of CSV are joined aside
	for _, format := range export.Formats() {
		e := ofKinds()[2]
		line := audit.AppendLine(nil, &e)
		run := func(n int) float64 {
			return testing.AllocsPerRun(5, func() {
				seq := func(yield func(export.Record, error) bool) {
					for range n {
						if !yield(export.Record{Event: &e, Line: line}, nil) {
							return
						}
					}
				}
				if err := export.Write(t.Context(), io.Discard, seq, export.Options{Format: format}); err != nil {
					t.Fatal(err)
				}
			})
		}
		if each := (run(1100) - run(100)) / 1000; each > most[format]+0.1 {
			t.Errorf("%s: %.2f allocations a record, want at most %.0f", format, each, most[format])
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, format := range export.Formats() {
		b.Run(string(format), func(b *testing.B) {
			e := ofKinds()[2]
			line := audit.AppendLine(nil, &e)
			var written int64
			seq := func(yield func(export.Record, error) bool) {
				for b.Loop() {
					if !yield(export.Record{Event: &e, Line: line}, nil) {
						return
					}
				}
			}
			b.ReportAllocs()
			if err := export.Write(b.Context(), counter{&written}, seq, export.Options{Format: format}); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(written / int64(b.N))
		})
	}
}
