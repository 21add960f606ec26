package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/audit/index"
)

func newAuditReindexCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reindex",
		Short: "Build the search index again from the log",
		Long: `Builds the search index of the dashboard and the API from the log, from nothing. That
is never needed for what it returns, which is read from the log: a gatepost builds the
index itself when it is gone, damaged or of another version. It serves to have it built
before one starts, and to leave out of its counts what was pruned.

The log is only read. While a gatepost runs on the log, the index is its own.`,
		Example: `  gatepost audit reindex --data-dir /var/lib/gatepost/audit`,
		Args:    noArguments,
	}
	addLogFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		dir, err := p.logDir(cmd)
		if err != nil {
			return err
		}
		if err := checkOwner(dir); err != nil {
			return err
		}
		source, err := index.Directory(dir)
		if err != nil {
			return err
		}
		x, err := index.Open(cmd.Context(), index.Config{Dir: dir, Source: source})
		if errors.Is(err, index.ErrLocked) {
			return fmt.Errorf("a gatepost runs on the log %q and keeps its index: stop it first, or let it be: it rebuilds the index by itself when that is damaged", dir)
		}
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, x.Close()) }()
		progress := func(done, total uint64) {}
		if onTerminal(p.stderr) {
			progress = func(done, total uint64) {
				fmt.Fprintf(p.stderr, "\r%d entries, %d %%", done, done*100/max(total, 1))
			}
			defer fmt.Fprint(p.stderr, "\r\033[K")
		}
		if err := x.Rebuild(cmd.Context(), progress); err != nil {
			return err
		}
		fmt.Fprintf(p.stderr, "%d entries indexed\n", x.Indexed())
		return nil
	}
	return cmd
}
