// Package reconcile holds the audit log against CloudTrail: it feeds the pure core
// of package correlate with the log's entries and a source's records, and does
// with its verdicts and findings what is to be done.
//
//	r, err := reconcile.Open(ctx, reconcile.Config{Journal: j, Archive: a, Sources: sources, …})
//	go r.Run(ctx)
//
// A [Reconciler] follows a log that grows, and appends verdicts and findings to
// it. [Offline] holds a log as it is against the log files of a trail, changes
// nothing, and reports.
//
// # Promises
//
// A verdict is in the log, durably, before the source that led to it is told that
// it may go on; so whatever moment a process dies at, the next one reads what
// remains undecided again, and the log itself tells it what was decided. Where it
// has to read from is kept in the archive, which may be lost: then it reads the
// log from its beginning.
//
// Nothing here is on a request's path. Entries of which CloudTrail can know
// nothing, hits and refusals above all, are counted without being parsed, and the
// log is followed in strides of [stride] rather than entry by entry.
//
// What cannot be recorded, because the log refuses, is not decided: sources wait.
//
// # Concurrency
//
// Run is called once. The other methods may be called from any number of
// goroutines.
package reconcile
