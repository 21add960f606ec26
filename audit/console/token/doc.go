// Package token knows who may use the admin listener: the tokens of tokens.yaml,
// the role of each, and whether a request carries one of them.
//
// A token is the text gpt_ and 43 characters that stand for 256 random bits. The
// file has its SHA-256 only, so that whoever reads the file cannot use it. A
// [Store] reads the file strictly, and follows it while [Store.Run] runs: a
// replaced or rewritten file takes effect within 100 ms. A file that is not sound
// in every part never takes effect; the tokens loaded before stay, and
// [Store.Status] tells of it until it is mended.
//
//	tokens, err := token.Open("tokens.yaml", token.Options{Logger: log})
//	if err != nil {
//		return err // every fault of the file, one a line
//	}
//	go tokens.Run(ctx)
//	mux.Handle("GET /api/v1/events", tokens.Require(token.Viewer, events))
//	mux.Handle("DELETE /api/v1/cache", tokens.Require(token.Operator, purge))
//
// Without a tokens file, which is for a loopback listener alone, [Loopback] stands
// in for the store.
//
// What it promises:
//
//   - A token is taken from a request's Authorization field with the scheme Bearer,
//     and from nowhere else: neither from the query, which ends up in logs and
//     histories, nor from a cookie or a body.
//   - A handler behind Require runs only for an [Identity] whose role is enough, and
//     finds it with [FromContext].
//   - An unknown and an expired token are answered alike.
//   - No token is ever part of an error, a log line, a status or the file.
//
// All methods of [Store] and [Loopback], and all functions, are safe for concurrent
// use. [Store.Authenticate] takes no lock.
//
// [File] edits tokens.yaml for the command line: comments and layout stay, the
// replacement is atomic, and editors exclude each other by a lock.
package token
