package console_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/console"
	"github.com/gatepost-proxy/gatepost/audit/console/dashboard"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// cached is what the cache holds.
type cached []dashboard.Cached

func (c cached) Cached() []dashboard.Cached { return c }

// keys has the callers' keys.
type keys func() ([]dashboard.Key, error)

func (k keys) Keys(context.Context) ([]dashboard.Key, error) { return k() }

// linesOf are the lines of a text, each of which has to be ended.
func linesOf(t *testing.T, body, end string) []string {
	t.Helper()
	lines := strings.Split(body, end)
	if lines[len(lines)-1] != "" {
		t.Fatalf("the last line is not ended: %q", lines[len(lines)-1])
	}
	return lines[:len(lines)-1]
}

// An export has all that the view shows, and nothing else.
func TestExportEvents(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	_, outcomes, verdict, _ := calls(t, b, 1300)
	for path, want := range map[string][]string{
		"/export?format=jsonl&kind=outcome&principal=installer-1": nil, // below
		"/export?format=jsonl&kind=verdict&state=matched":         {verdict},
		"/export?kind=outcome&connection=none":                    {},
	} {
		if want == nil {
			for i := len(outcomes) - 1; i >= 0; i-- {
				if i%3 == 1 {
					want = append(want, outcomes[i])
				}
			}
		}
		r := b.get(t, path)
		if got := linesOf(t, r.body, "\n"); r.status != 200 || !slices.Equal(got, want) {
			t.Errorf("%s: %d, %d lines, want %d", path, r.status, len(got), len(want))
		}
		if d := r.header.Get("Content-Disposition"); !strings.HasPrefix(d, `attachment; filename="gatepost-events-2`) || !strings.HasSuffix(d, `Z.jsonl"`) {
			t.Errorf("%s: %s", path, d)
		}
	}
	if e := b.last(t); e.Action != "export" || e.Principal != "token:soc" || !strings.Contains(e.Detail, "=") {
		t.Errorf("recorded %+v", e)
	}
	table := b.get(t, "/export?format=csv&kind=outcome")
	if lines := strings.Count(table.body, "\r\n"); lines != 1301 || !strings.HasPrefix(table.header.Get("Content-Type"), "text/csv") {
		t.Errorf("csv: %d lines, %v", lines, table.header)
	}
	ocsf := b.get(t, "/export?format=ocsf&kind=outcome")
	var first map[string]any
	if err := json.Unmarshal([]byte(strings.Split(ocsf.body, "\n")[0]), &first); err != nil || first["class_uid"] != 6003.0 || strings.Count(ocsf.body, "\n") != 1300 {
		t.Errorf("ocsf: %v %v", first, err)
	}
}

// exportLinks are those of a page, by what they are called.
func exportLinks(t *testing.T, page string) map[string]string {
	t.Helper()
	links := map[string]string{}
	for part := range strings.SplitSeq(page, `<a href="`) {
		if href, rest, ok := strings.Cut(part, `" download>`); ok {
			name, _, _ := strings.Cut(rest, "<")
			links[name] = strings.ReplaceAll(href, "&amp;", "&")
		}
	}
	if len(links) != 3 {
		t.Fatalf("the page has the exports %v", links)
	}
	return links
}

// table are the rows of a CSV, by the names of the columns.
func table(t *testing.T, body string) (rows []map[string]string) {
	t.Helper()
	linesOf(t, body, "\r\n")
	records, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, cell := range record {
			if cell != "" {
				row[records[0][i]] = cell
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// objects are the rows of JSON lines, values as they are written.
func objects(t *testing.T, body string) (rows []map[string]string) {
	t.Helper()
	for _, line := range linesOf(t, body, "\n") {
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &members); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		row := map[string]string{}
		for name, value := range members {
			row[name] = string(value)
		}
		rows = append(rows, row)
	}
	return rows
}

// The exports of the connections are their list.
func TestExportConnections(t *testing.T) {
	t.Parallel()
	until := epoch.Add(time.Hour).In(time.FixedZone("elsewhere", 3600))
	hostile := []struct{ id, cell, member string }{
		{"plain/+=", "plain/+=", `"plain/+="`},
		{`=cmd|' /C calc'!A0`, `'=cmd|' /C calc'!A0`, `"=cmd|' /C calc'!A0"`},
		{"+1", "'+1", `"+1"`},
		{"-1", "'-1", `"-1"`},
		{"@SUM(A1)", "'@SUM(A1)", `"@SUM(A1)"`},
		{" =1", "' =1", `" =1"`},
		{"a;=1", `a\u003b=1`, `"a;=1"`},
		{`"quoted", and more`, `"quoted", and more`, `"\"quoted\", and more"`},
		{"line\r\nend", `line\u000d\u000aend`, `"line\u000d\u000aend"`},
		{"\u202eevil", `\u202eevil`, `"\u202eevil"`},
		{`back\slash`, `back\\slash`, `"back\\slash"`},
		{"<script>", "<script>", `"<script>"`},
	}
	b := start(t, options{change: func(c *console.Config) {
		c.Cached = cached{{ConnectionID: "plain/+=", Expires: until}, {ConnectionID: "plain/+=", Expires: until.Add(-time.Minute)}, {ConnectionID: "other", Expires: until}}
	}})
	var events []audit.Event
	add := func(id string, change func(*audit.Event)) {
		_, e := call(len(events))
		e.ConnectionID, e.Attempts = id, nil
		if change != nil {
			change(&e)
		}
		events = append(events, e)
	}
	for _, h := range hostile {
		add(h.id, nil)
	}
	const many = 1100
	for n := range many {
		add(fmt.Sprint("connection", n), nil)
	}
	add("plain/+=", func(e *audit.Event) {
		e.Principal, e.AccessKeyID, e.SourceIP, e.Decision, e.Status = "", "=stranger", "2001:db8::1", audit.Deny, 403
	})
	at := b.journal.Size()
	index := func(n int) string { return fmt.Sprint(at + uint64(n)) }
	b.append(t, events...)
	b.settle(t)
	last := len(events) - 1

	links := exportLinks(t, b.get(t, "/connections").body)
	if links["OCSF of the calls"] != "/export?format=ocsf&kind=outcome" {
		t.Errorf("%v", links)
	}
	for _, tt := range []struct {
		format, extension, media string
		rows                     func(*testing.T, string) []map[string]string
		quote                    func(string) string
		names                    func(n int) string
	}{
		{"CSV", ".csv", "text/csv", table, func(s string) string { return s }, func(n int) string { return hostile[n].cell }},
		{"JSON lines", ".jsonl", "application/x-ndjson", objects, func(s string) string { return `"` + s + `"` }, func(n int) string { return hostile[n].member }},
	} {
		t.Run(tt.format, func(t *testing.T) {
			r := b.get(t, links[tt.format])
			if d := r.header.Get("Content-Disposition"); !strings.HasPrefix(d, `attachment; filename="gatepost-connections-2`) || !strings.HasSuffix(d, "Z"+tt.extension+`"`) || !strings.HasPrefix(r.header.Get("Content-Type"), tt.media) {
				t.Errorf("%v", r.header)
			}
			if e := b.last(t); e.Action != "export" || e.Path != "/connections/export" || e.ID != r.header.Get("X-Gatepost-Event-Id") || e.Principal != "token:soc" {
				t.Errorf("recorded %+v", e)
			}
			got := tt.rows(t, r.body)
			if len(got) != len(hostile)+many {
				t.Fatalf("%d rows", len(got))
			}
			for n, row := range got {
				want := map[string]string{
					"calls": "1", "refused": "0", "first_index": index(n), "last_index": index(n), "connection_id": tt.quote(fmt.Sprint("connection", n-len(hostile))),
					"last_event_id": tt.quote(callID(n)), "last_time": tt.quote(events[n].Time.Format("2006-01-02T15:04:05.000000000Z")), "last_source_ip": tt.quote("10.1.2.3"),
					"last_principal": tt.quote(events[n].Principal), "last_access_key_id": tt.quote("GPK7Q2M4X6ZB3N5C8V1L"),
				}
				if n < len(hostile) {
					want["connection_id"] = tt.names(n)
				}
				if n == 0 {
					want["calls"], want["refused"], want["last_index"], want["last_event_id"] = "2", "1", index(last), tt.quote(callID(last))
					want["last_time"] = tt.quote(events[last].Time.Format("2006-01-02T15:04:05.000000000Z"))
					want["last_access_key_id"], want["last_source_ip"] = tt.quote("=stranger"), tt.quote("2001:db8::1")
					if tt.format == "CSV" {
						want["last_access_key_id"] = "'=stranger"
					}
					want["cached_until"] = tt.quote("2026-11-23T13:00:00.000000000Z")
					delete(want, "last_principal")
				}
				if diff := cmp.Diff(want, row); diff != "" {
					t.Fatalf("row %d (-want +got):\n%s", n, diff)
				}
			}
		})
	}
	header, _, _ := strings.Cut(b.get(t, "/connections/export?format=csv").body, "\r\n")
	if header != "connection_id,calls,refused,first_index,last_index,last_event_id,last_time,last_principal,last_access_key_id,last_source_ip,cached_until" {
		t.Error(header)
	}
}

// The exports of the callers are their list, with what is known of their keys, and
// the keys that were never used.
func TestExportCallers(t *testing.T) {
	t.Parallel()
	known := []dashboard.Key{
		{ID: "GPK7Q2M4X6ZB3N5C8V1L", Principal: "installer-0", Expires: epoch.Add(time.Hour)},
		{ID: "GPKDISABLED000000001", Principal: "=1+1", Disabled: true},
		{ID: "GPKNEVERUSED00000001", Principal: "nobody-yet", Expires: epoch},
	}
	var fail error
	b := start(t, options{change: func(c *console.Config) {
		c.Keys = keys(func() ([]dashboard.Key, error) { return known, fail })
	}})
	if r := b.get(t, "/callers/export"); len(objects(t, r.body)) != len(known) {
		t.Errorf("before any call: %s", r.body)
	}
	at := b.journal.Size()
	for n, who := range []struct{ principal, key string }{
		{"installer-0", "GPK7Q2M4X6ZB3N5C8V1L"}, {"=1+1", "GPKDISABLED000000001"}, {"", "AKIA\r\nevil"}, {"installer-0", "GPKGONE0000000000001"}, {"installer-0", "GPK7Q2M4X6ZB3N5C8V1L"},
	} {
		_, e := call(n)
		e.Principal, e.AccessKeyID = who.principal, who.key
		if who.principal == "" {
			e.Decision, e.Status = audit.Deny, 403
		}
		b.append(t, e)
	}
	const many = 600
	for n := range many {
		_, e := call(100 + n)
		e.Principal = fmt.Sprint("p", n)
		e.AccessKeyID = "GPKMANY0000000000001"
		b.append(t, e)
	}
	b.settle(t)
	when := func(n int) string {
		_, e := call(n)
		return e.Time.Format("2006-01-02T15:04:05.000000000Z")
	}
	index := func(n int) string { return fmt.Sprint(at + uint64(n)) }
	base := func(n, first int, row map[string]string) map[string]string {
		for name, value := range map[string]string{
			"calls": "1", "refused": "0", "first_index": index(first), "last_index": index(n), "last_event_id": callID(n), "last_time": when(n), "last_source_ip": "10.1.2.3",
		} {
			if _, ok := row[name]; !ok {
				row[name] = value
			}
		}
		return row
	}
	want := []map[string]string{
		base(4, 0, map[string]string{"principal": "installer-0", "access_key_id": "GPK7Q2M4X6ZB3N5C8V1L", "key_exists": "true", "key_disabled": "false", "key_expires": "2026-11-23T13:00:00.000000000Z", "calls": "2"}),
		base(1, 1, map[string]string{"principal": "'=1+1", "access_key_id": "GPKDISABLED000000001", "key_exists": "true", "key_disabled": "true"}),
		base(2, 2, map[string]string{"access_key_id": `AKIA\u000d\u000aevil`, "key_exists": "false", "refused": "1"}),
		base(3, 3, map[string]string{"principal": "installer-0", "access_key_id": "GPKGONE0000000000001", "key_exists": "false"}),
	}
	unused := map[string]string{
		"principal": "nobody-yet", "access_key_id": "GPKNEVERUSED00000001", "key_exists": "true", "key_disabled": "false", "key_expires": "2026-11-23T12:00:00.000000000Z", "calls": "0", "refused": "0",
	}
	links := exportLinks(t, b.get(t, "/callers").body)
	if links["OCSF of the calls"] != "/export?format=ocsf&kind=outcome" {
		t.Errorf("%v", links)
	}
	r := b.get(t, links["CSV"])
	if d := r.header.Get("Content-Disposition"); !strings.HasPrefix(d, `attachment; filename="gatepost-callers-2`) {
		t.Error(d)
	}
	if e := b.last(t); e.Action != "export" || e.Path != "/callers/export" {
		t.Errorf("recorded %+v", e)
	}
	got := table(t, r.body)
	if len(got) != len(want)+many+1 {
		t.Fatalf("%d rows", len(got))
	}
	if diff := cmp.Diff(append(want, unused), append(slices.Clone(got[:len(want)]), got[len(got)-1])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if rows := objects(t, b.get(t, links["JSON lines"]).body); len(rows) != len(got) || rows[1]["principal"] != `"=1+1"` || rows[1]["key_disabled"] != "true" || rows[2]["calls"] != "1" || rows[2]["access_key_id"] != `"AKIA\u000d\u000aevil"` {
		t.Errorf("%d rows, %v", len(rows), rows[:3])
	}
	header, _, _ := strings.Cut(r.body, "\r\n")
	if header != "principal,access_key_id,key_exists,key_expires,key_disabled,calls,refused,first_index,last_index,last_event_id,last_time,last_source_ip" {
		t.Error(header)
	}
	// Whether there is such a key is not said while that is not known.
	fail = io.ErrUnexpectedEOF
	if got := table(t, b.get(t, links["CSV"]).body); len(got) != len(want)+many || got[0]["key_exists"] != "" || got[2]["key_exists"] != "" {
		t.Errorf("%d rows, %v", len(got), got[:3])
	}
}

func TestExportRefused(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	size := b.journal.Size()
	for path, want := range map[string]int{
		"/export?format=xml": 400, "/export?findings=open": 400, "/connections/export?format=ocsf": 400, "/callers/export?format=ocsf": 400, "/connections/export?cursor=b1": 400,
		"/callers/export?q=x": 400, "/findings/export?state=matched": 400, "/findings/export?cursor=b1": 400, "/findings/export?principal=x": 400, "/events/export": 404,
	} {
		if r := b.get(t, path); r.status != want || !strings.Contains(r.body, "<h1") {
			t.Errorf("%s: %d, want %d", path, r.status, want)
		}
	}
	if got := b.journal.Size(); got != size+1 { // that there is no event of that id was looked up
		t.Errorf("%d records", got-size)
	}
	limited := false
	for range 400 {
		if r := b.get(t, "/callers/export"); r.status == 429 {
			limited = true
			break
		}
	}
	if !limited {
		t.Error("exports are not limited")
	}
}

// Only so many exports are under way at a time, of whatever.
func TestExportsAtOnce(t *testing.T) {
	t.Parallel()
	waiting, free := make(chan struct{}), make(chan struct{})
	b := start(t, options{change: func(c *console.Config) {
		c.Keys = keys(func() ([]dashboard.Key, error) {
			waiting <- struct{}{}
			<-free
			return nil, nil
		})
	}})
	done := make(chan int)
	for range 4 {
		go func() {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", b.url+"/callers/export", nil)
			req.Header.Set("Authorization", "Bearer "+b.viewer)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				done <- 0
				return
			}
			resp.Body.Close()
			done <- resp.StatusCode
		}()
		<-waiting
	}
	for _, path := range []string{"/export", "/findings/export", "/connections/export"} {
		if r := b.get(t, path); r.status != 503 || r.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	close(free)
	for range 4 {
		if status := <-done; status != 200 {
			t.Errorf("an export that began in time: %d", status)
		}
	}
	if r := b.get(t, "/export"); r.status != 200 {
		t.Errorf("then: %d", r.status)
	}
}

// revoking deletes a token when an export is recorded.
type revoking struct {
	console.Recorder
	revoke func()
}

func (r revoking) Append(ctx context.Context, e *audit.Event) (journal.Commit, error) {
	if e.Action == "export" {
		r.revoke()
	}
	return r.Recorder.Append(ctx, e)
}

// An export whose reader may no longer read has no more than a page, and does not
// look whole.
func TestExportRevoked(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/export?kind=outcome", "/export?kind=outcome&format=csv", "/export?kind=outcome&format=ocsf", "/findings/export", "/connections/export", "/connections/export?format=csv", "/callers/export"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			var b *bench
			b = start(t, options{recorder: func(r console.Recorder) console.Recorder {
				return revoking{r, func() {
					if err := b.tokens.Delete(context.Background(), "soc"); err != nil {
						t.Error(err)
					}
					if err := b.store.Reload(); err != nil {
						t.Error(err)
					}
				}}
			}})
			var events []audit.Event
			for n := range 501 {
				_, e := call(n)
				e.ConnectionID, e.Principal = fmt.Sprint("connection", n), fmt.Sprint("installer", n)
				finding := audit.Event{ID: audit.NewID(epoch), Kind: audit.KindFinding, Time: epoch, State: "bypass"}
				b.journal.Record(&finding)
				events = append(events, e)
			}
			b.append(t, events...)
			b.settle(t)
			req, err := http.NewRequestWithContext(t.Context(), "GET", b.url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header = own(b.login(t, b.viewer))
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Logf("not even a beginning: %v", err)
				return
			}
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			if n := strings.Count(string(got), "\n"); err == nil || resp.StatusCode != 200 || n > 501 {
				t.Errorf("%d, %d lines, %v: it looks whole", resp.StatusCode, n, err)
			}
		})
	}
}
