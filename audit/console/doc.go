// Package console is the admin listener: the API over the audit log, the pages of
// the dashboard, the log's tiles and proofs, purging of the cache, health,
// readiness and metrics.
//
//	c := console.New(console.Config{Log: journal, Recorder: journal, Index: index, Prover: ledger, …})
//	server := c.Server()
//	server.Serve(listener)
//
// # Who may
//
// With a tokens file every route needs a bearer token of the role that [Routes]
// names, but for /healthz and the short form of /readyz. A token is taken from
// the Authorization field alone, or once, at /login, from a form: a browser then
// has a session, which is worth what its token is worth at the moment. A session
// is for the pages, and for the two paths of the API that their scripts ask for.
//
// Without one, requests are taken from this machine, for this machine: the peer
// and the Host have to be loopback, so that a page whose name was rebound to
// 127.0.0.1 gets nothing, and nothing may have forwarded the request. Requests
// that a browser sends for another site's page are refused, whatever their
// method; whoever follows a link from there is asked first. What changes
// something by a session has to be proved to come from gatepost's own page.
//
// # Reading is recorded
//
// Whoever reads entries of the log is himself recorded: an event of kind "admin"
// is durable before the first byte of the answer leaves, and a reading that
// cannot be recorded is refused with 503. That holds for events, an event, its
// proof, the stream, findings, connections, callers, what is exported of these and
// the entries of the tree's tiles, also if what was asked for is not there; not for
// requests that were refused before anything was looked up.
//
// Watching must not fill the log with the watching. So a stream is recorded when
// it is opened, not for each event that it carries: a dashboard follows the log
// with one record. Counts and hashes are not entries: /, /api/v1/summary, /metrics,
// /checkpoint and the tiles of hashes can be polled and leave no record. And each
// token has a rate of recorded readings, past which it gets 429.
//
// # Promises
//
// Lines leave as they are stored, byte for byte, so that their proofs hold. The
// stream loses and repeats nothing, however often it is resumed: it reads the
// log, not a copy of what happens. No client can make it hold more memory than a
// buffer: who does not read is cut off, and resumes. Who asks for the newest alone,
// as pages do, is told what is left out.
//
// Viewers cost callers nothing that they could notice: the log's end is read once
// for all streams, and held against each filter once; and while callers keep it
// growing fast, streams together have a small share of the processors, and come
// later.
//
// Errors are RFC 9457 documents; those about a parameter name it. /openapi.json
// describes all of it, and a test holds it to what is served.
//
// # Concurrency
//
// A Console is safe for concurrent use. [Console.Close] ends the streams.
package console
