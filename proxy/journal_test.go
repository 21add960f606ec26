package proxy_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/proxy"
	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
)

// faultyJournal takes lines until it is told at which kind to fail, and how.
type faultyJournal struct {
	mu       sync.Mutex
	failing  audit.Kind
	err      error
	recorded []audit.Event // durable, or owed and written when it recovers
}

func (j *faultyJournal) fail(kind audit.Kind, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failing, j.err, j.recorded = kind, err, nil
}

func (j *faultyJournal) Append(_ context.Context, e *audit.Event) (journal.Commit, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil && e.Kind == j.failing {
		return journal.Commit{}, j.err
	}
	j.recorded = append(j.recorded, *e)
	return journal.Commit{Index: uint64(len(j.recorded))}, nil
}

func (j *faultyJournal) Settle(ctx context.Context, e *audit.Event) (journal.Commit, error) {
	return j.Append(ctx, e)
}

func (j *faultyJournal) Record(e *audit.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.recorded = append(j.recorded, *e)
}

func (j *faultyJournal) take() []audit.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.recorded
}

// Whatever the journal can't take, the caller does not get, and AWS is not asked without an intent.
func TestJournalFails(t *testing.T) {
	const (
		get  = "GET /connections/abc"
		post = "POST /connections"
	)
	unavailable := &journal.Unavailable{Reason: journal.ReasonDiskFull}
	tests := map[string]struct {
		call    string
		warm    bool // the answer is in the cache
		failing audit.Kind
		err     error
		status  int
		code    string
		aws     int      // calls
		owed    []string // what the log is owed all the same
	}{
		"hit, unavailable":           {get, true, audit.KindOutcome, unavailable, 503, "ServiceUnavailableException", 0, nil},
		"hit, too slow":              {get, true, audit.KindOutcome, journal.ErrTimeout, 503, "ServiceUnavailableException", 0, []string{"system answer_withheld"}},
		"intent, unavailable":        {get, false, audit.KindIntent, unavailable, 503, "ServiceUnavailableException", 0, []string{"outcome audit"}},
		"intent, too slow":           {get, false, audit.KindIntent, journal.ErrTimeout, 503, "ServiceUnavailableException", 0, []string{"outcome audit"}},
		"outcome of a read":          {get, false, audit.KindOutcome, journal.ErrTimeout, 503, "ServiceUnavailableException", 1, []string{"intent", "system answer_withheld"}},
		"intent of a write":          {post, false, audit.KindIntent, unavailable, 503, "ServiceUnavailableException", 0, []string{"outcome audit"}},
		"outcome of a write":         {post, false, audit.KindOutcome, journal.ErrTimeout, 409, "OutcomeNotRecordedException", 1, []string{"intent", "system answer_withheld"}},
		"outcome of a write, closed": {post, false, audit.KindOutcome, unavailable, 409, "OutcomeNotRecordedException", 1, []string{"intent"}},
		"refusal":                    {"GET /connections/a%00", false, audit.KindOutcome, unavailable, 503, "ServiceUnavailableException", 0, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			log, aws := &faultyJournal{}, &fixedAnswer{}
			listener := newPipeListener()
			defer serveHandler(t, listener, aws, log)()
			if tt.warm {
				if a := send(t, listener, tt.call); a.status != 200 {
					t.Fatalf("%+v", a)
				}
			}
			before := aws.calls
			log.fail(tt.failing, tt.err)
			a := send(t, listener, tt.call)
			if a.status != tt.status || a.header.Get("X-Amzn-Errortype") != tt.code || strings.Contains(a.body, "ServerPublicKey") {
				t.Errorf("%d %v %s, want %d %s", a.status, a.header, a.body, tt.status, tt.code)
			}
			// Only an outcome that is in the log is named by its place.
			inLog := len(tt.owed) == 1 && tt.owed[0] == "outcome audit" && tt.err != journal.ErrTimeout
			if (a.header.Get("X-Gatepost-Event-Index") != "") != inLog {
				t.Errorf("the answer names an entry: %v", a.header)
			}
			if (a.header.Get("Retry-After") != "") != (tt.status == 503) {
				t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
			}
			if n := aws.calls - before; n != tt.aws {
				t.Errorf("%d calls to AWS, want %d", n, tt.aws)
			}
			var owed []string
			for _, e := range log.take() {
				switch {
				case e.Kind == audit.KindSystem:
					owed = append(owed, "system "+e.Action)
				case e.Kind == audit.KindOutcome:
					owed = append(owed, "outcome "+string(e.ErrorClass))
				default:
					owed = append(owed, string(e.Kind))
				}
			}
			if fmt.Sprint(owed) != fmt.Sprint(tt.owed) {
				t.Errorf("the log got %v, want %v", owed, tt.owed)
			}
		})
	}
}

var _ proxy.Journal = (*faultyJournal)(nil)

type reply struct {
	status int
	header http.Header
	body   string
}

// send makes one signed call over a connection of its own.
func send(t *testing.T, listener *pipeListener, call string) reply {
	t.Helper()
	method, path, _ := strings.Cut(call, " ")
	body := ""
	if method == "POST" {
		body = "{}"
	}
	signed := sigv4.Request{Method: method, Path: path, Fields: []sigv4.Field{{Name: "Host", Value: "gatepost.test"}}, PayloadHash: sha256.Sum256([]byte(body))}
	added, err := sigv4.Sign(&signed, sigv4.Credentials{AccessKeyID: testKey, Secret: testSecret}, "us-west-2", "outposts", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var raw strings.Builder
	raw.WriteString(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: gatepost.test\r\nConnection: close\r\nContent-Length: %d\r\n", method, path, len(body)))
	for _, f := range added {
		raw.WriteString(f.Name + ": " + f.Value + "\r\n")
	}
	conn, err := listener.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go io.WriteString(conn, raw.String()+"\r\n"+body)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(b)}
}
