package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
	"github.com/gatepost-proxy/gatepost/audit/index"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// demoPatience is how long the verdicts may take: CloudTrail's delay here, some polls, and a machine that is busy.
const demoPatience = 30 * time.Second

// demoVerdicts are what correlation has said about the story so far.
type demoVerdicts struct {
	attempts map[demoAttempt]audit.Event // the newest verdict on each
	findings []audit.Event
}

type demoAttempt struct {
	event string
	n     int
}

// verdicts waits until CloudTrail has had its say on every attempt, and on the call that went round the proxy.
func (d *demoStory) verdicts(ctx context.Context) error {
	d.chapter("What CloudTrail says")
	want := 0
	for _, e := range d.events {
		want += len(e.Attempts)
	}
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	var said demoVerdicts
	for next := d.since; len(said.attempts) < want || len(said.findings) < 1; {
		grown := d.service.journal.Watch()
		var err error
		if next, err = said.read(d.service, next); err != nil {
			return err
		}
		if len(said.attempts) >= want && len(said.findings) > 0 {
			break
		}
		select {
		case <-grown:
		case <-ctx.Done():
			d.expect(false, "within %s every attempt of %d has its verdict (%d), and the call that went round the proxy its finding (%d)", demoPatience, want, len(said.attempts), len(said.findings))
			return nil
		}
	}

	for _, a := range d.told {
		e := d.events[a.eventID]
		for i, attempt := range e.Attempts {
			v := said.attempts[demoAttempt{e.ID, i}]
			evidence := "request_id"
			remark := "by AWS's request id"
			if attempt.RequestID == "" {
				evidence, remark = "event_token", "by the token in the User-Agent: its answer was lost"
			}
			d.line(e.Operation, e.ConnectionID, remark, v.State)
			d.expect(v.State == string(correlate.Matched) && v.Evidence == evidence, "%s %s, attempt %d: got %s by %s %q, want matched by %s", e.Operation, e.ConnectionID, i+1, v.State, v.Evidence, v.Differences, evidence)
		}
	}
	hits := 0
	if err := d.service.index.Wait(ctx, d.service.journal.Size()); err != nil {
		return err
	}
	page, err := d.service.index.Query(ctx, index.Filter{Filter: audit.Filter{State: string(correlate.Derived), Kind: audit.KindOutcome}}, "", 500)
	if err != nil {
		return err
	}
	for _, entry := range page.Entries {
		fill := entry.Event.Fill
		if _, told := d.events[entry.Event.ID]; !told || fill == nil {
			continue
		}
		hits++
		v := said.attempts[demoAttempt{fill.EventID, len(d.events[fill.EventID].Attempts) - 1}]
		d.expect(v.State == string(correlate.Matched), "hit %s repeats an answer that is matched, not %q", entry.Event.ID, v.State)
	}
	d.line("GetConnection", "", fmt.Sprintf("%d hits: what CloudTrail says of the call that each repeats", hits), string(correlate.Derived))
	told := 0
	for _, e := range d.events {
		if e.Cache == audit.CacheHit {
			told++
		}
	}
	d.expect(hits == told, "each of the %d hits is derived (%d)", told, hits)

	for _, f := range said.findings {
		arn := ""
		if f.Upstream != nil {
			arn = f.Upstream.IdentityARN
		}
		d.line(f.Operation, f.ConnectionID, "round the proxy, from "+f.SourceIP+" by "+arn, f.State)
	}
	d.expect(len(said.findings) == 1 && said.findings[0].State == string(correlate.Bypass) && said.findings[0].ConnectionID == demoConnection,
		"there is one finding, the bypass of %s: got %d", demoConnection, len(said.findings))
	return nil
}

// read takes in the log from an entry on, and returns where it got to.
func (v *demoVerdicts) read(s *service, next uint64) (uint64, error) {
	if v.attempts == nil {
		v.attempts = make(map[demoAttempt]audit.Event)
	}
	decided := []string{string(correlate.Pending), string(correlate.Late)}
	for line, err := range s.journal.Read(next) {
		if err != nil {
			return next, err
		}
		next = line.Index + 1
		e, err := audit.ParseLine(line.Bytes)
		if err != nil {
			return next, fmt.Errorf("entry %d: %w", line.Index, err)
		}
		switch {
		case e.Kind == audit.KindVerdict && !slices.Contains(decided, e.State):
			v.attempts[demoAttempt{e.Of, e.OfAttempt}] = e
		case e.Kind == audit.KindFinding:
			v.findings = append(v.findings, e)
		}
	}
	return next, nil
}

// verify checks every byte of the log against its signed tree, as gatepost audit verify does.
func (d *demoStory) verify(ctx context.Context) error {
	d.chapter("Is it all true?")
	size := d.service.journal.Size()
	if _, err := d.service.ledger.Prove(ctx, size-1); err != nil { // waits for a checkpoint that covers the last entry
		return err
	}
	report, err := ledger.Verify(ctx, ledger.VerifyOptions{Dir: d.service.config.Audit.Dir})
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "  The log's %d entries were held against its signed Merkle tree: %s.\n", size, report.Verdict)
	d.expect(report.Verdict == ledger.Sound, "the log is sound")
	return nil
}
