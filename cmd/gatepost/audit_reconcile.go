package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/trail"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/audit/reconcile"
	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
)

func newAuditReconcileCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reconcile [--trail] DIR|FILE...",
		Short: "Hold the log against CloudTrail's log files",
		Long: `Reads the log and a trail's log files side by side, however large, and says of each
attempt against AWS what CloudTrail has of it, and of each Outposts call in CloudTrail
whether gatepost made it. It asks AWS nothing, changes nothing, and passes over what
the log itself says about CloudTrail.

Digests among the files prove that they are complete and unaltered; their signatures
are checked with the public keys in --trail-keys, files as "aws cloudtrail
list-public-keys" prints them.

What is worth a look is listed with the time of its call: a finding's as CloudTrail's
record has it, an attempt's as the log has it.

Exit status 0 says that every call of the trail is gatepost's or expected, and no
attempt is missing, contradicted or unclear; 1 that there is something to look at; 2
that they could not be compared.`,
		Example: `  aws s3 sync s3://my-trail/AWSLogs trail
  gatepost audit reconcile --trail trail --data-dir /var/lib/gatepost/audit
  gatepost audit reconcile trail/*_20261126T*.json.gz -d /var/lib/gatepost/audit   # these files alone
  gatepost audit reconcile --trail trail --config gatepost.yaml --output json   # with its known_direct rules`,
		Args: cobra.ArbitraryArgs, // more of the trail, so that a shell may spell it out
	}
	trails := cmd.Flags().StringArray("trail", nil, "`directory or file` of CloudTrail log files, repeatable; those that follow need no flag")
	keys := cmd.Flags().String("trail-keys", "", "`directory` of CloudTrail's public keys")
	_ = cmd.MarkFlagDirname("trail-keys")
	output := addChoice(cmd, "output", "o", "table for people, or one object", true, "table", "json")
	addLogFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		paths := slices.Concat(*trails, args)
		if len(paths) == 0 {
			return misuse("say where CloudTrail's log files are: name directories or files of them")
		}
		dir, err := p.logDir(cmd)
		if err != nil {
			return err
		}
		c := config.Default()
		if cmd.Flags().Changed("config") {
			file, err := cmd.Flags().GetString("config")
			if err != nil {
				return err
			}
			loaded, err := config.Load(config.Sources{File: file, Env: p.env})
			if err != nil {
				return err
			}
			c = loaded.Config
		}
		source, err := trail.New(trail.Config{Paths: paths, Keys: *keys, Offline: true})
		if err != nil {
			return &exitError{code: exitUsage, err: err}
		}
		damaged := &damage{program: p}
		o := reconcile.OfflineConfig{
			Log: journal.ReadDir(dir, 0), Source: source, Correlate: correlateConfig(c),
			Damaged: func(err error) error {
				if !damaged.take(err) {
					return err
				}
				return nil
			},
		}
		shown := time.Time{}
		if onTerminal(p.stderr) {
			o.Progress = func(at reconcile.Progress) {
				if time.Since(shown) >= progressInterval {
					shown = time.Now()
					fmt.Fprintf(p.stderr, "\r%d entries, %d records, %s", at.Entries, at.Records, at.At.Format(time.DateTime))
				}
			}
		}
		report, err := reconcile.Offline(cmd.Context(), o)
		if !shown.IsZero() {
			fmt.Fprint(p.stderr, "\r\033[K")
		}
		faults := source.Faults()
		for _, f := range faults {
			fmt.Fprintf(p.stderr, "warning: %s\n", clean(f.Error()))
		}
		if err != nil {
			return &exitError{code: exitUsage, err: err}
		}
		if output.value == "json" {
			if err := json.NewEncoder(p.stdout).Encode(report); err != nil {
				return err
			}
		} else if err := writeReconciliation(p.stdout, p.palette(p.stdout), report); err != nil {
			return err
		}
		if len(faults) > 0 {
			return answerNo("%s of the trail could not be read: what is in them is not part of this answer", plural(len(faults), "file"))
		}
		if !report.Clean() {
			return answerNo("there is something to look at")
		}
		return damaged.err()
	}
	return cmd
}

// writeReconciliation tells people what a reconciliation found.
func writeReconciliation(w io.Writer, colours palette, r *reconcile.Report) error {
	fmt.Fprintf(w, "log      %s, %d entries", clean(r.Origin), r.Entries)
	if r.Entries > 0 {
		fmt.Fprintf(w, " from %s to %s", r.Began.Format(time.RFC3339), r.Ended.Format(time.RFC3339))
	}
	fmt.Fprintf(w, "\ntrail    %s of Outposts calls, %s\n", plural(int(r.Records), "record"), plural(len(r.Windows), "window"))
	for _, completeness := range []cloudtrail.Completeness{cloudtrail.Complete, cloudtrail.CompleteUnvalidated, cloudtrail.Provisional, cloudtrail.Incomplete} {
		n, reason := 0, ""
		for _, window := range r.Windows {
			if window.Completeness == completeness {
				n++
				reason = window.Reason
			}
		}
		if n > 0 {
			fmt.Fprintf(w, "         %d %s", n, completeness)
			if reason != "" {
				fmt.Fprintf(w, ": %s", clean(reason))
			}
			fmt.Fprintln(w)
		}
	}
	fmt.Fprintln(w)
	for _, state := range correlate.States() {
		if n := r.States[state]; n > 0 {
			fmt.Fprintf(w, "%-16s %d\n", state, n)
		}
	}
	for _, kind := range correlate.Kinds() {
		if n := r.Findings[kind]; n > 0 {
			fmt.Fprintf(w, "%-16s %d\n", kind, n)
		}
	}
	if len(r.Notable) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := newTable(w, colours, "TIME", "STATE", "OF", "RECORD", "WHAT")
	var rows [][]cell
	for i := range r.Notable {
		e := &r.Notable[i]
		rows = append(rows, []cell{{text: e.Time.UTC().Format(time.RFC3339)}, {text: e.State, paint: eventCells{colours: colours}.stateColour(e.State)}, {text: e.Of}, {text: e.CloudTrailEventID}, {text: whatOf(e)}})
	}
	return t.write(rows...)
}

// whatOf says in a line what a verdict or a finding is about.
func whatOf(e *reconcile.Notable) string {
	text := e.Detail
	if e.Kind == audit.KindFinding {
		text = e.Operation + " " + e.ConnectionID
		if e.Upstream != nil {
			text += " by " + e.Upstream.IdentityARN
		}
		text += " from " + e.SourceIP
	}
	for _, d := range e.Differences {
		text += "; " + d
	}
	return text
}
