package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

const (
	// The stream of a server that went away is resumed after a while, and then ever
	// later.
	firstReconnect = time.Second
	maxReconnect   = 30 * time.Second
	// maxStreamLine is above that of the longest event.
	maxStreamLine = audit.MaxLineBytes + 1024
)

// serverTail shows the end of a log over the API.
type serverTail struct {
	program *program
	server  *server
	filter  eventFilter
	out     *eventOutput
	// after is the index behind which the stream goes on, or -1; unknown at first.
	after  int64
	known  bool
	opened bool // the stream was, once
}

// tailServer is audit tail over the API.
func (p *program) tailServer(ctx context.Context, s *server, f eventFilter, lines int, follow bool, output string) error {
	t := serverTail{program: p, server: s, filter: f, out: p.newEventOutput(output, nil)}
	if err := t.last(ctx, lines); err != nil || !follow {
		return err
	}
	return t.follow(ctx)
}

// last shows the newest n events that are chosen, oldest first.
func (t *serverTail) last(ctx context.Context, n int) error {
	if n == 0 {
		return nil // the stream begins with what is new
	}
	var newest []record
	for page, err := range t.server.pages(ctx, "/api/v1/events", t.filter.query(), n) {
		if err != nil {
			return err
		}
		if !t.known {
			t.after, t.known = int64(page.Indexed)-1, true
		}
		records, err := parseRecords(page.Events)
		if err != nil {
			return err
		}
		newest = append(newest, records...)
	}
	if len(newest) > 0 { // the page may know of more than it says
		t.after = max(t.after, int64(newest[0].event.Index))
	}
	slices.Reverse(newest)
	return t.out.write(newest...)
}

// follow shows each new event that is chosen, until ctx is done. What is lost on
// the way is asked for again by its position.
func (t *serverTail) follow(ctx context.Context) error {
	wait := firstReconnect
	for {
		began := time.Now()
		err := t.stream(ctx)
		e, refused := errors.AsType[*serverError](err)
		_, unshown := errors.AsType[*notShownError](err)
		switch {
		case ctx.Err() != nil:
			return nil // interrupted, as it is meant to be
		case refused && e.status < http.StatusInternalServerError, unshown, !t.opened:
			return err
		default:
			fmt.Fprintf(t.program.stderr, "note: %s; the stream is resumed\n", clean(err.Error()))
		}
		if time.Since(began) > maxReconnect {
			wait = firstReconnect
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
		wait = min(2*wait, maxReconnect)
	}
}

// notShownError is one that asking again would not mend.
type notShownError struct{ err error }

func (e *notShownError) Error() string { return e.err.Error() }
func (e *notShownError) Unwrap() error { return e.err }

// stream reads one connection of server-sent events to its end.
func (t *serverTail) stream(ctx context.Context) error {
	query := t.filter.query()
	if t.known {
		query.Set("after", strconv.FormatInt(t.after, 10))
	}
	resp, err := t.server.get(ctx, "/api/v1/stream", query)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	t.opened = true
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 4<<10), maxStreamLine)
	var kind string
	var data []byte
	var next int64
	moved := false
	for lines.Scan() {
		name, value, _ := bytes.Cut(lines.Bytes(), []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "event":
			kind = string(value)
		case "data":
			data = append(data[:0], value...)
		case "id":
			index, err := strconv.ParseInt(string(value), 10, 64)
			if err != nil {
				return fmt.Errorf("the server sent an id that is no position: %w", err)
			}
			next, moved = index, true
		case "":
			if len(lines.Bytes()) > 0 {
				continue // a comment
			}
			if err := t.event(kind, data); err != nil {
				return err
			}
			if moved { // only now: an event that was cut off has to come again
				t.after, t.known = next, true
			}
			kind, data = "", data[:0]
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}

// event shows what one event of the stream says.
func (t *serverTail) event(kind string, data []byte) error {
	switch {
	case len(data) == 0: // progress
		return nil
	case kind == "gap":
		var gap struct{ First, Last uint64 }
		if err := json.Unmarshal(data, &gap); err != nil {
			return err
		}
		fmt.Fprintf(t.program.stderr, "note: entries %d to %d are no longer in the log\n", gap.First, gap.Last)
		return nil
	case kind == "end":
		var end struct{ Reason string }
		if err := json.Unmarshal(data, &end); err != nil {
			return err
		}
		return fmt.Errorf("the server ended the stream (%s)", end.Reason)
	case kind != "":
		return nil // of a later version
	}
	r, err := parseRecord(data)
	if err != nil {
		return &notShownError{err}
	}
	if err := t.out.write(r); err != nil {
		return &notShownError{err}
	}
	return nil
}

// idAt returns the id of the event at a position of a server's log. The API finds
// events by their ids; the stream begins at positions.
func (s *server) idAt(ctx context.Context, index uint64) (id string, err error) {
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	none := answerNo("there is no event %d in the log of %s", index, s.base.Redacted())
	if index > math.MaxInt64 {
		return "", none
	}
	query := url.Values{"after": {strconv.FormatInt(int64(index)-1, 10)}, "also": {"intent,verdict"}}
	resp, err := s.ask(ctx, "/api/v1/stream", query)
	if e, ok := errors.AsType[*serverError](err); ok && e.status == http.StatusBadRequest {
		return "", none // it is behind the newest
	}
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 4<<10), maxStreamLine)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		if !ok {
			if bytes.HasPrefix(lines.Bytes(), []byte(": ")) {
				return "", none // a heartbeat: nothing is there yet
			}
			continue
		}
		r, err := parseRecord(data)
		if err != nil || r.event.Index != index {
			return "", none // it is no longer in the log
		}
		return r.event.ID, nil
	}
	return "", cmp.Or(lines.Err(), error(none))
}
