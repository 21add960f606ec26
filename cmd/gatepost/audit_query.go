package main

import (
	"context"
	"iter"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

const (
	// clockSlack is how far the times of neighbouring lines may be out of
	// order: requests overlap, and the host's clock can be set back.
	clockSlack = time.Hour
	// rowBatch is how many rows are aligned together, and how often a long
	// answer shows a part of itself.
	rowBatch = 200
)

func newAuditQueryCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "query [flags]",
		Short: "Find events, newest first",
		Long: `Finds the events that satisfy every filter given, newest first. The column STATE
is what CloudTrail has been found to say about a call so far: of one without a
verdict it is derived, if another call's answer was given, not_applicable, if AWS
was not asked, or pending. Intents and verdicts are left out: --also shows them
too, --kind them alone.

A search back to --since ends an hour before that time, so that requests that
overlapped and a clock that was corrected hide nothing.`,
		Example: `  # Everything one caller did in the last day
  gatepost audit query --principal installer-fra1 --since 24h

  # Refused calls, and calls that CloudTrail does not know
  gatepost audit query --decision deny
  gatepost audit query --state missing

  # Whose call was this? The id may be AWS's request id or X-Gatepost-Event-Id
  gatepost audit query --request-id 0d4d0b27-6a4e-4d41-9d1c-8f8a3c6d2f11

  # From a running gatepost, with an admin token
  gatepost audit query --server http://127.0.0.1:9090 --token-file soc.token --decision deny

  # For programs
  gatepost audit query --data-dir /var/lib/gatepost/audit --limit 0 --output json | jq .status`,
		Args: noArguments,
	}
	filter := addEventFlags(cmd)
	limit := cmd.Flags().IntP("limit", "n", 50, "most events to show, a `number`; 0 for all")
	addLogFlags(cmd)
	addServerFlags(cmd)
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *limit < 0 {
			return misuse("--limit %d: write a positive number, or 0 for all", *limit)
		}
		f := filter()
		if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
			return misuse("--since %s is not before --until %s", f.Since.Format(time.RFC3339), f.Until.Format(time.RFC3339))
		}
		s, err := p.server(cmd)
		if err != nil {
			return err
		}
		if s != nil {
			return p.queryServer(cmd.Context(), s, &f, *limit, output.value)
		}
		dir, err := p.logDir(cmd)
		if err != nil {
			return err
		}
		needles, judgesIntents := f.needles(), f.State != "" && (f.intents || f.Kind == audit.KindIntent)
		if judgesIntents {
			needles = nil // the outcome says what an intent's state is
		}
		seen := verdicts{}
		out := p.newEventOutput(output.value, seen)
		var batch []record
		found, damaged := 0, &damage{program: p}
		for r, err := range backward(cmd.Context(), dir, needles, seen, damaged) {
			if err != nil {
				return err
			}
			if !f.Since.IsZero() && r.event.Time.Before(f.Since.Add(-clockSlack)) {
				break
			}
			if judgesIntents && r.event.Kind == audit.KindOutcome {
				seen.imply(&r.event)
			}
			if !f.match(&r.event, seen) {
				continue
			}
			found++
			batch = append(batch, r.kept())
			if len(batch) == rowBatch {
				if err := out.write(batch...); err != nil {
					return err
				}
				batch = batch[:0]
			}
			if found == *limit {
				break
			}
		}
		if err := out.write(batch...); err != nil {
			return err
		}
		p.found(found, *limit)
		return damaged.err()
	}
	return cmd
}

// backward yields the log's records from the newest to the oldest, leaving
// out lines without the needles. Verdicts on the way are taken into seen,
// unless it is nil. Damage is told of, not yielded.
func backward(ctx context.Context, dir string, needles [][]byte, seen verdicts, damaged *damage) iter.Seq2[record, error] {
	verdict := [][]byte{[]byte(`"kind":"verdict"`)}
	return func(yield func(record, error) bool) {
		for line, err := range journal.ReadDirBackward(dir, math.MaxUint64) {
			if damaged.take(err) {
				continue
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(record{}, err)
				return
			}
			chosen := containsAll(line.Bytes, needles)
			if !chosen && (seen == nil || !containsAll(line.Bytes, verdict)) {
				continue
			}
			r, ok := damaged.parse(line)
			if !ok {
				continue
			}
			if r.event.Kind == audit.KindVerdict && seen != nil {
				seen.add(&r.event)
			}
			if chosen && !yield(r, nil) {
				return
			}
		}
	}
}
