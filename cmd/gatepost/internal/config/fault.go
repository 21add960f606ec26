package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Source is where a value comes from, lowest precedence first.
type Source int

// The sources of a value.
const (
	FromDefault Source = iota
	FromFile
	FromEnvironment
	FromFlag
)

// Origin is the place a value was given.
type Origin struct {
	Source Source
	// Name is the file, the variable or the flag without its dashes.
	Name string
	// Line and Column count from 1; 0 outside a file, and for a fault of the
	// file as a whole.
	Line, Column int
}

// String returns file:line:column, the variable, or the flag with its dashes.
func (o Origin) String() string {
	switch o.Source {
	case FromFile:
		if o.Line == 0 {
			return o.Name
		}
		return fmt.Sprintf("%s:%d:%d", o.Name, o.Line, o.Column)
	case FromEnvironment:
		return "environment " + o.Name
	case FromFlag:
		return "flag --" + o.Name
	default:
		return "default"
	}
}

// Fault is one thing wrong with the configuration.
type Fault struct {
	Origin Origin
	// Key is the dotted key; empty when no key is meant, as for a syntax
	// error.
	Key string
	// Problem says what is wrong, then what to do about it.
	Problem string
}

// Error returns the fault on one line: origin, key, problem. Text from the
// configuration stands in it quoted, so no control character passes.
func (f *Fault) Error() string {
	if f.Key == "" {
		return f.Origin.String() + ": " + f.Problem
	}
	return f.Origin.String() + ": " + f.Key + ": " + f.Problem
}

// Faults is the error of [Load]: everything that is wrong, ordered by source
// and then by place.
type Faults []*Fault

// Error returns one line for each fault.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives errors.Is and errors.AsType each fault.
func (fs Faults) Unwrap() []error {
	errs := make([]error, len(fs))
	for i, f := range fs {
		errs[i] = f
	}
	return errs
}

// err returns fs, sorted and without repetitions, or nil when it is empty.
func (fs Faults) err() error {
	if len(fs) == 0 {
		return nil
	}
	slices.SortStableFunc(fs, func(a, b *Fault) int {
		return cmp.Or(
			cmp.Compare(a.Origin.Source, b.Origin.Source),
			cmp.Compare(a.Origin.Line, b.Origin.Line),
			cmp.Compare(a.Origin.Column, b.Origin.Column),
			cmp.Compare(a.Origin.Name, b.Origin.Name),
			cmp.Compare(a.Key, b.Key),
		)
	})
	return slices.CompactFunc(fs, func(a, b *Fault) bool { return *a == *b })
}
