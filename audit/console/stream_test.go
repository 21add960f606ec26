package console_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
)

// message is a server-sent event, as a browser takes it.
type message struct {
	name, data string
	lastID     string // which a client would resume with
}

// events reads a stream as the standard has it.
type events struct {
	resp    *http.Response
	scanner *bufio.Scanner
	lastID  string
	beats   int
}

// open opens a stream. The caller closes it.
func (b *bench) open(t *testing.T, query, lastID string) *events {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", b.url+"/api/v1/stream"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.viewer)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	return newEvents(resp)
}

func newEvents(resp *http.Response) *events {
	e := &events{resp: resp, scanner: bufio.NewScanner(resp.Body)}
	e.scanner.Buffer(nil, 1<<20)
	return e
}

func (e *events) close() { e.resp.Body.Close() }

// next returns the next message, or false at the end.
func (e *events) next() (m message, ok bool) {
	var data []string
	for e.scanner.Scan() {
		line := e.scanner.Text()
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if len(data) == 0 {
				m = message{}
				continue
			}
			m.data, m.lastID = strings.Join(data, "\n"), e.lastID
			return m, true
		case name == "":
			e.beats++
		case name == "id":
			e.lastID = value
		case name == "event":
			m.name = value
		case name == "data":
			data = append(data, value)
		}
	}
	return message{}, false
}

// awaitProgress reads until the client knows where to resume.
func (e *events) awaitProgress(t *testing.T) {
	t.Helper()
	for e.lastID == "" && e.scanner.Scan() {
		if name, value, _ := strings.Cut(e.scanner.Text(), ": "); name == "id" {
			e.lastID = value
		}
	}
}

// want takes the next message, which has to be a line.
func (e *events) want(t *testing.T, line string) {
	t.Helper()
	m, ok := e.next()
	if !ok || m.name != "" || m.data != line {
		t.Fatalf("%+v %t, want %s", m, ok, line)
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	_, before := call(0)
	b.append(t, before)
	size := b.journal.Size()

	s := b.open(t, "?principal=installer-1", "")
	defer s.close()
	if e := b.last(t); e.Action != "stream_opened" || e.Detail != "principal=installer-1" || e.Principal != "token:soc" {
		t.Errorf("recorded %+v", e)
	}
	s.awaitProgress(t)
	if s.lastID != strconv.FormatUint(size-1, 10) {
		t.Errorf("resumes behind %s, want %d", s.lastID, size-1)
	}
	for i := range 7 {
		intent, outcome := call(i)
		lines := b.append(t, intent, outcome)
		if i%3 == 1 {
			s.want(t, lines[1])
		}
	}
	if got := b.journal.Size(); got != size+1+14 {
		t.Errorf("%d records for one stream", got-size-14)
	}
	all := b.open(t, "?after=-1&also=intent,verdict", "")
	defer all.close()
	n := uint64(0)
	for line, err := range b.journal.Read(0) {
		if err != nil {
			t.Fatal(err)
		}
		all.want(t, string(line.Bytes))
		if all.lastID != strconv.FormatUint(n, 10) {
			t.Fatalf("id %s of entry %d", all.lastID, n)
		}
		n++
	}
	// What the page above is named by stands above the address.
	resumed := b.open(t, "?after=-1&kind=outcome", strconv.FormatUint(n-1, 10))
	defer resumed.close()
	_, last := call(99)
	resumed.want(t, b.append(t, last)[0])
}

// A client that is cut off again and again, at any place, misses nothing and gets
// nothing twice, while the log grows, and whatever its filter.
func TestResume(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, query string
		match       func(*audit.Event) bool
	}{
		{"all", "?also=intent,verdict", func(*audit.Event) bool { return true }},
		{"one in three", "?principal=installer-2&kind=outcome", func(e *audit.Event) bool { return e.Principal == "installer-2" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const total = 10_000
			b := start(t, options{still: true})
			s := b.open(t, tt.query, "")
			defer func() { s.close() }()
			s.awaitProgress(t)
			first, err := strconv.ParseUint(s.lastID, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			written := make(chan error, 1)
			go func() {
				for i := range total {
					_, outcome := call(i)
					if i%100 != 99 {
						b.journal.Record(&outcome)
					} else if _, err := b.journal.Append(t.Context(), &outcome); err != nil {
						written <- err
						return
					}
				}
				written <- nil
			}()
			var got []string
			for calls := 0; calls < total/3; {
				m, ok := s.next()
				if !ok || m.name != "" {
					t.Fatalf("%+v %t after %d", m, ok, len(got))
				}
				got = append(got, m.data)
				if e, err := audit.ParseLine([]byte(m.data)); err != nil {
					t.Fatal(err)
				} else if e.Principal == "installer-2" {
					calls++
				}
				if len(got)%199 == 0 { // in the middle of what was sent
					s.close()
					id := s.lastID
					s = b.open(t, tt.query+"&after=0", id)
				}
			}
			if err := <-written; err != nil {
				t.Fatal(err)
			}
			var want []string
			for line, err := range b.journal.Read(first + 1) {
				if err != nil {
					t.Fatal(err)
				}
				if e, err := audit.ParseLine(line.Bytes); err != nil {
					t.Fatal(err)
				} else if tt.match(&e) {
					want = append(want, string(line.Bytes))
				}
				if len(want) == len(got) {
					break
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What a token may no longer see ends, with the place at which another goes on.
func TestStreamRevoked(t *testing.T) {
	t.Parallel()
	b := start(t, options{still: true})
	s := b.open(t, "?kind=outcome", "")
	defer s.close()
	_, outcome := call(1)
	line := b.append(t, outcome)[0]
	s.want(t, line)
	seen := s.lastID
	if err := b.tokens.Delete(t.Context(), "soc"); err != nil {
		t.Fatal(err)
	}
	if err := b.store.Reload(); err != nil {
		t.Fatal(err)
	}
	_, outcome = call(2)
	b.append(t, outcome)
	m, ok := s.next()
	if !ok || m.name != "end" || m.data != `{"reason":"revoked","after":`+seen+`}` {
		t.Fatalf("%+v %t", m, ok)
	}
	if m, ok := s.next(); ok {
		t.Errorf("%+v follows the end", m)
	}
}

func TestStreamShutdown(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	s := b.open(t, "?kind=finding", "")
	defer s.close()
	s.awaitProgress(t)
	b.console.Close()
	m, ok := s.next()
	if !ok || m.name != "end" || !strings.Contains(m.data, `"reason":"shutdown"`) {
		t.Fatalf("%+v %t", m, ok)
	}
	var end struct {
		After *uint64
	}
	if err := json.Unmarshal([]byte(m.data), &end); err != nil || end.After == nil || strconv.FormatUint(*end.After, 10) != s.lastID {
		t.Errorf("%s, last id %s, %v", m.data, s.lastID, err)
	}
}

// Streams are few, and no token takes those of the others.
func TestTooManyStreams(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	var open []*events
	for range 128 {
		open = append(open, b.open(t, "", ""))
	}
	r := b.get(t, "/api/v1/stream")
	if r.status != 503 || r.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", r.status, r.body)
	}
	checkHeader(t, "GET", r)
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "GET", b.url+"/api/v1/stream", nil)
	req.Header.Set("Authorization", "Bearer "+b.operator)
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("the other token: %v %v", resp, err)
	}
	cancel()
	resp.Body.Close()
	for _, s := range open {
		s.close()
	}
	for range 150 { // the server notices in its own time
		req, err := http.NewRequestWithContext(t.Context(), "GET", b.url+"/api/v1/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+b.viewer)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == 200 {
			return
		}
	}
	t.Error("the places of streams that have ended stay taken")
}

// A stream that is ended in the middle of what there is says so, and what it had
// not sent by then is not sent either.
func TestStreamShutdownInTheMiddle(t *testing.T) {
	t.Parallel()
	b := start(t, options{still: true})
	for i := range 1100 {
		_, outcome := call(i)
		b.journal.Record(&outcome)
	}
	_, outcome := call(1100)
	b.append(t, outcome)
	b.console.Close()
	s := b.open(t, "?after=-1", "")
	defer s.close()
	lastID := ""
	for {
		m, ok := s.next()
		if !ok {
			t.Fatal("no end")
		}
		if m.name == "end" {
			if want := `{"reason":"shutdown","after":` + lastID + `}`; m.data != want {
				t.Errorf("%s, want %s", m.data, want)
			}
			return
		}
		lastID = m.lastID
	}
}
