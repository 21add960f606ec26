package console

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/console/token"
)

// What admin events say in their Action.
const (
	actionEvents   = "events_read"
	actionEvent    = "event_read"
	actionProof    = "proof_read"
	actionStream   = "stream_opened"
	actionFindings = "findings_read"
	actionEntries  = "entries_read" // of the tree's tiles
	actionPurge    = "cache_purge"

	// Of the dashboard.
	actionConnections = "connections_read"
	actionCallers     = "callers_read"
	actionExport      = "export"
	actionLogin       = "session_began"
	actionLogout      = "session_ended"
)

// recordedField carries the id of the event that records a request.
const recordedField = "X-Gatepost-Event-Id"

const (
	// principalPrefix keeps tokens' names apart from callers' principals: whoever
	// looks for a caller does not want to find a reader of the same name.
	principalPrefix = "token:"

	// A person with a dashboard stays far below this, and a program that reads
	// the log as fast as it may writes less than a gigabyte a day.
	recordsPerSecond = 20
	recordsBurst     = 200
)

// record makes an action durable before its answer leaves. The event's id and
// index go with the answer, so that it can be found.
func (c *Console) record(w http.ResponseWriter, r *http.Request, action string, status int) error {
	e := adminEvent(r, action, status)
	_, err := c.commit(w, r, &e)
	return err
}

// adminEvent says who asked for what.
func adminEvent(r *http.Request, action string, status int) audit.Event {
	who, _ := token.FromContext(r.Context())
	q := queryOf(r)
	now := time.Now()
	e := audit.Event{
		ID: audit.NewID(now), Kind: audit.KindAdmin, Time: now,
		Principal: principalPrefix + who.Name, UserAgent: r.UserAgent(),
		Path: r.URL.EscapedPath(), ConnectionID: q.connection,
		Action: action, Status: status, Detail: q.values.Encode(),
	}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		e.SourceIP, e.SourcePort = peer.Addr().Unmap().String(), peer.Port()
	}
	return e
}

// commit makes an event durable, and returns how many entries the log has with it.
func (c *Console) commit(w http.ResponseWriter, r *http.Request, e *audit.Event) (size uint64, err error) {
	// Whoever leaves now may have read before.
	commit, err := c.cfg.Recorder.Append(context.WithoutCancel(r.Context()), e)
	if err != nil {
		return 0, unavailable("The audit log cannot record this request, so it is not answered.", err)
	}
	h := w.Header()
	h.Set(recordedField, e.ID)
	h.Set("X-Gatepost-Event-Index", strconv.FormatUint(commit.Index, 10))
	return commit.Index + 1, nil
}

// limits are the rates at which tokens may cause records. There are as many as
// the tokens file ever had names.
type limits struct {
	mu     sync.Mutex // guards byName
	byName map[string]*rate.Limiter
}

// allow refuses a request whose record would be one too many.
func (l *limits) allow(r *http.Request) error {
	who, _ := token.FromContext(r.Context())
	l.mu.Lock()
	defer l.mu.Unlock()
	limit := l.byName[who.Name]
	if limit == nil {
		if l.byName == nil {
			l.byName = make(map[string]*rate.Limiter)
		}
		limit = rate.NewLimiter(recordsPerSecond, recordsBurst)
		l.byName[who.Name] = limit
	}
	if !limit.Allow() {
		return &failure{status: http.StatusTooManyRequests, retryAfter: time.Second,
			detail: "Each reading of the log is recorded in it, and this token has read too often; a stream follows the log with one record."}
	}
	return nil
}
