package main

import (
	"bufio"
	"io"
	"slices"
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

// fit chooses the columns that have room, the ones that matter most first, and
// shares out what is left among them.
func (c eventCells) fit(l layout, zone *time.Location) []fittedColumn {
	form := "01-02 15:04:05"
	if l.width >= wideScreen {
		form = "2006-01-02 15:04:05.000"
	}
	all := []eventColumn{
		c.time("TIME "+l.zone, form, zone), c.id(), c.index(l.indices), c.kind(), c.principal(), c.operation(),
		c.connection(), c.cache(), c.status(), c.took(), c.state(), c.result(),
	}
	importance := []string{all[0].name, "RESULT", "PRINCIPAL", "OPERATION", "STATUS", "INDEX", "CACHE", "STATE", "CONNECTION", "TOOK", "KIND", "ID"}
	named := func(name string) eventColumn {
		return all[slices.IndexFunc(all, func(col eventColumn) bool { return col.name == name })]
	}

	left := l.width
	chosen := make(map[string]int) // width by name
	for _, name := range importance {
		if name == "STATE" && c.verdicts == nil {
			continue
		}
		col := named(name)
		need := col.least + len(screenGap)
		if len(chosen) == 0 {
			need -= len(screenGap)
		}
		if name == "ID" { // it takes the place of the index, which says the same
			need -= chosen["INDEX"] + len(screenGap)
		}
		if need > left {
			continue
		}
		left -= need
		chosen[name] = col.least
		if name == "ID" {
			delete(chosen, "INDEX")
		}
	}
	// A column more for each that wants it, in turns, and the rest to the last.
	for grown := true; grown && left > 0; {
		grown = false
		for _, name := range importance {
			if width, ok := chosen[name]; ok && width < named(name).want && left > 0 {
				chosen[name]++
				left--
				grown = true
			}
		}
	}
	if _, ok := chosen["RESULT"]; ok {
		chosen["RESULT"] += left
	}

	var fitted []fittedColumn
	for _, col := range all {
		if width, ok := chosen[col.name]; ok {
			fitted = append(fitted, fittedColumn{col, width})
		}
	}
	return fitted
}
