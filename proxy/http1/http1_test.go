package http1_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/proxy/http1"
)

// echo answers with what it was given and remembers what was refused or dropped.
type echo struct {
	mu      sync.Mutex
	served  int
	refused []http1.Reason
	dropped []http1.Reason
	hold    chan struct{} // when set, Serve waits for it
	started chan struct{} // when set, hears of each Serve
}

func (e *echo) Serve(w *http1.Response, r *http1.Request) {
	e.mu.Lock()
	e.served++
	e.mu.Unlock()
	if e.started != nil {
		e.started <- struct{}{}
	}
	if e.hold != nil {
		<-e.hold
	}
	w.Status = 200
	w.Set("X-Split", "a\r\nEvil: 1")
	w.Body = fmt.Appendf(nil, "%s|%s|%s|%d|%s", r.Method, r.Path, r.Query, len(r.Fields), r.Body)
}

func (e *echo) Refuse(w *http1.Response, _ *http1.Request, refusal http1.Refusal) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refused = append(e.refused, refusal.Reason)
	w.Status, w.Body = refusal.Status, []byte(refusal.Reason)
}

func (e *echo) Dropped(_ netip.AddrPort, reason http1.Reason) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dropped = append(e.dropped, reason)
}

func start(t *testing.T, e *echo, change func(*http1.Server)) (addr string, srv *http1.Server) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv = &http1.Server{
		Handler: e, HeaderTimeout: 5 * time.Second, RequestTimeout: 5 * time.Second, IdleTimeout: 5 * time.Second, MaxConns: 100,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	if change != nil {
		change(srv)
	}
	done := make(chan error)
	go func() { done <- srv.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-done; !errors.Is(err, http1.ErrServerClosed) {
			t.Errorf("Serve returned %v", err)
		}
	})
	return ln.Addr().String(), srv
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

type answer struct {
	status int
	body   string
	close  bool
}

// exchange sends raw bytes and reads every answer until the server closes, or as many as wanted.
func exchange(t *testing.T, addr, raw string, want int) (answers []answer, closed bool) {
	t.Helper()
	c := dial(t, addr)
	go io.WriteString(c, raw)
	br := bufio.NewReader(c)
	method, _, _ := strings.Cut(raw, " ")
	for len(answers) < want {
		resp, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			return answers, true
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode == 100 {
			answers = append(answers, answer{status: 100})
			continue
		}
		answers = append(answers, answer{resp.StatusCode, string(body), resp.Close})
	}
	if len(answers) > 0 && answers[len(answers)-1].close {
		_, err := br.ReadByte()
		return answers, err != nil
	}
	return answers, false
}

func TestAccepts(t *testing.T) {
	e := &echo{}
	addr, _ := start(t, e, nil)
	const host = "Host: h\r\n"
	long := strings.Repeat("a", 3000)
	tests := map[string]struct {
		raw  string
		want []string
	}{
		"get":                     {"GET /a%2Fb?x=1 HTTP/1.1\r\n" + host + "\r\n", []string{"GET|/a%2Fb|x=1|1|"}},
		"post":                    {"POST /c HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nabc", []string{"POST|/c||2|abc"}},
		"post without length":     {"POST /c HTTP/1.1\r\n" + host + "\r\n", []string{"POST|/c||1|"}},
		"delete with length zero": {"DELETE /c HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n", []string{"DELETE|/c||2|"}},
		"pipelined": {"POST /1 HTTP/1.1\r\n" + host + "Content-Length: 2\r\n\r\nxyGET /2 HTTP/1.1\r\n" + host + "\r\nGET /3 HTTP/1.1\r\n" + host + "\r\n",
			[]string{"POST|/1||2|xy", "GET|/2||1|", "GET|/3||1|"}},
		"long target":             {"GET /" + long + " HTTP/1.1\r\n" + host + "\r\n", []string{"GET|/" + long + "||1|"}},
		"underscore name":         {"GET / HTTP/1.1\r\n" + host + "X_Amz_Date: 1\r\n\r\n", []string{"GET|/||2|"}},
		"keep-alive and close":    {"GET / HTTP/1.1\r\n" + host + "Connection: keep-alive, close\r\n\r\n", []string{"GET|/||2|"}},
		"obs-text in a value":     {"GET / HTTP/1.1\r\n" + host + "User-Agent: \xff\xfe\r\n\r\n", []string{"GET|/||2|"}},
		"64 fields":               {"GET / HTTP/1.1\r\n" + host + strings.Repeat("A: b\r\n", 63) + "\r\n", []string{"GET|/||64|"}},
		"head of 16 KiB":          {"GET / HTTP/1.1\r\n" + host + "A: " + strings.Repeat("b", http1.MaxHead-32) + "\r\n\r\n", []string{"GET|/||2|"}},
		"empty value and padding": {"GET / HTTP/1.1\r\n" + host + "A:\r\nB: \t x \t\r\n\r\n", []string{"GET|/||3|"}},
		"empty query":             {"GET /? HTTP/1.1\r\n" + host + "\r\n", []string{"GET|/||1|"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			answers, _ := exchange(t, addr, tt.raw, len(tt.want))
			if len(answers) != len(tt.want) {
				t.Fatalf("%d answers, want %d", len(answers), len(tt.want))
			}
			for i, a := range answers {
				if a.status != 200 || a.body != tt.want[i] {
					t.Errorf("answer %d = %d %q, want 200 %q", i, a.status, a.body, tt.want[i])
				}
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	const host = "Host: h\r\n"
	const second = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
	tests := map[string]struct {
		raw    string
		status int
		reason http1.Reason
	}{
		"two lengths":              {"POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400, http1.ReasonContentLength},
		"two equal lengths":        {"POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400, http1.ReasonContentLength},
		"list of lengths":          {"POST / HTTP/1.1\r\n" + host + "Content-Length: 3, 3\r\n\r\nabc", 400, http1.ReasonContentLength},
		"signed length":            {"POST / HTTP/1.1\r\n" + host + "Content-Length: +3\r\n\r\nabc", 400, http1.ReasonContentLength},
		"hexadecimal length":       {"POST / HTTP/1.1\r\n" + host + "Content-Length: 0x3\r\n\r\nabc", 400, http1.ReasonContentLength},
		"length beyond 64 bits":    {"POST / HTTP/1.1\r\n" + host + "Content-Length: 18446744073709551619\r\n\r\nabc", 413, http1.ReasonBodyTooLarge},
		"length and chunked":       {"POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, http1.ReasonTransferCoding},
		"chunked":                  {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, http1.ReasonTransferCoding},
		"chunk extension, bare LF": {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n3;a=b\nabc\r\n0\r\n\r\n", 400, http1.ReasonTransferCoding},
		"identity":                 {"POST / HTTP/1.1\r\n" + host + "transfer-encoding: identity\r\n\r\n", 400, http1.ReasonTransferCoding},
		"trailer":                  {"POST / HTTP/1.1\r\n" + host + "Trailer: Authorization\r\n\r\n", 400, http1.ReasonTransferCoding},
		"space before colon":       {"POST / HTTP/1.1\r\n" + host + "Content-Length : 3\r\n\r\nabc", 400, http1.ReasonField},
		"bare LF throughout":       {"GET / HTTP/1.1\nHost: h\n\n", 400, http1.ReasonLineEnding},
		"bare LF in one field":     {"GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n", 400, http1.ReasonLineEnding},
		"bare LF ends the head":    {"GET / HTTP/1.1\r\nHost: h\r\n\n", 400, http1.ReasonLineEnding},
		"bare CR in a value":       {"GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n", 400, http1.ReasonField},
		"NUL in a value":           {"GET / HTTP/1.1\r\nHost: h\r\nA: b\x00c\r\n\r\n", 400, http1.ReasonField},
		"ESC in a value":           {"GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: \x1b[31m\r\n\r\n", 400, http1.ReasonField},
		"folded line":              {"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", 400, http1.ReasonField},
		"no colon":                 {"GET / HTTP/1.1\r\nHost: h\r\nA\r\n\r\n", 400, http1.ReasonField},
		"empty name":               {"GET / HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n", 400, http1.ReasonField},
		"leading empty line":       {"\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400, http1.ReasonLineEnding},
		"two hosts":                {"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400, http1.ReasonHost},
		"no host":                  {"GET / HTTP/1.1\r\nA: b\r\n\r\n", 400, http1.ReasonHost},
		"empty host":               {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, http1.ReasonHost},
		"HTTP/1.0 without host":    {"GET / HTTP/1.0\r\n\r\n", 400, http1.ReasonVersion},
		"HTTP/1.0":                 {"GET / HTTP/1.0\r\n" + host + "\r\n", 400, http1.ReasonVersion},
		"HTTP/2 preface":           {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, http1.ReasonMethod},
		"HTTP/0.9":                 {"GET /\r\n\r\n", 400, http1.ReasonRequestLine},
		"two spaces":               {"GET  / HTTP/1.1\r\n" + host + "\r\n", 400, http1.ReasonVersion},
		"lower-case get":           {"get / HTTP/1.1\r\n" + host + "\r\n", 400, http1.ReasonMethod},
		"unknown method":           {"BREW / HTTP/1.1\r\n" + host + "\r\n", 400, http1.ReasonMethod},
		"method of 8 KiB":          {strings.Repeat("A", 8<<10) + " / HTTP/1.1\r\n" + host + "\r\n", 400, http1.ReasonMethod},
		"HEAD":                     {"HEAD / HTTP/1.1\r\n" + host + "\r\n", 405, http1.ReasonMethod},
		"TRACE":                    {"TRACE / HTTP/1.1\r\n" + host + "\r\n", 405, http1.ReasonMethod},
		"CONNECT":                  {"CONNECT h:443 HTTP/1.1\r\n" + host + "\r\n", 405, http1.ReasonMethod},
		"OPTIONS *":                {"OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 405, http1.ReasonMethod},
		"absolute form":            {"GET http://evil/ HTTP/1.1\r\n" + host + "\r\n", 400, http1.ReasonTarget},
		"fragment":                 {"GET /a#b HTTP/1.1\r\n" + host + "\r\n", 400, http1.ReasonTarget},
		"raw 0xFF in the target":   {"GET /\xff HTTP/1.1\r\n" + host + "\r\n", 400, http1.ReasonTarget},
		"backslash in the target":  {"GET /a\\b HTTP/1.1\r\n" + host + "\r\n", 400, http1.ReasonTarget},
		"upgrade to h2c":           {"GET / HTTP/1.1\r\n" + host + "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 400, http1.ReasonConnection},
		"upgrade alone":            {"GET / HTTP/1.1\r\n" + host + "Upgrade: websocket\r\n\r\n", 400, http1.ReasonUpgrade},
		"connection names a field": {"GET / HTTP/1.1\r\n" + host + "Connection: close, Authorization\r\n\r\n", 400, http1.ReasonConnection},
		"expect something else":    {"POST / HTTP/1.1\r\n" + host + "Expect: 200-ok\r\nContent-Length: 1\r\n\r\n", 417, http1.ReasonExpect},
		"expect and too large":     {"POST / HTTP/1.1\r\n" + host + "Expect: 100-continue\r\nContent-Length: 65537\r\n\r\n", 413, http1.ReasonBodyTooLarge},
		"get with a body":          {"GET / HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nabc", 400, http1.ReasonUnexpectedBody},
		"65 fields":                {"GET / HTTP/1.1\r\n" + host + strings.Repeat("A: b\r\n", 64) + "\r\n", 431, http1.ReasonTooManyFields},
		"20,000 small fields":      {"GET / HTTP/1.1\r\n" + host + strings.Repeat("A: b\r\n", 20000) + "\r\n", 431, http1.ReasonHeadTooLarge},
		"a field of 1 MiB":         {"GET / HTTP/1.1\r\n" + host + "User-Agent: " + strings.Repeat("b", 1<<20) + "\r\n\r\n", 431, http1.ReasonHeadTooLarge},
		"TLS hello":                {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, http1.ReasonLineEnding},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := &echo{}
			addr, _ := start(t, e, nil)
			answers, closed := exchange(t, addr, tt.raw+second, 2)
			if len(answers) != 1 || !closed {
				t.Fatalf("answers %+v, closed %v: want one, then the end", answers, closed)
			}
			want := string(tt.reason)
			if strings.HasPrefix(tt.raw, "HEAD") {
				want = ""
			}
			if answers[0].status != tt.status || answers[0].body != want && tt.status != 405 {
				t.Errorf("%d %q, want %d %q", answers[0].status, answers[0].body, tt.status, tt.reason)
			}
			e.mu.Lock()
			defer e.mu.Unlock()
			if e.served != 0 || len(e.refused) != 1 || e.refused[0] != tt.reason {
				t.Errorf("served %d, refused %v", e.served, e.refused)
			}
		})
	}
}

func TestExpectContinue(t *testing.T) {
	addr, _ := start(t, &echo{}, nil)
	c := dial(t, addr)
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	br := bufio.NewReader(c)
	line, err := br.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("%q, %v", line, err)
	}
	br.ReadString('\n')
	io.WriteString(c, "ok")
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
}

func TestAnswerCannotBeSplit(t *testing.T) {
	addr, _ := start(t, &echo{}, nil)
	resp, err := http.Get("http://" + addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("X-Split"); got != "a  Evil: 1" || resp.Header.Get("Evil") != "" {
		t.Errorf("X-Split = %q, Evil = %q", got, resp.Header.Get("Evil"))
	}
	if _, err := http.ParseTime(resp.Header.Get("Date")); err != nil {
		t.Errorf("Date: %v", err)
	}
}

// A request that arrives byte by byte is the same request.
func TestArrivesInPieces(t *testing.T) {
	addr, _ := start(t, &echo{}, nil)
	c := dial(t, addr)
	go func() {
		for _, b := range []byte("POST /p?q HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbodyGET /2 HTTP/1.1\r\nHost: h\r\n\r\n") {
			c.Write([]byte{b})
		}
	}()
	br := bufio.NewReader(c)
	for _, want := range []string{"POST|/p|q|2|body", "GET|/2||1|"} {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(resp.Body); string(body) != want {
			t.Errorf("%q, want %q", body, want)
		}
	}
}

func TestTimeLimits(t *testing.T) {
	short := func(s *http1.Server) {
		s.HeaderTimeout, s.RequestTimeout, s.IdleTimeout = 50*time.Millisecond, 100*time.Millisecond, 50*time.Millisecond
	}
	tests := map[string]struct {
		raw    string
		status int // 0: closed without a word
	}{
		"nothing":   {"", 0},
		"half head": {"GET / HTTP/1.1\r\nHost:", 408},
		"half body": {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc", 408},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			addr, _ := start(t, &echo{}, short)
			answers, closed := exchange(t, addr, tt.raw, 2)
			switch {
			case !closed:
				t.Error("left open")
			case tt.status == 0 && len(answers) != 0, tt.status != 0 && (len(answers) != 1 || answers[0].status != tt.status):
				t.Errorf("answers %+v, want %d", answers, tt.status)
			}
		})
	}
	t.Run("idle after an answer", func(t *testing.T) {
		addr, _ := start(t, &echo{}, short)
		answers, closed := exchange(t, addr, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 2)
		if len(answers) != 1 || !closed {
			t.Errorf("answers %+v, closed %v", answers, closed)
		}
	})
}

// Idle and dripping connections, however many, make room for whoever comes.
func TestMakesRoom(t *testing.T) {
	const limit = 8
	addr, srv := start(t, &echo{}, func(s *http1.Server) { s.MaxConns = limit })
	for i := range 3 * limit {
		c := dial(t, addr)
		if i%2 == 0 {
			io.WriteString(c, "GET / HT")
		}
	}
	answers, _ := exchange(t, addr, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 1)
	if len(answers) != 1 || answers[0].status != 200 {
		t.Errorf("answers %+v", answers)
	}
	if n := srv.Conns(); n > limit {
		t.Errorf("%d connections, limit %d", n, limit)
	}
}

// Shutdown lets the answer in the making go out, and takes the connection that only waits.
func TestShutdown(t *testing.T) {
	e := &echo{hold: make(chan struct{}), started: make(chan struct{}, 1)}
	addr, srv := start(t, e, nil)
	idle := dial(t, addr)
	busy := dial(t, addr)
	io.WriteString(busy, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	<-e.started
	stopped := make(chan error)
	go func() { stopped <- srv.Shutdown(t.Context()) }()
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Error("idle connection got bytes")
	}
	close(e.hold)
	resp, err := http.ReadResponse(bufio.NewReader(busy), nil)
	if err != nil || resp.StatusCode != 200 || !resp.Close {
		t.Fatalf("%v, %v", resp, err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("still accepting")
	}
}

func FuzzServer(f *testing.F) {
	f.Add("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	f.Add("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: h\r\n\r\n")
	f.Add("GET / HTTP/1.1\nHost: h\n\n")
	f.Fuzz(func(t *testing.T, raw string) {
		// What passes here has one reading: net/http, which is laxer, must agree with it on everything.
		method, path, query, fields, body, ok := http1.ParseForTest(raw)
		if !ok {
			return
		}
		req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			if strings.Contains(err.Error(), "invalid URL escape") || strings.Contains(err.Error(), "parse ") {
				t.Skip("net/url is stricter about percent signs, which are judged later here")
			}
			t.Fatalf("net/http refuses what passed: %v", err)
		}
		got, err := io.ReadAll(req.Body)
		if err != nil {
			t.Fatal(err)
		}
		if req.Method != method || string(got) != body || req.Host == "" && fields > 0 {
			t.Errorf("net/http reads %s %q, here %s %q", req.Method, got, method, body)
		}
		if target, _, _ := strings.Cut(req.RequestURI, "?"); target != path {
			t.Errorf("path %q, here %q", target, path)
		}
		if _, q, _ := strings.Cut(req.RequestURI, "?"); q != query {
			t.Errorf("query %q, here %q", q, query)
		}
	})
}
