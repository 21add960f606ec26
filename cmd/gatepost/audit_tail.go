package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// followInterval is how often a followed log is looked at: often enough to
// feel immediate.
const followInterval = 200 * time.Millisecond

func newAuditTailCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tail [flags]",
		Short: "Show the last events, and follow the log",
		Long: `Shows the last events in the order of the log, and with --follow goes on with each
new one until interrupted. Events are followed by their position, so that none is
missed or repeated when the log begins a new file, or a server is lost for a while.
Intents and verdicts are left out: --also shows them too, --kind them alone.`,
		Example: `  gatepost audit tail
  gatepost audit tail -n 50 -f --config gatepost.yaml
  gatepost audit tail -f --decision deny
  gatepost audit tail -f --server http://127.0.0.1:9090 --token-file soc.token
  gatepost audit tail -n 0 -f --output json | jq -r '[.time, .principal, .operation] | @tsv'`,
		Args: noArguments,
	}
	lines := cmd.Flags().IntP("lines", "n", 10, "`number` of events to begin with")
	follow := cmd.Flags().BoolP("follow", "f", false, "go on with new events")
	filter := addEventFlags(cmd)
	addLogFlags(cmd)
	addServerFlags(cmd)
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *lines < 0 {
			return misuse("-n %d: write 0 or a positive number", *lines)
		}
		s, err := p.server(cmd)
		if err != nil {
			return err
		}
		if s != nil {
			return p.tailServer(cmd.Context(), s, filter(), *lines, *follow, output.value)
		}
		dir, err := p.logDir(cmd)
		if err != nil {
			return err
		}
		t := logTail{dir: dir, filter: filter(), out: p.newEventOutput(output.value, nil), damaged: &damage{program: p}}
		if err := t.last(cmd.Context(), *lines); err != nil {
			return err
		}
		if *follow {
			if err := t.follow(cmd.Context()); err != nil {
				return err
			}
		}
		return t.damaged.err()
	}
	return cmd
}

// logTail shows the end of a log.
type logTail struct {
	dir     string
	filter  eventFilter
	out     *eventOutput
	next    uint64 // index of the first line that was not looked at yet
	damaged *damage
}

// last shows the newest n events that are chosen, oldest first.
func (t *logTail) last(ctx context.Context, n int) error {
	var newest []record
	first := true
	for r, err := range backward(ctx, t.dir, nil, nil, t.damaged) {
		if err != nil {
			return err
		}
		if first {
			t.next, first = r.event.Index+1, false
		}
		if len(newest) == n || !t.filter.Since.IsZero() && r.event.Time.Before(t.filter.Since.Add(-clockSlack)) {
			break
		}
		if t.filter.match(&r.event, nil) {
			newest = append(newest, r.kept())
		}
	}
	slices.Reverse(newest)
	return t.out.write(newest...)
}

// follow shows each new event that is chosen, until ctx is done.
func (t *logTail) follow(ctx context.Context) error {
	tick := time.NewTicker(followInterval)
	defer tick.Stop()
	for {
		var fresh []record
		for line, err := range journal.ReadDir(t.dir, t.next) {
			if missing, ok := errors.AsType[*journal.MissingError](err); ok {
				t.damaged.take(err)
				t.next = missing.Last + 1
				continue
			}
			if err != nil {
				return err
			}
			if ctx.Err() != nil {
				break
			}
			t.next = line.Index + 1
			if r, ok := t.damaged.parse(line); ok && t.filter.match(&r.event, nil) {
				fresh = append(fresh, r.kept())
			}
			if len(fresh) == rowBatch {
				if err := t.out.write(fresh...); err != nil {
					return err
				}
				fresh = fresh[:0]
			}
		}
		if err := t.out.write(fresh...); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil // interrupted, as it is meant to be
		case <-tick.C:
		}
	}
}
