package console

import (
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/console/token"
)

const (
	// maxStreams bounds what streams hold: each has a goroutine, a connection and a
	// buffer. No token may take them all; without tokens everybody has one name.
	maxStreams         = 512
	maxStreamsOfOne    = 128
	streamsRetryAfter  = 10 * time.Second
	lastEventID        = "Last-Event-ID"
	detailTooManyOpen  = "Too many streams are open; close one, or come later."
	detailBeyondTheLog = "is behind the log's newest entry: this is another log, or it has lost its end"
)

// stream follows the log from an index on, until the client leaves. What it has
// sent stands in its ids, so that a client that comes back with the last one goes
// on where it stopped.
func (c *Console) stream(w http.ResponseWriter, r *http.Request) error {
	if err := c.limits.allow(r); err != nil {
		return err
	}
	q := queryOf(r)
	// A browser that reconnects repeats the address and adds the field.
	if id := r.Header.Get(lastEventID); id != "" {
		if err := q.setAfter(id); err != nil {
			return badParameter(lastEventID, "The field %s %w.", lastEventID, err)
		}
		q.values.Set("after", id) // for the record
	}
	size := c.cfg.Log.Size()
	next := size
	if q.hasAfter {
		if next = uint64(q.after + 1); next > size {
			return badParameter("after", "The parameter after "+detailBeyondTheLog+".")
		}
	}
	who, _ := token.FromContext(r.Context())
	if !c.slots.take(who.Name) {
		return &failure{status: http.StatusServiceUnavailable, detail: detailTooManyOpen, retryAfter: streamsRetryAfter}
	}
	defer c.slots.release(who.Name)
	if err := c.record(w, r, actionStream, http.StatusOK); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // or nginx would hold events back
	out := &eventWriter{w: w, control: http.NewResponseController(w)}
	if err := out.begin(); err != nil {
		return err
	}
	audience := c.tail.join(q)
	defer c.tail.leave(audience)
	f := &follower{
		log: c.cfg.Log, tail: c.tail, audience: audience, newest: q.newest, next: next, out: out, allowed: c.allowed(r.Context()), closing: c.closing, flushed: time.Now(),
	}
	reason, err := f.follow(r.Context())
	if err != nil {
		c.log.WarnContext(r.Context(), "audit stream ends", slog.String("reason", string(reason)), slog.Any("err", err))
	}
	if reason != endGone {
		out.end(reason)
	}
	return nil
}

// slots counts the open streams.
type slots struct {
	mu     sync.Mutex // guards what follows
	open   int
	byName map[string]int
}

func (s *slots) take(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == maxStreams || s.byName[name] == maxStreamsOfOne {
		return false
	}
	if s.byName == nil {
		s.byName = make(map[string]int)
	}
	s.open++
	s.byName[name]++
	return true
}

func (s *slots) release(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if s.byName[name]--; s.byName[name] == 0 {
		delete(s.byName, name)
	}
}
