package main

import (
	"time"

	"github.com/spf13/cobra"
)

// eventOutput writes events: rows of a table for people, or the lines as they
// are stored for programs.
type eventOutput struct {
	program *program
	json    bool
	cells   eventCells
	plain   *table  // nil on a terminal
	screen  *screen // nil elsewhere
}

// addOutputFlag gives cmd --output.
func addOutputFlag(cmd *cobra.Command) *choice {
	return addChoice(cmd, "output", "o", "text for people, or json: the events as stored", true, "text", "json")
}

// newEventOutput writes to stdout, with the column STATE unless v is nil. A
// terminal is given rows that fit into it, in local time; anything else, which
// may keep what it is given or parse it, has every value whole, in UTC.
func (p *program) newEventOutput(form string, v verdicts) *eventOutput {
	o := &eventOutput{program: p, json: form == "json", cells: eventCells{colours: p.palette(p.stdout), verdicts: v}}
	if onTerminal(p.stdout) {
		o.screen = newScreen(p.stdout, p.terminalWidth, time.Local, o.cells)
		return o
	}
	columns := o.cells.columns()
	header := make([]string, len(columns))
	for i, c := range columns {
		header[i] = c.name
	}
	o.plain = newTable(p.stdout, o.cells.colours, header...)
	return o
}

// write adds records, which are printed before it returns.
func (o *eventOutput) write(records ...record) error {
	switch {
	case o.json:
		// A line that could be parsed is canonical, and a canonical line
		// holds nothing that a terminal acts upon.
		for _, r := range records {
			if _, err := o.program.stdout.Write(append(r.line, '\n')); err != nil {
				return err
			}
		}
		return nil
	case len(records) == 0:
		return nil
	case o.screen != nil:
		return o.screen.write(records)
	}
	columns := o.cells.columns()
	rows := make([][]cell, len(records))
	for i := range records {
		for _, c := range columns {
			rows[i] = append(rows[i], c.cell(&records[i].event))
		}
	}
	return o.plain.write(rows...)
}
