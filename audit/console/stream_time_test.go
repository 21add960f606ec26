package console_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/console"
	"github.com/gatepost-proxy/gatepost/audit/console/token"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// pipes is a listener whose connections hold nothing: a write waits for its
// reader, as to a client that does not read once all buffers are full.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// slowBench is a console in a bubble of time, over a real log.
type slowBench struct {
	*bench
	pipes *pipes
}

func startSlow(t *testing.T, log func(console.Log) console.Log) *slowBench {
	t.Helper()
	dir := t.TempDir()
	b := &slowBench{bench: &bench{}, pipes: &pipes{make(chan net.Conn), make(chan struct{})}}
	var err error
	b.journal, err = journal.Open(t.Context(), journal.Config{Dir: filepath.Join(dir, "audit"), Origin: "gatepost/test", CommitTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	b.tokens = token.File{Path: filepath.Join(dir, "tokens.yaml")}
	b.viewer = b.newToken(t, "soc", token.Viewer)
	if b.store, err = token.Open(b.tokens.Path, token.Options{}); err != nil {
		t.Fatal(err)
	}
	c := console.Config{Log: b.journal, Recorder: b.journal, Tokens: b.store, Hosts: []string{"gatepost", "example.com"}, Tiles: http.NotFoundHandler(), Metrics: http.NotFoundHandler()}
	if log != nil {
		c.Log = log(b.journal)
	}
	b.console = console.New(c)
	server := b.console.Server()
	go server.Serve(b.pipes)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		server.Shutdown(ctx)
		b.journal.Close(ctx)
	})
	return b
}

// dial opens a stream, and returns the connection with what reads it.
func (b *slowBench) dial(t *testing.T, query string) (net.Conn, *events) {
	t.Helper()
	client, server := net.Pipe()
	b.pipes.conns <- server
	if _, err := fmt.Fprintf(client, "GET /api/v1/stream%s HTTP/1.1\r\nHost: gatepost\r\nAuthorization: Bearer %s\r\n\r\n", query, b.viewer); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(client, 16), nil)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v %v", resp, err)
	}
	return client, newEvents(resp)
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startSlow(t, nil)
		client, s := b.dial(t, "?kind=finding")
		defer client.Close()
		s.awaitProgress(t)
		first := s.lastID
		began := time.Now()
		_, outcome := call(1)
		b.append(t, outcome) // of which the filter says nothing
		for range 10 {
			beats := s.beats
			for s.beats == beats && s.scanner.Scan() {
				if strings.HasPrefix(s.scanner.Text(), ":") {
					s.beats++
				}
			}
			s.lastID = ""
			s.awaitProgress(t)
		}
		if took := time.Since(began); took < 149*time.Second || took > 151*time.Second {
			t.Errorf("10 heartbeats in %v", took)
		}
		if s.lastID == first || s.lastID == "" {
			t.Errorf("heartbeats tell no progress behind %s", first)
		}
	})
}

// A client that reads too slowly is told where to go on, and what it was sent
// until then and what it gets from there are everything.
func TestSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startSlow(t, nil)
		var want []string
		for i := range 500 {
			_, outcome := call(i)
			want = append(want, b.append(t, outcome)...)
		}
		var got []string
		query := "?kind=outcome&after=-1"
		rounds := 0
		for len(got) < len(want) {
			client, s := b.dial(t, query)
			for {
				if len(got)%300 == 150 {
					time.Sleep(12 * time.Second) // longer than a write should take, shorter than it may
				}
				m, ok := s.next()
				if !ok {
					t.Fatalf("no end after %d", len(got))
				}
				if m.name == "end" {
					if want := `{"reason":"slow","after":` + s.lastID + `}`; m.data != want {
						t.Fatalf("%s, want %s", m.data, want)
					}
					rounds++
					query = "?kind=outcome&after=" + s.lastID
					break
				}
				if got = append(got, m.data); len(got) == len(want) {
					break
				}
			}
			client.Close()
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("line %d is %s, want %s", i, got[i], want[i])
			}
		}
		if rounds == 0 {
			t.Error("no client was slow")
		}
	})
}

// A client that does not read at all holds a stream for so long, and no longer.
func TestStuckClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startSlow(t, nil)
		for i := range 500 {
			_, outcome := call(i)
			b.append(t, outcome)
		}
		began := time.Now()
		client, _ := b.dial(t, "?after=-1")
		defer client.Close()
		time.Sleep(29 * time.Second)
		if _, err := client.Read(make([]byte, 1)); err != nil {
			t.Errorf("cut off after %v: %v", time.Since(began), err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		// What was on its way may still be read; then there is an end.
		client.SetReadDeadline(time.Now().Add(time.Second))
		var err error
		for n := 0; err == nil && n < 1<<20; n++ {
			_, err = client.Read(make([]byte, 1024))
		}
		if netErr, ok := err.(net.Error); err == nil || ok && netErr.Timeout() {
			t.Errorf("the stream goes on after %v: %v", time.Since(began), err)
		}
	})
}

// growing is a log that grows whenever somebody has just read to its end, a few
// times.
type growing struct {
	console.Log

	mu    sync.Mutex // guards what follows, and is held while the log grows
	grow  func() string
	left  int
	grown []string
}

func (g *growing) lines() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.grown
}

func (g *growing) Read(from uint64) iter.Seq2[journal.Line, error] {
	return func(yield func(journal.Line, error) bool) {
		for line, err := range g.Log.Read(from) {
			if !yield(line, err) {
				return
			}
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.left--; g.left >= 0 {
			g.grown = append(g.grown, g.grow())
		}
	}
}

// Events come at once, also those that are added between the end of a reading and
// the wait for more.
func TestPrompt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b *slowBench
		var log *growing
		b = startSlow(t, func(inner console.Log) console.Log {
			log = &growing{Log: inner, left: 5, grow: func() string {
				_, outcome := call(0)
				return b.append(t, outcome)[0]
			}}
			return log
		})
		client, s := b.dial(t, "?kind=outcome")
		defer client.Close()
		began := time.Now()
		for i := range 5 {
			m, ok := s.next()
			if want := log.lines()[i]; !ok || m.data != want {
				t.Fatalf("%+v %t, want %s", m, ok, want)
			}
		}
		_, outcome := call(99)
		s.want(t, b.append(t, outcome)[0])
		if took := time.Since(began); took > time.Second {
			t.Errorf("that took %v", took)
		}
	})
}

// Who looks on is sent the newest of what comes together, and told what is left
// out; whatever does not come together is all there.
func TestNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startSlow(t, nil)
		add := func(n int) (lines []string) {
			for i := range n {
				_, outcome := call(i)
				lines = append(lines, b.append(t, outcome)...)
			}
			return lines
		}
		before := add(20) // behind the journal's own first line
		client, s := b.dial(t, "?after=3&kind=outcome&newest=5")
		defer client.Close()
		wantSkipped := func(data, lastID string) {
			t.Helper()
			if m, ok := s.next(); !ok || m.name != "skipped" || m.data != data || m.lastID != lastID {
				t.Fatalf("%+v %t, want %s", m, ok, data)
			}
		}
		wantSkipped(`{"first":4,"last":15,"count":12}`, "15")
		for _, line := range before[15:] {
			s.want(t, line)
		}
		time.Sleep(time.Second)
		began := time.Now()
		first := b.journal.Size()
		slow := add(1)
		s.want(t, slow[0])
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("an entry comes after %v", took)
		}
		fast := add(40)
		wantSkipped(fmt.Sprintf(`{"first":%d,"last":%d,"count":35}`, first+1, first+35), fmt.Sprint(first+35))
		for _, line := range fast[35:] {
			s.want(t, line)
		}
		if took := time.Since(began); took < 250*time.Millisecond {
			t.Errorf("the next come after %v", took)
		}
		for range 10 {
			time.Sleep(time.Second)
			for _, line := range add(5) {
				s.want(t, line)
			}
		}
	})
}

// lossy is a log from which entries were removed.
type lossy struct{ console.Log }

func (l lossy) Read(from uint64) iter.Seq2[journal.Line, error] {
	return func(yield func(journal.Line, error) bool) {
		if from <= 3 {
			if !yield(journal.Line{}, &journal.MissingError{Range: journal.Range{First: from, Last: 3}}) {
				return
			}
			from = 4
		}
		for line, err := range l.Log.Read(from) {
			if line.Index == 6 {
				yield(journal.Line{}, &journal.CorruptError{File: "segment", Index: 6, Err: errors.New("bit rot")})
				return
			}
			if !yield(line, err) {
				return
			}
		}
	}
}

// What is no longer there is told of, and what cannot be read ends the stream
// behind what can.
func TestGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startSlow(t, func(log console.Log) console.Log { return lossy{log} })
		var lines []string
		for i := range 10 {
			_, outcome := call(i)
			lines = append(lines, b.append(t, outcome)...)
		}
		client, s := b.dial(t, "?after=1&kind=outcome")
		defer client.Close()
		m, ok := s.next()
		if !ok || m.name != "gap" || m.data != `{"first":2,"last":3}` || m.lastID != "3" {
			t.Fatalf("%+v %t", m, ok)
		}
		s.want(t, lines[3]) // behind the journal's own first line
		s.want(t, lines[4])
		if m, ok := s.next(); !ok || m.name != "end" || m.data != `{"reason":"unreadable","after":5}` {
			t.Fatalf("%+v %t", m, ok)
		}
	})
}

// No token can fill the log by reading it, and none is held up by another.
func TestTooManyRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startSlow(t, nil)
		other := b.newToken(t, "other", token.Viewer)
		if err := b.store.Reload(); err != nil {
			t.Fatal(err)
		}
		ask := func(bearer string) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/tile/entries/000", nil)
			r.Header.Set("Authorization", "Bearer "+bearer)
			w := httptest.NewRecorder()
			b.console.ServeHTTP(w, r)
			return w
		}
		before := b.journal.Size()
		for i := range 300 {
			w := ask(b.viewer)
			want := http.StatusNotFound // there are no tiles here, which is worth a record too
			if i >= 200 {
				want = http.StatusTooManyRequests
			}
			if w.Code != want || (w.Header().Get("Retry-After") != "") != (i >= 200) {
				t.Fatalf("request %d: %d %v", i, w.Code, w.Header())
			}
		}
		if got := b.journal.Size() - before; got != 200 {
			t.Errorf("%d records", got)
		}
		if w := ask(other); w.Code != http.StatusNotFound {
			t.Errorf("the other token: %d", w.Code)
		}
		time.Sleep(time.Second)
		for i := range 21 {
			if w := ask(b.viewer); (w.Code == http.StatusNotFound) != (i < 20) {
				t.Errorf("request %d a second later: %d", i, w.Code)
			}
		}
	})
}
