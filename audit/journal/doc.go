// Package journal is the log itself: one directory of append-only segments, each
// a file of JSON lines, one line an entry. Everything else that gatepost knows
// about the past can be rebuilt from it.
//
// # Promises
//
// Durable: [Journal.Append] returns without an error only after the line is
// synced to disk, together with the directory entry of the file that holds it,
// and after the file was seen to be the one at its path.
//
// Ordered: indices are contiguous from 0. If one Append returned before another
// was called, its index is the smaller one.
//
// Bounded: Append returns within CommitTimeout, also while the disk hangs, and
// at once with an [*Unavailable] while the journal knows that it cannot commit.
// Memory is bounded by [MaxQueuedBytes].
//
// Honest: what could not be kept is recorded as an event of kind "system" as
// soon as the journal can write again: refused appends, torn tails, segments
// that somebody else touched, calls whose outcome is unknown.
//
// # Segments
//
// A segment is named for the index of its first line. It ends where the next
// one's first index begins: lines behind that are surplus, left by a segment
// that was abandoned, and not part of the log.
//
// After a failed write or sync nobody can know what a file holds, and a second
// sync of the same descriptor may report success for data that is gone. So the
// segment is abandoned, and the same lines are written again, under the same
// indices, to a new segment that starts with the first of them.
//
// # Compression
//
// A segment that has been closed for an hour is compressed in the background, one
// at a time and slowly, but for the newest two: segment-N.jsonl becomes
// segment-N.jsonl.zst, in the form that package
// [github.com/gatepost-proxy/gatepost/audit/journal/seekable] describes, which
// any zstd reads. A line in it keeps its offset, and costs one frame of 256 KiB
// to read.
//
// The compressed file is written under another name, synced, read back and
// compared with the original, and takes its place before that is removed. So each
// line can be reached at any moment, and after a crash at any: while both are
// there, the original counts. A segment that holds anything but its lines is left
// as it is. Who ships the files has an hour for each, or ships the compressed ones.
//
// # Retention
//
// [Journal.Prune] removes old segments whole, the oldest first, once an event of
// the log says so, whose action is [ActionPrune]. Those who read the log get a
// [*MissingError] with Pruned set for what was removed, and without it for what is
// missing otherwise; Open refuses the latter. What may be pruned is decided by
// package ledger, which keeps what proves the lines.
//
// The file "pruned" holds the index of the event of the largest prune, so that
// nobody has to search for it. It is made again if it is lost.
//
// # Group commit
//
// One goroutine writes. While it waits for the disk, callers fill the next batch,
// which it takes as soon as it is back; only when many callers were in flight a
// moment ago does it wait for some of them, for less time than that saves. A
// caller encodes its line outside the lock; the lock only assigns the index and
// copies.
//
// # Concurrency
//
// All methods of a Journal may be called from any number of goroutines. A
// directory has one writer at a time, held by a lock; [ReadDir] and
// [ReadDirBackward] read beside it, from this process or another one, and
// without a writer. So does a [Lookup], which belongs to one goroutine.
package journal
