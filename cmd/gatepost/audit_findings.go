package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

func newAuditFindingsCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "findings [flags]",
		Short: "List what needs an eye",
		Long: `Lists, newest first, CloudTrail records of calls that did not come through gatepost
(bypass, foreign_instance), and the verdicts mismatched, missing and ambiguous, for
as long as no later verdict on the same attempt says something else. Records of the
states known_direct, amended and covered are listed only if --state asks for them.

Who has seen a finding says so through the API, with a note; that is recorded too.
The exit status is 0 whether there are findings or not.`,
		Example: `  gatepost audit findings --acknowledged false
  gatepost audit findings --state missing --since 24h --output json
  gatepost audit findings --server http://127.0.0.1:9090 --token-file soc.token`,
		Args: noArguments,
	}
	state := addChoice(cmd, "state", "", "state of the finding", false, index.FindingStates()...)
	acknowledged := addChoice(cmd, "acknowledged", "", "only findings that somebody has acknowledged, or that nobody has", false, "true", "false")
	since, until := &momentFlag{sign: -1}, &momentFlag{sign: -1}
	cmd.Flags().Var(since, "since", "from then on: RFC 3339, a date, or a time ago such as 15m, 24h, 7d")
	cmd.Flags().Var(until, "until", "before then; as --since")
	completeNothing(cmd, "since", "until")
	limit := cmd.Flags().IntP("limit", "n", 50, "most findings to show, a `number`; 0 for all")
	addLogFlags(cmd)
	addServerFlags(cmd)
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *limit < 0 {
			return misuse("--limit %d: write a positive number, or 0 for all", *limit)
		}
		f := findingFilter{state: state.value, acknowledged: acknowledged.value, since: since.at, until: until.at, limit: *limit}
		if !f.since.IsZero() && !f.until.IsZero() && !f.since.Before(f.until) {
			return misuse("--since %s is not before --until %s", f.since.Format(time.RFC3339), f.until.Format(time.RFC3339))
		}
		s, err := p.server(cmd)
		if err != nil {
			return err
		}
		damaged := &damage{program: p}
		var list []finding
		if s != nil {
			list, err = s.findings(cmd.Context(), f)
		} else {
			var dir string
			if dir, err = p.logDir(cmd); err != nil {
				return err
			}
			list, err = findingsOf(cmd.Context(), dir, f, damaged)
		}
		if err != nil {
			return err
		}
		if err := p.writeFindings(output.value, list); err != nil {
			return err
		}
		switch len(list) {
		case 0:
			fmt.Fprintln(p.stderr, "no findings")
		case *limit:
			fmt.Fprintf(p.stderr, "ended after %s; --limit shows more\n", plural(len(list), "finding"))
		}
		return damaged.err()
	}
	return cmd
}

// findingFilter is what the flags choose.
type findingFilter struct {
	state, acknowledged string
	since, until        time.Time
	limit               int // 0 is none
}

// finding is one with what its line does not say.
type finding struct {
	record
	call         *audit.Event // that it is about, if it is known
	acknowledged *acknowledgement
}

// acknowledgement says who has seen a finding.
type acknowledgement struct {
	By   string    `json:"by"`
	At   time.Time `json:"at"`
	Note string    `json:"note"`
}

// writeFindings writes a table, or the lines as they are stored.
func (p *program) writeFindings(output string, list []finding) error {
	if output == "json" {
		records := make([]record, len(list))
		for i := range list {
			records[i] = list[i].record
		}
		return p.newEventOutput(output, nil).write(records...)
	}
	if len(list) == 0 {
		return nil
	}
	colours := eventCells{colours: p.palette(p.stdout)}
	rows := make([][]cell, len(list))
	for i := range list {
		f := &list[i]
		e, call := &f.event, f.call
		if call == nil {
			call = e // a finding tells of the call itself
		}
		seen := ""
		if a := f.acknowledged; a != nil {
			seen = fmt.Sprintf("by %s at %s: %s", a.By, a.At.UTC().Format(time.RFC3339), a.Note)
		}
		rows[i] = []cell{
			{e.Time.UTC().Format("2006-01-02T15:04:05.000Z"), colours.colours.faint},
			{e.ID, nil},
			{e.State, colours.stateColour(e.State)},
			{call.Principal, nil},
			{call.SourceIP, nil},
			{call.Operation, nil},
			{call.ConnectionID, nil},
			{call.Region, nil},
			{f.about(), nil},
			{seen, nil},
		}
	}
	return newTable(p.stdout, colours.colours, "TIME", "ID", "STATE", "PRINCIPAL", "FROM", "OPERATION", "CONNECTION", "REGION", "ABOUT", "ACKNOWLEDGED").write(rows...)
}

// about says what a finding is about.
func (f *finding) about() string {
	e := &f.event
	if e.Kind == audit.KindVerdict {
		return fmt.Sprintf("attempt %d of %s", e.OfAttempt+1, e.Of)
	}
	identity := ""
	if e.Upstream != nil {
		identity = e.Upstream.IdentityARN
	}
	return words(bracketed("CloudTrail event", e.CloudTrailEventID), identity, e.Detail)
}
