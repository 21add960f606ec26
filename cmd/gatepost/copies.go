package main

import (
	"io"

	"github.com/gatepost-proxy/gatepost/audit/console"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
)

// checkpointCopies are where copies of checkpoints go.
func checkpointCopies(c config.Audit, stdout io.Writer) ([]ledger.Sink, error) {
	var sinks []ledger.Sink
	for _, text := range c.CheckpointCopies {
		to, err := config.ParseCheckpointCopy(text)
		switch {
		case err != nil:
			return nil, err
		case to.File != "":
			sinks = append(sinks, ledger.FileSink(to.File, ""))
		case to.Command != nil:
			sinks = append(sinks, ledger.CommandSink(to.Command[0], to.Command[1:]...))
		case stdout != nil:
			sinks = append(sinks, ledger.WriterSink("stdout", stdout))
		}
	}
	return sinks, nil
}

// copiesReadiness tells how the copies do. Calls are answered without them.
func copiesReadiness(copies []ledger.CopyHealth) console.Component {
	c := console.Component{OK: true, Details: map[string]any{}}
	for _, one := range copies {
		detail := map[string]any{"ok": one.OK}
		if !one.Delivered.IsZero() {
			detail["delivered"] = one.Delivered
		}
		if !one.Waiting.IsZero() {
			detail["waiting_since"] = one.Waiting
		}
		if !one.OK {
			detail["reason"] = one.Reason
			if c.OK || one.Since.Before(*c.Since) {
				c.OK, c.Since = false, &one.Since
				c.Reason = "copies of the log's checkpoints are not taken by " + one.Name + ": see the log"
			}
		}
		c.Details[one.Name] = detail
	}
	return c
}
