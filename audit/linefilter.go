package audit

import (
	"bytes"
	"unicode/utf8"
)

// LineFilter chooses the lines whose events a [Filter] chooses, nearly always
// without parsing them: a follower sees every line of the log and has use for few.
// It does not change, and may be used by many goroutines.
type LineFilter struct {
	filter Filter
	// members are what each line has that is chosen, as it is written there. With
	// the outline they tell everything but for parse.
	members [][]byte
	text    string // what each has somewhere, the case of ASCII letters aside
	parse   bool
}

// NewLineFilter makes one.
func NewLineFilter(f Filter) *LineFilter {
	l := &LineFilter{filter: f, parse: f.RequestID != "" || f.Q != ""}
	for _, m := range []struct {
		field field
		value string
	}{
		{fieldConnectionID, f.Connection}, {fieldPrincipal, f.Principal}, {fieldOperation, f.Operation},
		{fieldRegion, f.Region}, {fieldErrorClass, string(f.ErrorClass)}, {fieldState, f.State},
	} {
		if m.value != "" {
			l.members = append(l.members, quote([]byte(`,"`+fields[m.field].key+`":`), m.value))
			l.parse = l.parse || !utf8.ValidString(m.value) // another value may be written the same
		}
	}
	if f.RequestID != "" {
		l.members = append(l.members, quote(nil, f.RequestID))
	}
	if plainRun(f.Q) == len(f.Q) {
		l.text = f.Q
	}
	return l
}

// quote appends a string as a line has it. What is longer than any field is in no
// line.
func quote(dst []byte, s string) []byte {
	dst, _ = appendString(dst, s, MaxLineBytes)
	return dst
}

// Match reports whether the event of a line is chosen. The line is in canonical
// form, and outline is what [ParseOutline] read of it. The error is that of
// [ParseLine], where the line had to be parsed.
func (l *LineFilter) Match(line []byte, outline *Outline) (bool, error) {
	f := &l.filter
	if !equal(f.Kind, outline.Kind) || !equal(f.Decision, outline.Decision) || !equal(f.Cache, outline.Cache) || !f.during(outline.Time) {
		return false, nil
	}
	for _, member := range l.members {
		if !bytes.Contains(line, member) {
			return false, nil
		}
	}
	if !containsFold(line, l.text) {
		return false, nil
	}
	if !l.parse {
		return true, nil
	}
	e, err := ParseLine(line)
	return err == nil && f.Match(&e), err
}
