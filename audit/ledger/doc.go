// Package ledger makes the audit journal tamper-evident. The journal's lines are
// the leaves of a Merkle tree (RFC 6962), whose state is signed in checkpoints;
// the formats are those of C2SP: tlog-tiles, tlog-checkpoint and tlog-proof, so
// that tools which know nothing of gatepost can read, follow and verify the log.
//
//	l, err := ledger.Open(ctx, ledger.Config{
//		Dir: dir, Origin: origin, Source: ledger.JournalSource(j, dir),
//	})
//	go l.Run(ctx)
//	proof, err := l.Prove(ctx, index) // a receipt for the event at index
//	…
//	j.Close(ctx)
//	l.Close(ctx) // signs the journal's last line
//
// # Promises
//
// An entry is covered by a checkpoint one [Config.Interval] after it became
// durable, disk and journal permitting. [Ledger.Close] covers the rest.
//
// Nothing is signed that contradicts what was signed before. A new checkpoint
// needs a consistency proof from the last one, made of the tiles as they are on
// disk; it takes the place of the last one only if that is still there as it was
// written. Otherwise, at the start as in between, the ledger refuses, changes
// nothing, and says what it found and what to do: see [RefusedError].
//
// What a checkpoint covers is on disk before the checkpoint is, and the
// checkpoint is before anybody sees it. After a crash at any point the last
// checkpoint is whole and so are its tiles.
//
// # What it proves, and what not
//
// [Verify] finds every byte of the log that differs from what its checkpoint
// covers, and names the first entry. Entries behind the last checkpoint, an
// interval's worth at most, can be changed without a trace.
//
// Whoever can restore an old state of the whole directory, or has the signing
// key, can present another history with a good signature. Only a checkpoint that
// was kept elsewhere convicts it: give copies away with a [Sink], keep proofs,
// and pass them to [Verify]. A [Keeper] lets the ledger itself notice at its
// start.
//
// A [Proof] stays valid for ever: while the log grows, and when the line that it
// is about has been pruned.
//
// # Pruning
//
// [PlanPrune] finds the old segments of the journal that can be done without:
// every entry older than a given time and than [UnsettledFor], unchanged since it
// was signed, and in a complete tile of level 0 that a checkpoint covers.
// [Ledger.Prune] removes them, after the log itself says so and that is signed.
// Their tiles stay, and so do all proofs: [Verify] takes their hashes from there
// and says how many they are, and a proof of a pruned entry can still be made, to
// be checked with a copy of its line. Entries that are missing without a signed
// record are a fault.
//
// # Files
//
// All are in ledger/ below the audit directory:
//
//	key                 signing key, note package's text form, mode 0600
//	key.pub             verifier key, note package's text form
//	checkpoint          the last signed checkpoint
//	tile/<L>/<N>        complete tiles
//	tile/<L>/<N>.p/<W>  incomplete tiles, in the width of the last checkpoint
//	lock                held by the process that follows
//
// Tiles can be deleted: they are made again from the journal at the next start,
// if that still leads to the signed root. Tiles of level 0 that cover pruned
// lines cannot, for they are all that is left of them. The other files cannot be
// made again either.
//
// Entry bundles are not stored: they are served from the journal's lines.
//
// # Concurrency
//
// [Ledger.Run] is one goroutine, and nothing waits for it but proofs that want a
// newer checkpoint. All other methods may be called from any number of
// goroutines. [Verify], [CheckProof] and [ProveDir] need no ledger and take no
// lock; they may run beside one.
package ledger
