package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

// eventColumn is a column of a table of events.
type eventColumn struct {
	name string
	cell func(*audit.Event) cell
}

// eventCells says what stands in the columns.
type eventCells struct {
	colours  palette
	verdicts verdicts // fills the column STATE; nil leaves it out
}

// columns are those of a table that may be as wide as it likes.
func (c eventCells) columns() []eventColumn {
	columns := []eventColumn{c.utc(), c.id(), c.kind(), c.principal(), c.operation(), c.connection(), c.cache(), c.status(), c.took()}
	if c.verdicts != nil {
		columns = append(columns, c.state())
	}
	return append(columns, c.result())
}

func (c eventCells) utc() eventColumn {
	return c.time("TIME", "2006-01-02T15:04:05.000Z", time.UTC)
}

func (c eventCells) time(name, layout string, zone *time.Location) eventColumn {
	return eventColumn{name, func(e *audit.Event) cell {
		return cell{e.Time.In(zone).Format(layout), c.colours.faint}
	}}
}

func (c eventCells) id() eventColumn {
	return eventColumn{"ID", func(e *audit.Event) cell { return cell{e.ID, nil} }}
}

// index names an event, as its id does, in less room.
func (c eventCells) index() eventColumn {
	return eventColumn{"INDEX", func(e *audit.Event) cell { return cell{strconv.FormatUint(e.Index, 10), nil} }}
}

func (c eventCells) kind() eventColumn {
	return eventColumn{"KIND", func(e *audit.Event) cell { return cell{string(e.Kind), c.kindColour(e.Kind)} }}
}

func (c eventCells) principal() eventColumn {
	return eventColumn{"PRINCIPAL", func(e *audit.Event) cell { return cell{e.Principal, nil} }}
}

func (c eventCells) operation() eventColumn {
	return eventColumn{"OPERATION", func(e *audit.Event) cell { return cell{e.Operation, nil} }}
}

func (c eventCells) connection() eventColumn {
	return eventColumn{"CONNECTION", func(e *audit.Event) cell { return cell{e.ConnectionID, nil} }}
}

func (c eventCells) cache() eventColumn {
	return eventColumn{"CACHE", func(e *audit.Event) cell { return cell{string(e.Cache), c.cacheColour(e.Cache)} }}
}

func (c eventCells) status() eventColumn {
	return eventColumn{"STATUS", func(e *audit.Event) cell { return cell{number(e.Status), c.statusColour(e.Status)} }}
}

func (c eventCells) took() eventColumn {
	return eventColumn{"TOOK", func(e *audit.Event) cell { return cell{microseconds(e.DurationUS), nil} }}
}

func (c eventCells) state() eventColumn {
	return eventColumn{"STATE", func(e *audit.Event) cell {
		state := e.State
		if e.Kind == audit.KindOutcome {
			state = c.verdicts.state(e)
		}
		return cell{state, c.stateColour(state)}
	}}
}

func (c eventCells) result() eventColumn {
	return eventColumn{"RESULT", func(e *audit.Event) cell {
		text, paint := c.outcome(e)
		return cell{text, paint}
	}}
}

// outcome says in a few words what an event says.
func (c eventCells) outcome(e *audit.Event) (string, func(string) string) {
	switch e.Kind {
	case audit.KindIntent:
		return "AWS is about to be asked", c.colours.faint
	case audit.KindOutcome:
		switch {
		case e.Decision == audit.Deny:
			return strings.TrimSpace("denied " + e.Reason), c.decisionColour(e.Decision)
		case e.ErrorClass != audit.ErrorClassNone && e.ErrorClass != "":
			return strings.TrimSpace(string(e.ErrorClass) + " " + e.ErrorCode), c.classColour(e.ErrorClass)
		default:
			return "ok", nil
		}
	case audit.KindVerdict:
		return fmt.Sprintf("%s: attempt %d of %s", e.State, e.OfAttempt+1, e.Of), c.stateColour(e.State)
	default:
		words := []string{e.Action}
		if c.verdicts == nil || e.Action == "" {
			words = append(words, e.State)
		}
		if e.Count > 0 {
			words = append(words, strconv.FormatUint(e.Count, 10))
		}
		words = append(words, e.Reason, e.Detail)
		if e.Of != "" {
			words = append(words, "of "+e.Of)
		}
		text := strings.Join(strings.Fields(strings.Join(words, " ")), " ")
		if e.Kind == audit.KindFinding {
			return text, c.stateColour(e.State)
		}
		return text, nil
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
