package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/console/token"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// What is read from a running gatepost is what is read from its log's directory.
func TestAuditFromServer(t *testing.T) {
	dir := t.TempDir()
	tokens := token.File{Path: filepath.Join(dir, "tokens.yaml")}
	secrets := map[token.Role]string{}
	for _, role := range []token.Role{token.Viewer, token.Operator} {
		text, err := tokens.New(t.Context(), token.Info{Name: string(role), Role: role})
		if err != nil {
			t.Fatal(err)
		}
		secrets[role] = text
	}
	tokenFile := filepath.Join(dir, "soc.token")
	if err := os.WriteFile(tokenFile, []byte(secrets[token.Viewer]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := startGate(t, gateOptions{config: map[string]any{"admin": map[string]any{"tokens_file": tokens.Path}}})
	miss := g.Call(t, "GET", "/connections/"+plainConnection, "")
	hit := g.Call(t, "GET", "/connections/"+plainConnection, "")
	refused := g.Send(t, "GET", "/connections/"+plainConnection, "", g.SignAs(t, callerKey, "another-secret-that-is-0123456789abcdefghij", "GET", "/connections/"+plainConnection, ""))
	if err := g.Stop(t); err != nil {
		t.Fatal(err)
	}
	missID, hitID, refusedID := miss.header.Get("X-Gatepost-Event-Id"), hit.header.Get("X-Gatepost-Event-Id"), refused.header.Get("X-Gatepost-Event-Id")
	amazonID := miss.header.Get("x-amzn-RequestId")

	// What correlation would say.
	log, err := journal.Open(t.Context(), journal.Config{Dir: g.logDir(), Origin: originOf(t, g), CommitTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	verdict, bypass := audit.NewID(now), audit.NewID(now)
	for _, e := range []audit.Event{
		{ID: audit.NewID(now), Kind: audit.KindVerdict, Time: now, Of: missID, State: "late"},
		{ID: verdict, Kind: audit.KindVerdict, Time: now, Of: missID, State: "missing", Evidence: "request_id"},
		{ID: bypass, Kind: audit.KindFinding, Time: now, State: "bypass", CloudTrailEventID: "ct-1", Operation: "GetConnection", Attempts: []audit.Attempt{{RequestID: "5f0c9a3e-1111-4222-8333-944455556666"}}},
		{ID: audit.NewID(now), Kind: audit.KindFinding, Time: now, State: "known_direct", CloudTrailEventID: "ct-2"},
	} {
		if _, err := log.Append(t.Context(), &e); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.Start(t)
	waitFor(t, "the index", func() bool {
		out, _ := command(t, "audit", "query", "--kind", "finding", "--q", "ct-2", "--server", g.Admin(), "--token-file", tokenFile)
		return strings.Contains(out, "known_direct")
	})

	both := func(t *testing.T, args ...string) string {
		t.Helper()
		local, code := command(t, append(args, "-d", g.logDir())...)
		if code != 0 {
			t.Fatalf("from the directory: %d %s", code, local)
		}
		remote, code := command(t, append(args, "--server", g.Admin(), "--token-file", tokenFile)...)
		if code != 0 {
			t.Fatalf("from the server: %d %s", code, remote)
		}
		if diff := cmp.Diff(local, remote); diff != "" {
			t.Errorf("(-directory +server):\n%s", diff)
		}
		return remote
	}
	for _, tt := range []struct {
		filter string
		want   []string // ids, newest first
	}{
		{"--kind outcome", []string{refusedID, hitID, missID}},
		{"--kind outcome --limit 2", []string{refusedID, hitID}},
		{"--kind outcome --limit 0", []string{refusedID, hitID, missID}},
		{"--state derived", []string{hitID}},
		{"--state not_applicable", []string{refusedID}},
		{"--state missing", []string{missID}},
		{"--state missing --also intent,verdict", []string{verdict, missID, missID}},
		{"--principal installer-fra1 --also intent", []string{hitID, missID, missID}},
		{"--decision deny --cache none --error-class signature --region us-west-2", []string{refusedID}},
		{"--request-id " + amazonID, []string{hitID, missID}},
		{"--kind verdict --since 2020-01-01 --until 2100-01-01 --limit 1", []string{verdict}},
		{"--kind finding --q ct-1", []string{bypass}},
	} {
		t.Run("query "+tt.filter, func(t *testing.T) {
			var ids []string
			for line := range strings.Lines(both(t, append(strings.Fields("audit query -o json"), strings.Fields(tt.filter)...)...)) {
				e, err := audit.ParseLine([]byte(strings.TrimSpace(line)))
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, e.ID)
			}
			if diff := cmp.Diff(tt.want, ids); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			both(t, append(strings.Fields("audit query"), strings.Fields(tt.filter)...)...)
		})
	}
	for _, name := range []string{missID, hitID, refusedID, verdict, bypass, amazonID, "5f0c9a3e-1111-4222-8333-944455556666", miss.header.Get("X-Gatepost-Event-Index")} {
		t.Run("show "+name, func(t *testing.T) {
			both(t, "audit", "show", name, "-o", "json")
			both(t, "audit", "show", name)
		})
	}
	if out := both(t, "audit", "tail", "--kind", "outcome", "-n", "2", "-o", "json"); strings.Count(out, "\n") != 2 || !strings.Contains(out, refusedID) {
		t.Errorf("tail: %s", out)
	}
	for _, flags := range []string{"", "--state known_direct", "--state missing", "--acknowledged false", "--acknowledged true", "--limit 1", "--until 2020-01-01"} {
		t.Run("findings "+flags, func(t *testing.T) {
			both(t, append(strings.Fields("audit findings -o json"), strings.Fields(flags)...)...)
			both(t, append(strings.Fields("audit findings"), strings.Fields(flags)...)...)
		})
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.Admin()+"/api/v1/findings/"+verdict+"/acknowledge", strings.NewReader(`{"note":"CloudTrail was down"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+secrets[token.Operator])
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("acknowledge: %s", resp.Status)
	}
	if out := both(t, "audit", "findings", "--acknowledged", "true"); !strings.Contains(out, "by token:operator at ") || !strings.Contains(out, "CloudTrail was down") || !strings.Contains(out, verdict) || strings.Contains(out, bypass) {
		t.Errorf("acknowledged:\n%s", out)
	}
	if out := both(t, "audit", "findings", "--acknowledged", "false"); strings.Contains(out, verdict) || !strings.Contains(out, bypass) {
		t.Errorf("not acknowledged:\n%s", out)
	}

	for _, tt := range []struct {
		name, want string
		code       int
		env, args  []string
	}{
		{"token of the environment", "", 0, []string{"GATEPOST_TOKEN=" + secrets[token.Viewer]}, []string{"query", "--server", g.Admin(), "--kind", "outcome"}},
		{"no token", "401", 2, nil, []string{"query", "--server", g.Admin()}},
		{"another's token", "401", 2, []string{"GATEPOST_TOKEN=gpt_0123456789012345678901234567890123456789012"}, []string{"tail", "-f", "--server", g.Admin()}},
		{"no such event", "404", 1, []string{"GATEPOST_TOKEN=" + secrets[token.Viewer]}, []string{"show", audit.NewID(now), "--server", g.Admin()}},
		{"no such position", "there is no event 999999", 1, []string{"GATEPOST_TOKEN=" + secrets[token.Viewer]}, []string{"show", "999999", "--server", g.Admin()}},
		{"parameter that the server refuses", "400", 2, []string{"GATEPOST_TOKEN=" + secrets[token.Viewer]}, []string{"query", "--state", "dreaming", "--server", g.Admin()}},
		{"another machine in plaintext", "could be read on the way", 2, nil, []string{"query", "--server", "http://192.0.2.1:9090"}},
		{"no address", "write a scheme and a host", 2, nil, []string{"query", "--server", "127.0.0.1:9090"}},
		{"address with a secret", "write a scheme and a host", 2, nil, []string{"query", "--server", "http://a:b@127.0.0.1:9090"}},
		{"directory too", "both name the log", 2, nil, []string{"query", "--server", g.Admin(), "-d", g.logDir()}},
		{"token without server", "--token-file is for --server", 2, nil, []string{"query", "--token-file", tokenFile, "-d", g.logDir()}},
		{"file that holds no token", "does not hold a token alone", 2, nil, []string{"query", "--server", g.Admin(), "--token-file", tokens.Path}},
		{"nobody there", "ask http://127.0.0.1:1", 2, nil, []string{"tail", "-f", "-n", "0", "--server", "http://127.0.0.1:1"}},
		{"token beside a configuration", "", 0, []string{"GATEPOST_TOKEN=x"}, []string{"query", "-c", filepath.Join(g.Dir, "gatepost.yaml"), "--kind", "outcome"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, code := gatepost(t, tt.env, append([]string{"audit"}, tt.args...)...)
			if code != tt.code || !strings.Contains(stderr, tt.want) || (tt.code == 0) != (stdout != "") {
				t.Errorf("exit status %d: %s%s", code, stdout, stderr)
			}
			for _, secret := range secrets {
				if strings.Contains(stdout+stderr, secret) {
					t.Error("the token leaks")
				}
			}
		})
	}
}

// originOf is the name of a gate's log.
func originOf(t *testing.T, g *gate) string {
	t.Helper()
	for line, err := range journal.ReadDir(g.logDir(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := audit.ParseLine(line.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return e.Origin
	}
	t.Fatal("the log is empty")
	return ""
}

// A stream that breaks off is resumed behind what it has brought, and one that is
// refused is given up.
func TestAuditTailResumes(t *testing.T) {
	line := func(index uint64) string {
		e := audit.Event{Index: index, ID: audit.NewID(time.Now()), Kind: audit.KindOutcome, Time: time.Now(), Origin: "o", Status: 200}
		return fmt.Sprintf("id: %d\ndata: %s\n\n", index, audit.AppendLine(nil, &e))
	}
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("after"))
		switch len(asked) {
		case 1:
			io.WriteString(w, "retry: 2000\n\nid: 3\n\n"+line(4)+line(5)+": heartbeat\nid: 7\n\n"+strings.TrimSuffix(line(8), "\n\n")) // cut off
		case 2:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3:
			io.WriteString(w, line(8)+"id: 10\nevent: gap\ndata: {\"first\":9,\"last\":10}\n\n"+line(11)+"event: later\ndata: {}\n\nevent: end\ndata: {\"reason\":\"slow\",\"after\":11}\n\n")
		default:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"type":"about:blank","title":"Forbidden","status":403,"detail":"The token was \u001b[31mwithdrawn."}`)
		}
	}))
	defer server.Close()
	stdout, stderr, code := gatepost(t, nil, "audit", "tail", "-f", "-n", "0", "-o", "json", "--server", server.URL)
	if code != exitUsage || !strings.Contains(stderr, "403") || !strings.Contains(stderr, "withdrawn") || strings.Contains(stderr, "\x1b") {
		t.Errorf("exit status %d: %s", code, stderr)
	}
	if got := eventIndices(t, stdout); !slices.Equal(got, []uint64{4, 5, 8, 11}) {
		t.Errorf("events %v", got)
	}
	// The line that was cut off is asked for again.
	if !slices.Equal(asked, []string{"", "7", "7", "11"}) {
		t.Errorf("resumed after %q", asked)
	}
	if !strings.Contains(stderr, "entries 9 to 10 are no longer in the log") {
		t.Errorf("stderr: %s", stderr)
	}
}

// Pages are followed by their cursors, as far as the limit says.
func TestAuditQueryPages(t *testing.T) {
	line := func(index int) string {
		return string(audit.AppendLine(nil, &audit.Event{Index: uint64(index), ID: fmt.Sprintf("e%d", index), Kind: audit.KindOutcome, Time: time.Now(), Origin: "o"}))
	}
	tries := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch q.Get("cursor") {
		case "":
			if tries++; tries == 1 {
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			fmt.Fprintf(w, `{"events":[%s,%s],"states":{"e9":"matched"},"next_cursor":"b5","indexed":10}`, line(9), line(8))
		case "b5":
			fmt.Fprint(w, `{"events":[],"states":{},"next_cursor":"b4","indexed":10}`) // a page may be empty
		case "b4":
			fmt.Fprintf(w, `{"events":[%s],"states":{},"next_cursor":"b3","indexed":10,"limit":%q}`, line(4), q.Get("limit"))
		default:
			fmt.Fprintf(w, `{"events":[%s],"states":{},"indexed":10}`, strings.Replace(line(3), `"o"`, `"o","extra":1`, 1))
		}
	}))
	defer server.Close()
	stdout, stderr, code := gatepost(t, nil, "audit", "query", "-n", "3", "-o", "json", "--server", server.URL)
	if got := eventIndices(t, stdout); code != 0 || !slices.Equal(got, []uint64{9, 8, 4}) || !strings.Contains(stderr, "ended after 3 events") {
		t.Errorf("%v, exit status %d: %s", got, code, stderr)
	}
	if stdout, stderr, code := gatepost(t, nil, "audit", "query", "-n", "0", "--server", server.URL); code == 0 || !strings.Contains(stderr, "no event") || !strings.Contains(stdout, "matched") {
		t.Errorf("a line that is none: exit status %d: %s%s", code, stdout, stderr)
	}
}

// Over a real server: what comes while the log is followed is shown.
func TestAuditTailFollowsServer(t *testing.T) {
	g := startGate(t, gateOptions{})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	first := g.Call(t, "GET", "/connections/"+plainConnection, "").header.Get("X-Gatepost-Event-Id")
	reader, writer := io.Pipe()
	done := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		code := run(ctx, []string{"audit", "tail", "-f", "-n", "1", "--kind", "outcome", "--server", g.Admin(), "-o", "json"}, nil, strings.NewReader(""), writer, &stderr)
		writer.Close()
		done <- code
	}()
	lines := bufio.NewScanner(reader)
	for _, want := range []func() string{
		func() string { return first },
		func() string {
			return g.Call(t, "GET", "/connections/"+plainConnection, "").header.Get("X-Gatepost-Event-Id")
		},
		func() string {
			return g.Call(t, "GET", "/connections/"+awkwardConnection, "").header.Get("X-Gatepost-Event-Id")
		},
	} {
		id := want()
		if !lines.Scan() || !strings.Contains(lines.Text(), id) {
			t.Fatalf("%q does not have %s: %s", lines.Text(), id, &stderr)
		}
	}
	stop()
	for lines.Scan() {
		t.Errorf("more: %s", lines.Text())
	}
	if code := <-done; code != exitDone {
		t.Errorf("exit status %d: %s", code, &stderr)
	}
}
