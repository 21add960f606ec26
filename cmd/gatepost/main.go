// Command gatepost is an auditing and caching proxy for the AWS Outposts API,
// and the tools around it.
//
// This package is wiring: it reads settings, connects the packages that do the
// work, and talks to people. Everything goes through [run], which takes what a
// process gives a program and returns the exit status, so that tests drive the
// whole command without a process. Data goes to standard output and talk to
// standard error; nothing that came from a log, a file or an argument reaches
// a terminal with its control characters.
//
// Exit statuses: 0 done, 1 the answer is no, 2 wrong usage or configuration,
// 3 could not start.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the default applies again: a second one kills.
	context.AfterFunc(ctx, stop)
	standardLog(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
