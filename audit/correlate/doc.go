// Package correlate holds the log against CloudTrail: each attempt to call AWS
// ends in a named [State], and each record of an Outposts call that is none of the
// log's is a finding of some [Kind]. It is pure: no I/O, no clock of its own.
//
//	c := correlate.New(correlate.Config{Start: began})
//	for e := range log.From(low) {
//		c.Entry(&e)
//	}
//	publish(c.Tick(now)) // from here on it decides
//	publish(c.Records(seen, records))
//	publish(c.Covered(now, coverage))
//
// What the methods return is to be appended to the log, and is given to
// [Correlator.Entry] like all of it.
//
// # Joining
//
// A record is joined with an attempt by the first of these that there is:
//
//   - request_id: the request id is the one that AWS answered the attempt with;
//   - event_token: the user agent names the call. A user agent is the caller's to
//     choose, so the record is believed only if AWS's word on operation, account
//     and principal does not contradict, and if an attempt is left that has
//     neither another request id nor another record: one whose answer was lost, or
//     one whose record came without a request id;
//   - weak: request id and user agent tell nothing, and principal, operation,
//     region, connection id and time fit. Never counted as matched; a record that
//     fits several attempts makes them ambiguous, until all but one have records
//     of their own.
//
// Better evidence takes an attempt from a record, which is then judged again. A
// record of which the log cannot know the call yet waits until the log has been
// read Grace past it. What nobody claims by then is a finding: bypass,
// known_direct if a [Rule] says so, foreign_instance if the user agent names a call
// that the log does not know. A user agent that names a call of the log's and is
// not believed makes a bypass, whatever the rules say.
//
// # States
//
// The states of an attempt only move forward, in this order: pending,
// not_expected, late, unknown, missing, ambiguous, matched_weak, matched or
// mismatched. Between the last two a correction by CloudTrail decides, or better
// evidence. Refusals of the credentials are not_expected; if they are recorded after
// all, they are matched.
//
// Silence is never proof. An attempt is missing only when its time was read
// completely, SettleAfter or more after it, by readings in whose window a record
// of the same account and region was that had joined by request id and that was
// given again, or for the first time, in that reading. An attempt whose answer was
// lost, or of a sort that not every service records, is unknown instead, as soon
// as it has settled; any other without such a reading stays late, and is unknown
// when it is forgotten. A record that comes before then still joins.
//
// Differences in operation, region, account, principal, connection id and in how
// the call ended make an attempt mismatched. Others are told and make nothing:
// the access key, the host, the TLS version, readOnly, and a source address that
// none of the identity's last records came from. What a record does not tell, or
// masks, is no difference.
//
// Hits are not remembered: what repeats the answer of another call has that one's
// state, see [audit.Fill].
//
// # Restarts
//
// All state follows from the log from [Correlator.Low] on and from the records
// since [Correlator.Since], in any order, given any number of times: the verdicts
// and findings in the log say what was said. Some ids that a verdict or a finding
// needs for that stand in brackets at the end of its Detail. Only the note on
// source addresses depends on the order, and what was read completely is read
// again.
//
// # Memory and time
//
// Calls to AWS and records of Outposts calls are remembered for SettleAfter and
// Keep, at some 300 bytes a call. Hits and refusals cost a counter a minute.
// Every step takes time in proportion to what it is given and to what it decides,
// never to what is remembered.
//
// # Concurrency
//
// A Correlator belongs to one goroutine.
package correlate
