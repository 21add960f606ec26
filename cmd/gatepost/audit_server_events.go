package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

// serverPage is the most events that one answer of the API has.
const serverPage = 500

// eventsPage is an answer of /api/v1/events or /api/v1/findings.
type eventsPage struct {
	Events       []json.RawMessage          `json:"events"`
	Findings     []json.RawMessage          `json:"findings"`
	States       map[string]string          `json:"states"`
	Calls        map[string]json.RawMessage `json:"calls"`
	Acknowledged map[string]acknowledgement `json:"acknowledged"`
	Next         string                     `json:"next_cursor"`
	Indexed      uint64                     `json:"indexed"`
}

// pages yields an answer's pages until there are as many events as limit says; 0
// is all.
func (s *server) pages(ctx context.Context, path string, query url.Values, limit int) iter.Seq2[*eventsPage, error] {
	return func(yield func(*eventsPage, error) bool) {
		for left := limit; ; {
			query.Set("limit", strconv.Itoa(serverPage))
			if limit > 0 {
				query.Set("limit", strconv.Itoa(min(left, serverPage)))
			}
			page := &eventsPage{}
			if err := s.getJSON(ctx, path, query, page); err != nil {
				yield(nil, err)
				return
			}
			left -= len(page.Events) + len(page.Findings)
			if !yield(page, nil) || page.Next == "" || limit > 0 && left <= 0 {
				return
			}
			query.Set("cursor", page.Next)
		}
	}
}

// parseRecord makes a record of a line that a server sent. Only a canonical one
// can be printed as it is.
func parseRecord(line []byte) (record, error) {
	e, err := audit.ParseLine(line)
	if err != nil {
		return record{}, fmt.Errorf("the server sent what is no event: %w", err)
	}
	return record{line: bytes.Clone(line), event: e}, nil
}

func parseRecords(lines []json.RawMessage) ([]record, error) {
	list := make([]record, len(lines))
	for i, line := range lines {
		var err error
		if list[i], err = parseRecord(line); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// query says to the API what the flags say.
func (f *eventFilter) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"principal": f.Principal, "connection": f.Connection, "operation": f.Operation, "region": f.Region,
		"decision": string(f.Decision), "cache": string(f.Cache), "error_class": string(f.ErrorClass),
		"request_id": f.RequestID, "state": f.State, "kind": string(f.Kind), "q": f.Q,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	switch {
	case f.intents && f.verdicts:
		q.Set("also", "intent,verdict")
	case f.intents:
		q.Set("also", "intent")
	case f.verdicts:
		q.Set("also", "verdict")
	}
	for name, at := range map[string]time.Time{"since": f.Since, "until": f.Until} {
		if !at.IsZero() {
			q.Set(name, at.Format(time.RFC3339Nano))
		}
	}
	return q
}

// queryServer is audit query over the API.
func (p *program) queryServer(ctx context.Context, s *server, f *eventFilter, limit int, output string) error {
	seen := verdicts{}
	out := p.newEventOutput(output, seen)
	found := 0
	for page, err := range s.pages(ctx, "/api/v1/events", f.query(), limit) {
		if err != nil {
			return err
		}
		clear(seen)
		for id, state := range page.States {
			seen[id] = []verdict{{state: state}}
		}
		records, err := parseRecords(page.Events)
		if err != nil {
			return err
		}
		if err := out.write(records...); err != nil {
			return err
		}
		found += len(records)
	}
	p.found(found, limit)
	return nil
}

// found says on standard error how a search went.
func (p *program) found(found, limit int) {
	switch {
	case found == 0:
		fmt.Fprintln(p.stderr, "no event matches")
	case found == limit:
		fmt.Fprintf(p.stderr, "ended after %s; --limit shows more\n", plural(found, "event"))
	}
}
