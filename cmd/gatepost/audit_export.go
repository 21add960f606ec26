package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/export"
)

func newAuditExportCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export --format FORMAT [flags]",
		Short: "Hand events over to other tools",
		Long: `Writes the events that satisfy every filter given, oldest first, however many
there are.

  jsonl  the lines of the log exactly as stored, intents among them
  ocsf   OCSF 1.8.0 API Activity (class 6003), an object a line: metadata.uid is the
         event's id, api.request.uid AWS's request id, and metadata.correlation_uid
         what a call, the hits answered from it and its verdicts have in common
  csv    a table with a header, whose cells no spreadsheet takes for formulas

ocsf and csv leave intents out unless --intents asks for them: the outcome of a call
says all that its intent does.

--out writes a file with mode 0600 that appears when it is complete. A place where
the log is damaged is told of and left out, and the exit status is then 1. --state
reads the log twice and remembers the calls in that state.`,
		Example: `  # Yesterday, for a SIEM
  gatepost audit export --format ocsf --since 24h > events.ocsf.jsonl

  # What one caller did this year, for a spreadsheet
  gatepost audit export --format csv --principal installer-fra1 --since 2026-01-01 --out fra1.csv

  # The whole log
  gatepost audit export --format jsonl --data-dir /var/lib/gatepost/audit | zstd > log.jsonl.zst`,
		Args: noArguments,
	}
	var names []string
	for _, f := range export.Formats() {
		names = append(names, string(f))
	}
	format := addChoice(cmd, "format", "", "form of the export", true, names...)
	out := cmd.Flags().String("out", "", "`file` to write (default standard output)")
	_ = cmd.MarkFlagFilename("out")
	proofs := cmd.Flags().Bool("proofs", false, "with ocsf: give events their log proof, in attestation_list of the profile record_integrity, which OCSF has not released yet")
	filter := addFilterFlags(cmd)
	intents := cmd.Flags().Bool("intents", false, "with csv and ocsf: intents too")
	addLogFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o := export.Options{Format: export.Format(format.value), Version: version}
		if *proofs && o.Format != export.OCSF {
			return misuse("--proofs is for --format ocsf: jsonl and csv have no place for them")
		}
		dir, err := p.logDir(cmd)
		if err != nil {
			return err
		}
		f := filter()
		f.intents, f.verdicts = *intents || o.Format.Includes(audit.KindIntent), true
		if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
			return misuse("--since %s is not before --until %s", f.Since.Format(time.RFC3339), f.Until.Format(time.RFC3339))
		}
		if *proofs {
			if o.Proof, err = logProofs(dir); err != nil {
				return err
			}
		}
		to := p.stdout
		var file *newFile
		if cmd.Flags().Changed("out") {
			if file, err = createFile(*out, dir); err != nil {
				return err
			}
			defer file.discard()
			to = file.temp
		}

		damaged := &damage{program: p}
		log := &exportLog{ctx: cmd.Context(), dir: dir, filter: f, damaged: damaged, progress: p.exportProgress(file != nil)}
		o.Progress = func(n uint64) { log.progress.written = n }
		err = export.Write(cmd.Context(), to, log.records(), o)
		log.progress.clear()
		if err != nil {
			return err
		}
		if file != nil {
			if err := file.keep(); err != nil {
				return err
			}
		}
		switch n := log.progress.written; {
		case n == 0:
			fmt.Fprintln(p.stderr, "no event matches")
		case file != nil:
			fmt.Fprintf(p.stderr, "%s written to %s\n", plural(int(n), "event"), clean(*out))
		}
		return damaged.err()
	}
	return cmd
}

// exportProgress shows how far an export is, in one line that it overwrites.
type exportProgress struct {
	to          io.Writer // nil: nowhere
	written     uint64
	first, last uint64 // the entries that are read
	read        uint64
	shown       time.Time
}

const progressInterval = 200 * time.Millisecond

// exportProgress shows progress on a terminal that the events themselves do not go to.
func (p *program) exportProgress(toFile bool) *exportProgress {
	if onTerminal(p.stderr) && (toFile || !onTerminal(p.stdout)) {
		return &exportProgress{to: p.stderr}
	}
	return &exportProgress{}
}

// at notes that an entry has been read.
func (p *exportProgress) at(index uint64) {
	if p.read++; p.to == nil || p.read%1024 != 0 || time.Since(p.shown) < progressInterval {
		return
	}
	p.shown = time.Now()
	share := ""
	if p.first <= index && index <= p.last {
		share = fmt.Sprintf("%3.0f%% read, ", 100*float64(index-p.first+1)/float64(p.last-p.first+1))
	}
	fmt.Fprintf(p.to, "\r%s%d events written ", share, p.written)
}

// clear takes the line away.
func (p *exportProgress) clear() {
	if p.to != nil && !p.shown.IsZero() {
		fmt.Fprintf(p.to, "\r%60s\r", "")
	}
}
