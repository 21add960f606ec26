package main

import (
	"io"
	"os"
	"slices"
	"strings"

	"github.com/mattn/go-isatty"
)

// onTerminal reports whether w is one.
func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// palette is how to colour output; the zero palette does not.
type palette struct{ on bool }

// palette returns colours for w when it is a terminal whose owner has not set
// NO_COLOR, to anything but the empty text, or TERM=dumb.
func (p *program) palette(w io.Writer) palette {
	return palette{on: onTerminal(w) && p.getenv("NO_COLOR") == "" && p.getenv("TERM") != "dumb"}
}

func (c palette) paint(code, s string) string {
	if !c.on || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (c palette) bold(s string) string   { return c.paint("1", s) }
func (c palette) faint(s string) string  { return c.paint("2", s) }
func (c palette) red(s string) string    { return c.paint("31", s) }
func (c palette) green(s string) string  { return c.paint("32", s) }
func (c palette) yellow(s string) string { return c.paint("33", s) }

// getenv returns the value of the variable, "" when it is not set. Of one
// given twice the last counts, as for exec.
func (p *program) getenv(name string) string {
	for _, entry := range slices.Backward(p.env) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}
