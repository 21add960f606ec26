// Package cloudtrail is CloudTrail's side of the story: what gatepost reads of
// CloudTrail's records, and what a source of them says about its completeness.
// The sources are below it: lookup asks the API, trail reads a trail's log files.
//
// [ParseRecord] reads one record, a [Decoder] those in a log file:
//
//	for d := cloudtrail.NewDecoder(file); ; {
//		record, err := d.Next()
//		…
//	}
//
// A record is of one of gatepost's calls if its RequestID says so, or the token in
// its UserAgent, which [EventToken] finds.
//
// # Promises
//
// A Record holds no request or response bodies and no secret: only what is needed
// to tell whose call it records. Unknown members are ignored, and a member that
// CloudTrail has masked as Masked stays so: it is unknown, never different.
//
// The package has no state; its functions may be called from any number of
// goroutines.
package cloudtrail
