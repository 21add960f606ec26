package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

func newAuditVerifyCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [--checkpoint FILE]... [--public-key KEY]",
		Short: "Check every byte of the log",
		Long: `Reads every byte of the log and holds it against its tree and its signed
checkpoint, and against checkpoints kept elsewhere, and names the first entry that is
not what was signed.

A directory that was rolled back whole, or rewritten by somebody who has the log's
key, agrees with itself: only --checkpoint, a copy kept elsewhere, finds those, and
only --public-key, kept elsewhere too, finds a key that was replaced.

Exit status 0 says that the log is sound, 1 that it is not, 2 that it could not be
checked.`,
		Example: `  gatepost audit verify --data-dir /var/lib/gatepost/audit
  gatepost audit verify --checkpoint /mnt/worm/checkpoint --public-key /etc/gatepost/log.pub`,
		Args: noArguments,
	}
	checkpoints := cmd.Flags().StringArray("checkpoint", nil, "`file` of checkpoints kept elsewhere, repeatable")
	_ = cmd.MarkFlagFilename("checkpoint")
	key := cmd.Flags().String("public-key", "", "the log's public `key`, or a file that holds it (default: the one beside the log)")
	output := addChoice(cmd, "output", "o", "words for people, or one object", true, "text", "json")
	addLogFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		dir, err := p.logDir(cmd)
		if err != nil {
			return err
		}
		o := ledger.VerifyOptions{Dir: dir, Checkpoints: *checkpoints}
		if *key != "" {
			text, err := publicKey(*key)
			if err != nil {
				return err
			}
			o.VerifierKeys = []string{text}
		}
		if onTerminal(p.stderr) {
			o.Progress = func(at ledger.Progress) {
				fmt.Fprintf(p.stderr, "\r%d entries, %d %%", at.Entries, at.Bytes*100/max(at.Total, 1))
			}
		}
		report, err := ledger.Verify(cmd.Context(), o)
		if o.Progress != nil {
			fmt.Fprint(p.stderr, "\r\033[K")
		}
		if output.value == "json" {
			if encodeErr := json.NewEncoder(p.stdout).Encode(report); encodeErr != nil {
				return encodeErr
			}
		} else {
			writeReport(p.stdout, report)
		}
		switch {
		case err != nil:
			return &exitError{code: exitUsage, err: err}
		case report.Verdict != ledger.Sound:
			if first, ok := report.FirstBad(); ok {
				return answerNo("the log is not sound: the first bad entry is %d", first)
			}
			return answerNo("the log is not sound")
		}
		return nil
	}
	return cmd
}

// writeReport tells people what a verification found.
func writeReport(w io.Writer, r *ledger.Report) {
	if r.Origin != "" {
		fmt.Fprintf(w, "log         %s\n", clean(r.Origin))
	}
	fmt.Fprintf(w, "entries     %d to %d, %d bytes\n", r.First, max(r.Size, 1)-1, r.Bytes)
	if r.Pruned > 0 {
		fmt.Fprintf(w, "pruned      %d entries before those: their tiles prove them\n", r.Pruned)
	}
	if r.Checkpoint != nil {
		fmt.Fprintf(w, "checkpoint  covers %d entries; %d came after it\n", r.Checkpoint.Size, r.Uncovered)
	}
	for _, k := range r.Kept {
		fmt.Fprintf(w, "kept        %s covers %d entries\n", clean(k.File), k.Checkpoint.Size)
	}
	if r.KeyFromLog {
		fmt.Fprintln(w, "key         the one beside the log: --public-key with a copy kept elsewhere proves more")
	}
	for _, s := range r.SurplusIn {
		fmt.Fprintf(w, "surplus     %d bytes in %s, from byte %d on, are no part of the log\n", s.Bytes, clean(s.File), s.Offset)
	}
	if r.Unfinished > 0 {
		fmt.Fprintf(w, "unfinished  %d bytes at the end of the log are no part of it: a write was interrupted, or is under way\n", r.Unfinished)
	}
	for _, f := range r.Faults {
		fmt.Fprintf(w, "fault       %s\n", clean(f.String()))
	}
	if r.More > 0 {
		fmt.Fprintf(w, "fault       and %d more\n", r.More)
	}
	fmt.Fprintf(w, "verdict     %s\n", strings.ReplaceAll(string(r.Verdict), "_", " "))
}

// publicKey reads a verifier key, given as its text or as a file that holds it.
func publicKey(value string) (string, error) {
	if strings.Count(value, "+") >= 2 && !strings.ContainsAny(value, "\n") {
		if _, err := os.Stat(value); err != nil {
			return value, nil
		}
	}
	text, err := os.ReadFile(value)
	if err != nil {
		return "", fmt.Errorf("--public-key: %w: give the key as gatepost audit public-key prints it, or a file that holds it", err)
	}
	return strings.TrimSpace(string(text)), nil
}
