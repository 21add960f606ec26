// Package keyring knows the callers: their access keys, what each may do, and
// whether a request was signed with one of them.
//
// The keys stand in one YAML file, keys.yaml. A [Ring] reads it strictly, and
// follows it while [Ring.Run] runs: a replaced or rewritten file takes effect
// within 100 ms. A file that is not sound in every part never takes effect; the
// keys loaded before stay, and [Ring.Status] tells of it until it is mended.
//
//	ring, err := keyring.Open("keys.yaml", keyring.Options{Regions: served, Logger: log})
//	if err != nil {
//		return err // every fault of the file, one a line
//	}
//	go ring.Run(ctx)
//	…
//	principal, err := ring.Authenticate(claim)
//
// What it promises:
//
//   - A [Principal] is made by [Ring.Authenticate] alone, from a signature that
//     was right for a key that was loaded at that moment. Whoever holds one knows
//     that this request proved possession of the key.
//   - An unknown key and a wrong signature cannot be told apart: one error, the
//     same work.
//   - Each key has a generation, which changes with any change of its definition
//     and is never used again. What is kept under a generation, as cached answers
//     are, becomes unreachable when the definition changes. Keys that a reload
//     left as they were keep theirs.
//   - No secret is ever part of an error, a log line, a status or a printed value.
//
// [Ring.Authenticate] and the methods of [Principal] take no lock and, once the
// day's signing keys are derived, allocate nothing. All methods of [Ring] and
// [Principal] are safe for concurrent use.
//
// [File] edits keys.yaml for the command line: comments and layout stay, the
// replacement is atomic, and editors exclude each other by a lock.
package keyring
