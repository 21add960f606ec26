package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
)

func newAuditCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Read the audit log",
		Long: `Reads the log straight from its directory, beside a running gatepost or without
one. The directory is what audit.dir names: give it with --data-dir, or the
configuration with --config; else GATEPOST_AUDIT_DIR or data/audit is read. tail,
query, show and findings also ask a running gatepost, with --server.

Two lines of the log belong to a call to AWS: the intent, written before AWS is
asked, and the outcome, written before the caller is answered. They share an id.`,
	}
	cmd.AddCommand(newAuditTailCommand(p), newAuditQueryCommand(p), newAuditShowCommand(p), newAuditFindingsCommand(p), newAuditExportCommand(p),
		newAuditVerifyCommand(p), newAuditProveCommand(p), newAuditCheckProofCommand(p), newAuditPublicKeyCommand(p),
		newAuditPruneCommand(p), newAuditReindexCommand(p), newAuditReconcileCommand(p))
	return grouping(cmd)
}

// addLogFlags gives cmd --data-dir and --config, which say where the log is.
func addLogFlags(cmd *cobra.Command) {
	cmd.Flags().StringP("data-dir", "d", "", "`directory` of the log, what audit.dir names")
	_ = cmd.MarkFlagDirname("data-dir")
	addFileFlag(cmd)
}

// logDir returns the directory of the log that cmd's flags and the
// environment name.
func (p *program) logDir(cmd *cobra.Command) (string, error) {
	dir, err := cmd.Flags().GetString("data-dir")
	if err != nil {
		return "", err
	}
	if cmd.Flags().Changed("data-dir") {
		if cmd.Flags().Changed("config") {
			return "", misuse("--data-dir and --config both name the log: give one")
		}
	} else {
		file, err := cmd.Flags().GetString("config")
		if err != nil {
			return "", err
		}
		loaded, err := config.Load(config.Sources{File: file, Env: p.env})
		if err != nil {
			return "", err
		}
		dir = loaded.Config.Audit.Dir
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		where := ""
		if wd, err := os.Getwd(); err == nil && !filepath.IsAbs(dir) {
			where = fmt.Sprintf(" in %q", wd)
		}
		return "", fmt.Errorf("there is no log directory %q%s: name it with --data-dir, or the configuration with --config", dir, where)
	case err != nil:
		return "", err
	case !info.IsDir():
		return "", fmt.Errorf("%q is not a directory: name the one that holds the log", dir)
	}
	return dir, nil
}

// record is a line of the log and what it says.
type record struct {
	line  []byte // valid until the next step of the reader that yielded it; see kept
	event audit.Event
}

// kept returns r with a line of its own, for longer use.
func (r record) kept() record {
	r.line = slices.Clone(r.line)
	return r
}

// damage counts the places where a log is not what gatepost wrote. They are
// told of on the way, and make the command end with the answer no.
type damage struct {
	program *program
	places  int
	pruned  uint64 // the entries before this one were removed on purpose, which is none
}

// found tells of one.
func (d *damage) found(err error) {
	d.places++
	fmt.Fprintf(d.program.stderr, "warning: damaged log: %s\n", clean(err.Error()))
}

// take reports whether err, which a reader of the log yielded, is damage, or
// entries that were pruned, and tells of it.
func (d *damage) take(err error) bool {
	absent, missing := errors.AsType[*journal.MissingError](err)
	if missing && absent.Pruned {
		if d.pruned <= absent.Last {
			d.pruned = absent.Last + 1
			fmt.Fprintf(d.program.stderr, "note: the entries before %d were pruned: only proofs of them can still be made\n", d.pruned)
		}
		return true
	}
	_, corrupt := errors.AsType[*journal.CorruptError](err)
	if missing || corrupt {
		d.found(err)
	}
	return missing || corrupt
}

// parse makes a record of a line.
func (d *damage) parse(line journal.Line) (record, bool) {
	e, err := audit.ParseLine(line.Bytes)
	if err != nil {
		d.found(fmt.Errorf("entry %d: %w", line.Index, err))
		return record{}, false
	}
	return record{line: line.Bytes, event: e}, true
}

func (d *damage) err() error {
	if d.places == 0 {
		return nil
	}
	return answerNo("the log is damaged in %s: gatepost audit verify tells what happened to it", plural(d.places, "place"))
}
