// Package http1 is the callers' listener: HTTP/1.1 (RFC 9112), strict about framing, one request at a time on a connection.
//
// It is a server of its own because a signature covers bytes. net/http and fasthttp hand over a request that they have already repaired:
// bare line feeds and folded lines accepted, Content-Length dropped beside chunked, Host replaced by an absolute target, names
// re-cased, repeated fields joined. A verifier behind them checks something else than what was sent, and a second, strict parser in
// front of them is the classic recipe for request smuggling. Here one parser decides, and it accepts only what has one reading.
//
// Promises:
//   - A [Request] that reaches the [Handler] is well formed: one Host, an origin-form target in printable ASCII, at most [MaxFields]
//     fields in at most [MaxHead] bytes, a body of exactly Content-Length bytes, at most [MaxBody], and no transfer coding at all.
//   - Everything else is handed to [Handler.Refuse] with a status and a reason from a closed set; the connection closes after the answer.
//   - Field values, the target and the body are as received; nothing is decoded, joined, re-cased or reordered.
//   - An answer is written in one piece, with a Date of now and an exact Content-Length.
//   - The handler is never cancelled because its caller went away; [Request.ClientGone] tells.
//
// A Server serves any number of connections concurrently, a goroutine each. Request and Response belong to that goroutine and are
// reused: neither may be kept after the handler returns. Strings taken from a Request may be kept.
package http1
