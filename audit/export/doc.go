// Package export hands the log over to other tools: as the lines that are
// stored, as CSV for spreadsheets, as OCSF for a SIEM.
//
//	err := export.Write(ctx, os.Stdout, records, export.Options{Format: export.OCSF, Version: "1.2.3"})
//
// [Write] encodes every record that it is given, in the order in which they
// come; what to leave out is the caller's to say, and [Format.Includes] what is
// left out by default.
//
// # Promises
//
// An export streams: memory does not grow with the number of records. The
// output is made of whole records, also after an error or a cancellation. Equal
// records give equal bytes. No format needs fields that the log does not have,
// and none drops one that it has.
//
// # JSON lines
//
// The lines exactly as stored, intents among them: what a proof is about, and
// what [audit.ParseLine] reads back.
//
// # CSV
//
// RFC 4180 with CRLF, a header, and the columns that [Columns] lists, in that
// order; later versions may add columns at the end. Members of an object have
// its name in front (fill_request_id); the attempts of a call stand in four
// columns of the same length, joined with ';' as every list is.
//
// Nothing in a cell acts. What does not show itself (controls, line breaks,
// characters that reorder or hide text, blanks other than the space) is written
// as \uXXXX and a backslash as \\, so that a record is one line. A cell that a
// spreadsheet would take for a formula, since it begins with = + - @, a tab or a
// line break or with a variant of these in full width, has a ' in front, as has
// one that begins with a '. It is not only attackers who make those: a
// connection id may begin with = or +. A ';' before such a character is written
// as \u003b, since spreadsheets of many countries separate cells there. Taking
// all this back gives the value exactly.
//
// # OCSF
//
// OCSF 1.8.0, class API Activity (6003), one object a line. The mapping:
//
//   - metadata.uid is the event's id; that of an intent has "/intent" behind it,
//     since its outcome has the same. metadata.original_event_uid is the id as
//     stored, sequence the index, log_name the log's name (origin), event_code
//     the kind, original_time the time with all its digits.
//   - metadata.correlation_uid holds together what came of one call to AWS: it is
//     the call's event id on its outcome, its intent, its verdicts and on each
//     hit and coalesced call that was answered from it. A verdict always has the
//     metadata.uid of the call that it is about. A finding about a record that no
//     call of ours caused has CloudTrail's event id, which is metadata.uid where
//     CloudTrail itself is exported to OCSF.
//   - api.request.uid is AWS's request id, CloudTrail's requestID: of the last
//     attempt that has one, else of the call whose answer was shared, which the
//     flags "cached" and "coalesced" tell apart. A call without either has its
//     event id, as its caller saw in x-amzn-RequestId, and the flag "not_sent" or,
//     when AWS was asked, "no_aws_request_id".
//   - actor.user is the principal (name) and its access key id (uid). Where nobody
//     proved anything the type is "Unauthenticated" and uid is what was claimed.
//   - dst_endpoint is AWS's endpoint if AWS was asked, else gatepost.
//   - activity_id is by the operation's verb: Get and List are Read; Create and
//     Start are Create; Update, Tag, Untag and Cancel are Update; Delete is
//     Delete. StartOutpostDecommission, which creates nothing, and every other
//     verb are Other.
//   - a finding is the API activity of whoever went round gatepost, as CloudTrail
//     has it, severity High for a bypass, and an alert. A verdict is an activity
//     of gatepost's with the name "Verdict"; status is its state. Admin events
//     are activities on gatepost with the operator as actor; system events those
//     of gatepost itself. For all three api.service.name is "gatepost", not
//     "outposts.amazonaws.com", so that no rule takes them for calls to AWS.
//   - the profile cloud is used for all that is about AWS, security_control where
//     gatepost decided (Allowed, Denied) or observed.
//   - whatever has no place in the class stands in unmapped, under the names of
//     the log's own schema.
//
// With [Options.Proof] an event carries attestation_list, of the profile
// record_integrity. That profile is not released: it stands in the development
// version of OCSF 1.9 and may change. What is attested is the line as stored,
// not its rendering in OCSF: fingerprint is the line's leaf hash (RFC 6962),
// chain_uid the log's name, and unmapped.log_proof the C2SP tlog-proof that can
// be checked offline.
//
// # Concurrency
//
// The package has no state; any number of exports may run at once.
package export
