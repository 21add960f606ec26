// Package index keeps a copy of the audit log that can be searched at once: a
// SQLite file beside the log's segments, derived from them, and off every
// request's path.
//
//	x, err := index.Open(ctx, index.Config{Dir: dir, Source: journal})
//	go x.Run(ctx)
//	page, err := x.Query(ctx, index.Filter{Filter: audit.Filter{Principal: "installer-fra1"}}, "", 50)
//
// # Promises
//
// The log is the truth. What a query returns is read from the log, and looked at
// again before it is returned: an index that is wrong can leave entries out
// until it is rebuilt, but not make them up. One that is found to be wrong,
// absent, another version's or another log's is rebuilt, and that is said. The
// file may be lost or deleted at any instant.
//
// The index is behind the log by [Index.Lag] entries, a quarter of a second at
// usual rates; [Index.Wait] waits for it. Entries are found with the log's first
// first while an index is being built.
//
// Any combination of filters is answered by the intersection of row sets, chunk
// by chunk from the newest; that needs no index for a combination, and costs at
// most one row of 2 KiB for each filter and 16,384 entries, whether anything is
// found or not. What no row set can answer, text that is shorter than three
// characters or part of thousands of values, is looked for entry by entry, and a
// query that takes long returns a short page and the cursor of what is left.
//
// A call has one intent and one outcome at most. A verdict counts for them
// whether it comes before or after.
//
// # Concurrency
//
// Open takes the index for one process; Run, Rebuild and Close exclude each
// other. Queries run beside them from any number of goroutines, and, with
// [OpenReader], processes.
package index
