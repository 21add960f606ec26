// Package proxy answers callers of the Outposts API.
//
// [Handler.Serve] is a call's whole life, top to bottom: canonical form, authentication, operation, authorisation, then the cache or
// (intent, AWS, validation), then the outcome, then the answer. No branch skips a step and nothing is looked up before the caller is
// proved.
//
// Promises:
//   - An answer leaves only after its outcome is durable in the journal, and a request to AWS only after its intent is. When the journal
//     cannot commit in time the caller gets 503 and AWS is not called; there is no mode in which calls go unrecorded.
//   - A GetConnection answer, cached or not, goes only to a caller who proved possession of a key in this very request and whose policy
//     allows that id when the answer is given: a change of keys during a call to AWS counts.
//   - Every refusal is recorded. Those of callers who proved nothing are recorded one by one up to a rate for each source, and past it
//     counted in a summary that is opened in the journal before the first of them is answered (see [Handler.Run]).
//   - A caller who goes away cancels nothing: what was begun is finished and recorded.
//
// A Handler is safe for concurrent use.
package proxy
