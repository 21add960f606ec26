package console

import (
	"errors"
	"slices"

	"github.com/gatepost-proxy/gatepost/audit"
)

// lineFilter chooses lines as a query does.
type lineFilter struct {
	lines  *audit.LineFilter
	hidden []audit.Kind
}

// newLineFilter makes one. Without a kind, neither intents nor verdicts are chosen
// unless they are asked for, as on a page of events.
func newLineFilter(q *query) *lineFilter {
	f := &lineFilter{lines: audit.NewLineFilter(q.filter)}
	for _, kind := range []audit.Kind{audit.KindIntent, audit.KindVerdict} {
		if q.filter.Kind == "" && !slices.Contains(q.also, kind) {
			f.hidden = append(f.hidden, kind)
		}
	}
	return f
}

var errNoLine = errors.New("not a line of the log")

func (f *lineFilter) match(line []byte) (bool, error) {
	outline, ok := audit.ParseOutline(line)
	if !ok {
		return false, errNoLine
	}
	return f.matchOutlined(line, &outline)
}

func (f *lineFilter) matchOutlined(line []byte, outline *audit.Outline) (bool, error) {
	if slices.Contains(f.hidden, outline.Kind) {
		return false, nil
	}
	return f.lines.Match(line, outline)
}
