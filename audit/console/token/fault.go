package token

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing wrong with a tokens file. It quotes nothing of the file that
// could be a token in the wrong place.
type Fault struct {
	File string
	// Line and Column count from 1; both are 0 for a fault of the file as a whole.
	Line, Column int
	// Key is the dotted path of the key, as tokens[0].role; empty when none is
	// meant.
	Key string
	// Problem says what is wrong, then what to do about it.
	Problem string
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

// quoteWord quotes, behind a space, what looks like a mistyped word, and nothing
// that could be a token.
func quoteWord(word string) string {
	const longest = 20
	if word == "" || len(word) > longest || strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") != "" {
		return ""
	}
	return fmt.Sprintf(" %q", word)
}
