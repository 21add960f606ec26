package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/console"
)

func TestBadParameters(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	size := b.journal.Size()
	long := strings.Repeat("x", 1025)
	tests := []struct{ path, parameter, detail string }{
		{"/api/v1/events?limit=0", "limit", "from 1 to 500"},
		{"/api/v1/events?limit=501", "limit", "from 1 to 500"},
		{"/api/v1/events?limit=-1", "limit", "from 1 to 500"},
		{"/api/v1/events?limit=007", "limit", "from 1 to 500"},
		{"/api/v1/events?limit=5&limit=5", "limit", "twice"},
		{"/api/v1/events?limit=", "limit", "empty"},
		{"/api/v1/events?limit", "limit", "empty"},
		{"/api/v1/events?cursor=1", "cursor", "next_cursor"},
		{"/api/v1/events?cursor=b-1", "cursor", "next_cursor"},
		{"/api/v1/events?Limit=5", "Limit", "takes the parameters principal, "},
		{"/api/v1/events?after=5", "after", "takes the parameters"},
		{"/api/v1/events?id=5", "id", "takes the parameters"},
		{"/api/v1/events?" + long + "=5", strings.Repeat("x", 64) + "…", "takes the parameters"},
		{"/api/v1/events?decision=maybe", "decision", "one of allow, deny"},
		{"/api/v1/events?cache=HIT", "cache", "one of hit, "},
		{"/api/v1/events?error_class=nope", "error_class", "one of none, "},
		{"/api/v1/events?state=lost", "state", "one of not_applicable, "},
		{"/api/v1/events?kind=*", "kind", "one of intent, "},
		{"/api/v1/events?also=outcome", "also", "one of intent, verdict, "},
		{"/api/v1/events?since=yesterday", "since", "has to be a time"},
		{"/api/v1/events?since=2026-11-23", "since", "has to be a time"},
		{"/api/v1/events?since=2026-11-23T12:00:00+02:00", "since", "%2B"},
		{"/api/v1/events?since=0001-01-01T00:00:00Z", "since", "has to be a time"},
		{"/api/v1/events?since=2026-11-23T12:00:00Z&until=2026-11-23T12:00:00Z", "until", "since has to be before until"},
		{"/api/v1/events?q=%zz", "q", "percent sign"},
		{"/api/v1/events?q=a;b", "", "not encoded"},
		{"/api/v1/events?%zz=a", "", "not encoded"},
		{"/api/v1/events?q=a&", "", "takes the parameters"},
		{"/api/v1/events?q=%ff", "q", "printable"},
		{"/api/v1/events?q=a%00b", "q", "printable"},
		{"/api/v1/events?q=a%0ab", "q", "printable"},
		{"/api/v1/events?q=" + long, "q", "1024 bytes"},
		{"/api/v1/events?q=" + b.viewer, "q", "admin token"},
		{"/api/v1/events?q=gpt_" + b.viewer, "q", "admin token"},
		{"/api/v1/findings?state=matched", "state", "one of bypass, "},
		{"/api/v1/findings?kind=admin", "kind", "takes the parameters state, "},
		{"/api/v1/stream?limit=5", "limit", "takes the parameters"},
		{"/api/v1/stream?after=-2", "after", "index"},
		{"/api/v1/stream?after=18446744073709551615", "after", "index"},
		{"/api/v1/stream?after=4711", "after", "another log"},
		{"/api/v1/summary?step=30s", "step", "minutes"},
		{"/api/v1/summary?step=m", "step", "minutes"},
		{"/api/v1/summary?step=0m", "step", "minutes"},
		{"/api/v1/summary?step=99999999999d", "step", "minutes"},
		{"/api/v1/summary?step=1m&since=2020-01-01T00:00:00Z", "step", "1500 are the most"},
		{"/api/v1/summary?since=2999-01-01T00:00:00Z", "since", "before until"},
		{"/api/v1/events/a_b", "id", "neither"},
		{"/api/v1/events/%00", "id", "printable"},
		{"/api/v1/events/" + strings.Repeat("a", 129), "id", "neither"},
		{"/api/v1/events/" + b.viewer, "id", "admin token"},
		{"/api/v1/events/a/proof?x=1", "x", "takes no parameters"},
		{"/readyz?verbose=1", "verbose", "takes no parameters"},
		{"/metrics?debug=1", "debug", "takes no parameters"},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			r := b.get(t, tt.path)
			if r.status != 400 {
				t.Fatalf("%d %s", r.status, r.body)
			}
			checkHeader(t, "GET", r)
			p := decode[map[string]any](t, r)
			parameter, _ := p["parameter"].(string)
			if detail, _ := p["detail"].(string); parameter != tt.parameter || !strings.Contains(detail, tt.detail) {
				t.Errorf("%s", r.body)
			}
			if strings.Contains(r.body, b.viewer) {
				t.Error("the token is repeated")
			}
		})
	}
	r := b.send(t, "GET", "/api/v1/stream", b.viewer, http.Header{"Last-Event-Id": {"newest"}})
	if r.status != 400 || !strings.Contains(r.body, `"parameter":"Last-Event-ID"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	if b.journal.Size() != size {
		t.Error("a refused reading left a record")
	}
}

// FuzzParse holds that what is accepted reads the same when it is written again,
// and is what net/url reads.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"principal=a&limit=5", "q=%2B+%26&since=2026-11-23T12:00:00.5Z&until=2027-01-01T00:00:00%2B02:00", "kind=intent&also=intent,verdict", "limit=5;q=1", "a=b&a=b",
		"cursor=b2s&state=bypass&cache=hit&error_class=none&decision=deny", "=", "&", "%", "q=gpt_", "connection=a/b%3D",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		encoded, limit, err := console.ParseEventsQuery(raw)
		if err != nil {
			return
		}
		if limit < 0 || limit > 500 {
			t.Fatalf("limit %d", limit)
		}
		values, err := url.ParseQuery(raw)
		if err != nil || values.Encode() != encoded {
			t.Fatalf("%q is read as %q, by net/url as %q, %v", raw, encoded, values.Encode(), err)
		}
		again, _, err := console.ParseEventsQuery(encoded)
		if err != nil || again != encoded {
			t.Fatalf("%q reads as %q, %v", encoded, again, err)
		}
	})
}
