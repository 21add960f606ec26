package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/audit"
)

// eventOutput writes events: rows of a table for people, or the lines as they
// are stored for programs.
type eventOutput struct {
	program  *program
	json     bool
	table    *table
	colours  palette
	verdicts verdicts // adds the column STATE; nil leaves it out
}

// addOutputFlag gives cmd --output.
func addOutputFlag(cmd *cobra.Command) *choice {
	return addChoice(cmd, "output", "o", "text for people, or json: the events as stored", true, "text", "json")
}

func (p *program) newEventOutput(form string, v verdicts) *eventOutput {
	o := &eventOutput{program: p, json: form == "json", colours: p.palette(p.stdout), verdicts: v}
	header := []string{"TIME", "ID", "KIND", "PRINCIPAL", "OPERATION", "CONNECTION", "CACHE", "STATUS", "TOOK", "RESULT"}
	if v != nil {
		header = append(header[:len(header)-1], "STATE", "RESULT")
	}
	o.table = newTable(p.stdout, o.colours, header...)
	return o
}

// write adds records, which are printed before it returns.
func (o *eventOutput) write(records ...record) error {
	if o.json {
		// A line that could be parsed is canonical, and a canonical line
		// holds nothing that a terminal acts upon.
		for _, r := range records {
			if _, err := o.program.stdout.Write(append(r.line, '\n')); err != nil {
				return err
			}
		}
		return nil
	}
	if len(records) == 0 {
		return nil
	}
	rows := make([][]cell, len(records))
	for i := range records {
		rows[i] = o.row(&records[i].event)
	}
	return o.table.write(rows...)
}

func (o *eventOutput) row(e *audit.Event) []cell {
	row := []cell{
		{e.Time.UTC().Format("2006-01-02T15:04:05.000Z"), o.colours.faint},
		{e.ID, nil},
		{string(e.Kind), nil},
		{e.Principal, nil},
		{e.Operation, nil},
		{e.ConnectionID, nil},
		{string(e.Cache), nil},
		{number(e.Status), o.statusColour(e.Status)},
		{microseconds(e.DurationUS), nil},
	}
	if e.Cache == audit.CacheHit {
		row[6].paint = o.colours.green
	}
	if o.verdicts != nil {
		state := e.State
		if e.Kind == audit.KindOutcome {
			state = o.verdicts.state(e.ID)
		}
		row = append(row, cell{state, o.stateColour(state)})
	}
	text, paint := o.result(e)
	return append(row, cell{text, paint})
}

// result says in a few words what an event says.
func (o *eventOutput) result(e *audit.Event) (string, func(string) string) {
	switch e.Kind {
	case audit.KindIntent:
		return "AWS is about to be asked", o.colours.faint
	case audit.KindOutcome:
		switch {
		case e.Decision == audit.Deny:
			return strings.TrimSpace("denied " + e.Reason), o.colours.red
		case e.ErrorClass != audit.ErrorClassNone && e.ErrorClass != "":
			return strings.TrimSpace(string(e.ErrorClass) + " " + e.ErrorCode), o.colours.yellow
		default:
			return "ok", nil
		}
	case audit.KindVerdict:
		return fmt.Sprintf("%s: attempt %d of %s", e.State, e.OfAttempt+1, e.Of), o.stateColour(e.State)
	default:
		words := []string{e.Action}
		if o.verdicts == nil || e.Action == "" {
			words = append(words, e.State)
		}
		if e.Count > 0 {
			words = append(words, strconv.FormatUint(e.Count, 10))
		}
		words = append(words, e.Reason, e.Detail)
		if e.Of != "" {
			words = append(words, "of "+e.Of)
		}
		var paint func(string) string
		if e.Kind == audit.KindFinding {
			paint = o.colours.yellow
		}
		return strings.Join(strings.Fields(strings.Join(words, " ")), " "), paint
	}
}

func (o *eventOutput) statusColour(status int) func(string) string {
	switch {
	case status >= 500:
		return o.colours.red
	case status >= 400:
		return o.colours.yellow
	default:
		return nil
	}
}

func (o *eventOutput) stateColour(state string) func(string) string {
	switch state {
	case "matched", "covered":
		return o.colours.green
	case "missing", "mismatched", "bypass":
		return o.colours.red
	case "late", "ambiguous", "matched_weak", "foreign_instance", "amended":
		return o.colours.yellow
	default:
		return nil
	}
}

// number writes n, and 0, which means that it does not apply, as nothing.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// microseconds writes a duration with three digits that count.
func microseconds(us int64) string {
	if us == 0 {
		return ""
	}
	d := time.Duration(us) * time.Microsecond
	for unit := time.Second; unit >= time.Microsecond; unit /= 10 {
		if d >= unit*100 {
			return d.Round(unit).String()
		}
	}
	return d.String()
}
