package livefile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Fault is one thing wrong with a file. It quotes nothing of the file that could be
// a secret in the wrong place.
type Fault struct {
	File string
	// Line and Column count from 1; both are 0 for a fault of the file as a whole.
	Line, Column int
	// Key is the dotted path of the key, as keys[0].allow[1].regions; empty when
	// none is meant.
	Key string
	// Problem says what is wrong, then what to do about it.
	Problem string
	// Err is the cause when it is an error, for errors.Is; nil otherwise.
	Err error
}

// Error is the fault on one line: place, key, problem.
func (f *Fault) Error() string {
	place := f.File
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
	}
	if f.Key == "" {
		return place + ": " + f.Problem
	}
	return place + ": " + f.Key + ": " + f.Problem
}

// Unwrap is the cause.
func (f *Fault) Unwrap() error { return f.Err }

// faultOf says that a file could not be read.
func faultOf(path string, err error) *Fault {
	problem := err.Error()
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		problem = pathErr.Err.Error() // the path stands in front
	}
	return &Fault{File: path, Problem: problem, Err: err}
}

// joinFaults is one error for all of them, in the file's order, or nil.
func joinFaults(faults []*Fault) error {
	slices.SortStableFunc(faults, func(a, b *Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	errs := make([]error, len(faults))
	for i, f := range faults {
		errs[i] = f
	}
	return errors.Join(errs...)
}

// QuoteWord quotes, behind a space, what looks like a mistyped word, and nothing
// that could be a secret in its place, for which it is empty.
func QuoteWord(word string) string {
	const longest = 20
	if word == "" || len(word) > longest || strings.Trim(word, letters+"_-") != "" {
		return ""
	}
	return fmt.Sprintf(" %q", word)
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
