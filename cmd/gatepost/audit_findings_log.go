package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"net/url"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// findings asks a server for findings.
func (s *server) findings(ctx context.Context, f findingFilter) (list []finding, err error) {
	query := url.Values{}
	for name, value := range map[string]string{"state": f.state, "acknowledged": f.acknowledged} {
		if value != "" {
			query.Set(name, value)
		}
	}
	for name, at := range map[string]time.Time{"since": f.since, "until": f.until} {
		if !at.IsZero() {
			query.Set(name, at.Format(time.RFC3339Nano))
		}
	}
	for page, err := range s.pages(ctx, "/api/v1/findings", query, f.limit) {
		if err != nil {
			return nil, err
		}
		for _, line := range page.Findings {
			r, err := parseRecord(line)
			if err != nil {
				return nil, err
			}
			one := finding{record: r}
			if line, ok := page.Calls[r.event.Of]; ok {
				call, err := parseRecord(line)
				if err != nil {
					return nil, err
				}
				one.call = &call.event
			}
			if a, ok := page.Acknowledged[r.event.ID]; ok {
				one.acknowledged = &a
			}
			list = append(list, one)
		}
	}
	return list, nil
}

// findingsOf reads findings from a log, from its newest line to its oldest: what
// supersedes or acknowledges a finding stands behind it, the call that it is about
// before.
func findingsOf(ctx context.Context, dir string, f findingFilter, damaged *damage) (list []finding, err error) {
	type attempt struct {
		of string
		n  int
	}
	superseded := map[attempt]bool{}
	seen := map[string]*acknowledgement{}
	wanted := map[string][]int{} // findings by the call that they are about
	full := false
	for line, err := range journal.ReadDirBackward(dir, math.MaxUint64) {
		if damaged.take(err) {
			continue
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		if full && len(wanted) == 0 {
			break
		}
		if !mayConcernFindings(line.Bytes, wanted) {
			continue
		}
		r, ok := damaged.parse(line)
		if !ok {
			continue
		}
		e := &r.event
		if !f.since.IsZero() && e.Time.Before(f.since.Add(-clockSlack)) {
			full = true
		}
		switch {
		case e.Kind == audit.KindAdmin && e.Action == index.ActionFindingAcknowledged && seen[e.Of] == nil:
			seen[e.Of] = &acknowledgement{By: e.Principal, At: e.Time, Note: e.Detail}
		case e.Kind == audit.KindOutcome || e.Kind == audit.KindIntent:
			for _, i := range wanted[e.ID] {
				list[i].call = e
			}
			delete(wanted, e.ID)
		case e.Kind == audit.KindVerdict || e.Kind == audit.KindFinding:
			if e.Kind == audit.KindVerdict {
				on := attempt{e.Of, e.OfAttempt}
				if superseded[on] {
					continue
				}
				superseded[on] = true
			}
			if full || !f.match(e, seen[e.ID]) {
				continue
			}
			list = append(list, finding{record: r.kept(), acknowledged: seen[e.ID]})
			if e.Of != "" {
				wanted[e.Of] = append(wanted[e.Of], len(list)-1)
			}
			full = len(list) == f.limit
		}
	}
	return list, nil
}

// match reports whether a finding that holds is chosen.
func (f *findingFilter) match(e *audit.Event, seen *acknowledgement) bool {
	if !index.IsFinding(e) || f.state != "" && f.state != e.State || f.state == "" && index.IsExpected(e) {
		return false
	}
	if f.acknowledged != "" && (f.acknowledged == "true") != (seen != nil) {
		return false
	}
	return (f.since.IsZero() || !e.Time.Before(f.since)) && (f.until.IsZero() || e.Time.Before(f.until))
}

// mayConcernFindings spares most lines from being parsed.
func mayConcernFindings(line []byte, wanted map[string][]int) bool {
	for _, kind := range []string{`"kind":"verdict"`, `"kind":"finding"`, `"action":"` + index.ActionFindingAcknowledged + `"`} {
		if bytes.Contains(line, []byte(kind)) {
			return true
		}
	}
	if len(wanted) == 0 {
		return false
	}
	_, rest, ok := bytes.Cut(line, []byte(`"id":`))
	if !ok {
		return false
	}
	var id string
	return json.NewDecoder(bytes.NewReader(rest)).Decode(&id) == nil && wanted[id] != nil
}
