// Package audit defines what gatepost records: the [Event], its one canonical
// encoding, its ids and the [Filter] that queries use.
//
// An event is one line of JSON and one entry of the log. The line is made of a
// head, which carries the index that the journal assigns, and a body, which
// does not depend on it and may therefore be encoded before the index is known:
//
//	line := audit.AppendLine(nil, &e)
//	same := audit.AppendBody(audit.AppendHead(nil, e.Index), &e)
//
// # Promises
//
// The encoding is canonical: fields stand in a fixed order, empty ones are left
// out, and [ParseLine] accepts a line only if encoding what it read gives the
// same bytes again. Any JSON reader sees exactly the values that were recorded.
//
// Strings are valid UTF-8; control, bidirectional, separator and invisible
// formatting characters are written as \uXXXX, so that a line is one line in
// every terminal, editor and log shipper. Each string has a cap, counted in
// bytes as written; a field that was cut is named in [Event.Truncated]. No line
// is longer than [MaxLineBytes].
//
// The schema is closed: there is no field that could hold a body, an
// Authorization header, a signature, a token or a secret.
//
// # Concurrency
//
// The package has no state. Every function may be called from any number of
// goroutines, as long as nobody writes the event meanwhile.
package audit
