package main

import (
	"bufio"
	"io"
	"strings"
	"unicode/utf8"
)

// cell is a table's cell: its text, and how it is coloured.
type cell struct {
	text  string
	paint func(string) string // nil: not at all
}

// table writes rows in aligned columns. Widths only grow, so that rows which
// follow later stay in line with those before as far as they can.
type table struct {
	out     *bufio.Writer
	colours palette
	header  []string
	widths  []int
	begun   bool
}

func newTable(w io.Writer, colours palette, header ...string) *table {
	t := &table{out: bufio.NewWriter(w), colours: colours, header: header, widths: make([]int, len(header))}
	for i, name := range header {
		t.widths[i] = utf8.RuneCountInString(name)
	}
	return t
}

// write adds rows and flushes them. The header stands before the first.
func (t *table) write(rows ...[]cell) error {
	for _, row := range rows {
		for i := range row {
			// Whatever a cell is made of, it is one line of harmless text.
			row[i].text = clean(row[i].text)
			if row[i].text == "" {
				row[i].text = "-"
			}
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(row[i].text))
		}
	}
	if !t.begun {
		t.begun = true
		head := make([]cell, len(t.header))
		for i, name := range t.header {
			head[i] = cell{name, t.colours.bold}
		}
		t.line(head)
	}
	for _, row := range rows {
		t.line(row)
	}
	return t.out.Flush()
}

func (t *table) line(row []cell) {
	for i, c := range row {
		if c.paint != nil {
			t.out.WriteString(c.paint(c.text))
		} else {
			t.out.WriteString(c.text)
		}
		if i < len(row)-1 {
			t.out.WriteString(strings.Repeat(" ", t.widths[i]-utf8.RuneCountInString(c.text)+2))
		}
	}
	t.out.WriteByte('\n')
}
