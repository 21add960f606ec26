package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/archive"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// pruneTimeout is patient with a disk that is slow because it is full: a prune is what one needs then.
const pruneTimeout = 30 * time.Second

func newAuditPruneCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prune --before TIME [--confirm]",
		Short: "Remove old entries, and keep what proves them",
		Long: `Says which files of the log hold nothing but entries older than --before, and with
--confirm removes them. Tiles, checkpoints and proofs stay: the log still verifies, a
proof made before still holds, and what was exported can still be proved.

CloudTrail's records of the calls that went three days before those go with them: no
verdict that stays rests on one.

Files go as a whole and from the oldest on. What stays, whatever --before says: the file
that is written to, entries that no signed checkpoint and no complete tile covers, and
what is younger than three hours, which CloudTrail may still have to say something about.
Each entry is compared with what was signed before it goes.

What is removed, and by whom, is recorded in the log and signed before it is removed. For
that no gatepost may run on the log; without --confirm one may.`,
		Example: `  # What would go?
  gatepost audit prune --before 90d --data-dir /var/lib/gatepost/audit

  # Keep a copy, then remove it here
  gatepost audit export --format jsonl --until 2026-08-01 --out /mnt/worm/until-august.jsonl
  gatepost audit prune --before 2026-08-01 --confirm`,
		Args: noArguments,
	}
	before := &momentFlag{sign: -1}
	cmd.Flags().Var(before, "before", "remove entries older than this `time`, or age such as 90d (required)")
	confirm := cmd.Flags().Bool("confirm", false, "really remove them")
	output := addChoice(cmd, "output", "o", "words for people, or one object", true, "text", "json")
	addLogFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if before.text == "" {
			return misuse("say what may go: --before with a time, or an age such as 90d")
		}
		dir, err := p.logDir(cmd)
		if err != nil {
			return err
		}
		plan, err := p.planPrune(cmd.Context(), dir, before.at)
		if err != nil {
			return err
		}
		result := pruneResult{PrunePlan: plan, Entries: plan.Entries()}
		if result.CloudTrailRecords, err = countRecords(cmd.Context(), dir, plan); err != nil {
			return err
		}
		if *confirm && plan.Entries() > 0 {
			if err := checkOwner(dir); err != nil {
				return err
			}
			record, err := prune(cmd.Context(), dir, plan)
			if locked, ok := errors.AsType[*journal.LockedError](err); ok || errors.Is(err, ledger.ErrLocked) {
				holder := ""
				if ok && locked.Holder != "" {
					holder = " (process " + locked.Holder + ")"
				}
				return fmt.Errorf("nothing was removed: a gatepost runs on the log %q%s, and only it may write there: stop it, prune, and start it again", dir, holder)
			}
			if err != nil {
				return err
			}
			result.Removed, result.Record = true, &record
			if result.CloudTrailRecords > 0 {
				if result.CloudTrailRecords, err = pruneRecords(cmd.Context(), dir, plan); err != nil {
					return fmt.Errorf("entries %d to %d were removed, CloudTrail's records of their calls were not: %w", plan.First, plan.Keep-1, err)
				}
			}
		}
		if output.value == "json" {
			err = json.NewEncoder(p.stdout).Encode(result)
		} else {
			err = result.write(p.stdout)
		}
		if err == nil && !*confirm && plan.Entries() > 0 {
			fmt.Fprintln(p.stderr, "nothing was removed: --confirm does it")
		}
		return err
	}
	return cmd
}

// planPrune finds out what would be removed, with progress on a terminal.
func (p *program) planPrune(ctx context.Context, dir string, before time.Time) (*ledger.PrunePlan, error) {
	o := ledger.PruneOptions{Dir: dir, Before: before}
	if onTerminal(p.stderr) {
		o.Progress = func(at ledger.Progress) { fmt.Fprintf(p.stderr, "\r%d entries compared ", at.Entries) }
		defer fmt.Fprint(p.stderr, "\r\033[K")
	}
	return ledger.PlanPrune(ctx, o)
}

// prune opens the log in place of the server that usually writes it, and removes what the plan says. It returns the index of the entry that records it.
func prune(ctx context.Context, dir string, plan *ledger.PrunePlan) (record uint64, err error) {
	key, err := ledger.ReadVerifierKey(dir)
	if err != nil {
		return 0, err
	}
	name, _, _ := strings.Cut(key, "+") // the log's name, whatever the configuration calls it by now
	// Without a reserve: whoever prunes may do so because the disk is full.
	j, err := journal.Open(ctx, journal.Config{Dir: dir, Origin: name, Version: version, CommitTimeout: pruneTimeout})
	if err != nil {
		return 0, err
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), pruneTimeout)
	defer cancel()
	l, err := ledger.Open(ctx, ledger.Config{Dir: dir, Origin: name, Source: ledger.JournalSource(j, dir)})
	if err != nil {
		return 0, errors.Join(err, j.Close(closing))
	}
	record, err = l.Prune(ctx, j, plan, operator())
	return record, errors.Join(err, j.Close(closing), l.Close(closing))
}

// recordsOutlive is for how long verdicts may rest on a record of CloudTrail's: until one is awaited no more, and a day.
const recordsOutlive = 72 * time.Hour

// countRecords counts the records in the archive that nothing rests on but what is removed.
func countRecords(ctx context.Context, dir string, plan *ledger.PrunePlan) (n int64, err error) {
	if plan.Entries() == 0 {
		return 0, nil
	}
	a, err := archive.OpenReader(ctx, dir)
	if errors.Is(err, archive.ErrAbsent) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err = a.Older(ctx, plan.Newest.Add(-recordsOutlive))
	return n, errors.Join(err, a.Close())
}

// pruneRecords removes them.
func pruneRecords(ctx context.Context, dir string, plan *ledger.PrunePlan) (n int64, err error) {
	a, err := archive.Open(ctx, archive.Config{Dir: dir})
	if err != nil {
		return 0, err
	}
	n, err = a.Prune(ctx, plan.Newest.Add(-recordsOutlive))
	return n, errors.Join(err, a.Close())
}

// checkOwner refuses to write to a log as anybody but its owner: a server that runs as that one could not read what was written.
func checkOwner(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) == os.Geteuid() {
		return nil
	}
	name := strconv.Itoa(int(owner.Uid))
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	return fmt.Errorf("the log %q belongs to %s, which could not read what another user writes there: run this as %s, for example with sudo -u %s", dir, name, name, name)
}

// operator names who runs the command, as the log's principal.
func operator() string {
	if u, err := user.Current(); err == nil {
		return "local:" + u.Username
	}
	return "local"
}

// pruneResult is what a prune has removed, or would.
type pruneResult struct {
	*ledger.PrunePlan
	Entries uint64  `json:"entries"`
	Removed bool    `json:"removed"`
	Record  *uint64 `json:"record,omitempty"` // the entry that says so

	CloudTrailRecords int64 `json:"cloudtrail_records"`
}

func (r *pruneResult) write(to io.Writer) error {
	if r.Entries == 0 {
		_, err := fmt.Fprintf(to, "nothing to remove: %s\n", r.Why)
		return err
	}
	what := "would remove"
	if r.Removed {
		what = "removed"
	}
	records := ""
	if r.CloudTrailRecords > 0 {
		records = fmt.Sprintf("%14sand %s of CloudTrail's\n", "", plural(int(r.CloudTrailRecords), "record"))
	}
	_, err := fmt.Fprintf(to, "%-12s  entries %d to %d, %s, %d bytes on the disk\n%-12s  from %s to %s\n%skeeps         all from entry %d on: %s\n",
		what, r.First, r.Keep-1, plural(r.Segments, "file"), r.Bytes,
		"", r.Oldest.UTC().Format(time.RFC3339), r.Newest.UTC().Format(time.RFC3339), records, r.Keep, r.Why)
	if err == nil && r.Removed {
		_, err = fmt.Fprintf(to, "recorded      as entry %d\n", *r.Record)
	}
	return err
}
