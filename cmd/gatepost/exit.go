package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
)

// The exit statuses.
const (
	exitDone  = 0
	exitNo    = 1 // the command did its work, and the answer is no
	exitUsage = 2 // wrong usage or configuration; for a check: it could not be made
	exitStart = 3 // a server could not start
)

// exitError gives an error the status to exit with. Errors without one are of
// usage or configuration.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// answerNo is the error of a command whose answer is no.
func answerNo(format string, args ...any) error {
	return &exitError{code: exitNo, err: fmt.Errorf(format, args...)}
}

// usageError is a command line that cannot be followed; the report points to
// the command's help.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func misuse(format string, args ...any) error {
	return &usageError{err: fmt.Errorf(format, args...)}
}

// report says on standard error what went wrong with cmd, and returns the
// exit status.
func (p *program) report(cmd *cobra.Command, err error) int {
	if err == nil {
		return exitDone
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(p.stderr, "gatepost: interrupted")
		return exitNo
	}
	code := exitUsage
	if exit, ok := errors.AsType[*exitError](err); ok {
		code = exit.code
	}
	if faults, ok := errors.AsType[config.Faults](err); ok {
		// Each line begins with a place, where an editor can jump to.
		fmt.Fprintln(p.stderr, cleanLines(faults.Error()))
		fmt.Fprintf(p.stderr, "gatepost: %s in the configuration\n", plural(len(faults), "fault"))
		return code
	}
	fmt.Fprintf(p.stderr, "gatepost: %s\n", cleanLines(err.Error()))
	if _, ok := errors.AsType[*usageError](err); ok {
		fmt.Fprintf(p.stderr, "Run '%s --help' for usage.\n", cmd.CommandPath())
	}
	return code
}

// plural writes n and its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
