package main

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"time"
)

// screen writes events as rows that fit into a terminal. Widths follow from the
// terminal's alone, so rows stay in line however long they stream; what does not
// fit is cut, and columns that matter less are left out of a narrow one. When
// the terminal is resized, or summer time ends, the header comes again.
type screen struct {
	out   *bufio.Writer
	width func() int
	zone  *time.Location
	cells eventCells

	layout layout
	fitted []fittedColumn
}

// layout is what the columns depend on.
type layout struct {
	width   int
	zone    string // the name of local time, or its offset, which the header tells
	indices int    // how wide they are
}

// fittedColumn is a column with the width that it was given.
type fittedColumn struct {
	eventColumn
	width int
}

const (
	screenGap = "  " // between columns

	// leastIndices is the width of a log's first million indices, so that the
	// header need not come again while a young log grows.
	leastIndices = 6

	// wideScreen is from where on a time may be long.
	wideScreen = 140
)

func newScreen(w io.Writer, width func() int, zone *time.Location, cells eventCells) *screen {
	return &screen{out: bufio.NewWriter(w), width: width, zone: zone, cells: cells}
}

// write adds rows and flushes them.
func (s *screen) write(records []record) error {
	width := s.width()
	for _, r := range records {
		now := layout{
			width:   width,
			zone:    r.event.Time.In(s.zone).Format("MST"),
			indices: max(s.layout.indices, leastIndices, len(strconv.FormatUint(r.event.Index, 10))),
		}
		if now != s.layout {
			s.layout = now
			s.fitted = s.cells.fit(now, s.zone)
			head := make([]cell, len(s.fitted))
			for i, c := range s.fitted {
				head[i] = cell{c.name, s.cells.colours.bold}
			}
			s.line(head)
		}
		row := make([]cell, len(s.fitted))
		for i, c := range s.fitted {
			row[i] = c.cell(&r.event)
		}
		s.line(row)
	}
	return s.out.Flush()
}

func (s *screen) line(row []cell) {
	for i, c := range row {
		text := inert(c.text)
		if text == "" {
			text = "-"
		}
		text = cut(text, s.fitted[i].width)
		pad := s.fitted[i].width - cellsOf(text)
		if c.paint != nil {
			text = c.paint(text)
		}
		s.out.WriteString(text)
		if i < len(row)-1 {
			s.out.WriteString(strings.Repeat(" ", max(pad, 0)) + screenGap)
		}
	}
	s.out.WriteByte('\n')
}

// fit chooses the columns and their widths: who is given room, one after the
// other, until there is none.
func (c eventCells) fit(l layout, zone *time.Location) []fittedColumn {
	form := "01-02 15:04:05"
	if l.width >= wideScreen {
		form = "2006-01-02 15:04:05.000"
	}
	when := c.time("TIME "+l.zone, form, zone)
	all := []eventColumn{
		when, c.id(), c.index(), c.kind(), c.principal(), c.operation(), c.connection(), c.cache(), c.status(), c.took(), c.state(), c.result(),
	}

	left := l.width + len(screenGap) // the first column has no gap before it
	widths := make(map[string]int)
	for _, grant := range []struct {
		name  string
		width int
	}{
		// What happened, to whom and when.
		{when.name, len(form)}, {"RESULT", 10}, {"PRINCIPAL", 9}, {"OPERATION", 13}, {"STATUS", 6}, {"INDEX", l.indices}, {"CACHE", 9}, {"STATE", 14},
		// Most names whole, and more to know.
		{"PRINCIPAL", 14}, {"RESULT", 14}, {"CONNECTION", 10}, {"OPERATION", 15}, {"TOOK", 7}, {"RESULT", 24}, {"KIND", 7},
		// For terminals over the whole screen.
		{"ID", 36}, {"CONNECTION", 20}, {"PRINCIPAL", 20}, {"RESULT", 40}, {"OPERATION", 24}, {"CONNECTION", 36}, {"PRINCIPAL", 36}, {"RESULT", l.width},
	} {
		has, shown := widths[grant.name]
		need := grant.width - has
		switch {
		case grant.name == "STATE" && c.verdicts == nil:
			continue
		case grant.name == "ID": // takes the place of the index, which says the same
			if need -= widths["INDEX"]; need > left {
				continue
			}
			delete(widths, "INDEX")
		case shown:
			need = min(need, left) // a little more is better than nothing
		case need+len(screenGap) > left:
			continue
		default:
			left -= len(screenGap)
		}
		widths[grant.name] = grant.width
		if shown {
			widths[grant.name] = has + need
		}
		left -= need
	}

	var fitted []fittedColumn
	for _, col := range all {
		if width, ok := widths[col.name]; ok {
			fitted = append(fitted, fittedColumn{col, width})
		}
	}
	return fitted
}
