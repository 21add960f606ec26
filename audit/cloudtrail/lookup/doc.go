// Package lookup is a source of CloudTrail's records on the LookupEvents API, for
// one account and region.
//
//	source, err := lookup.New(lookup.Config{Client: client, Region: "us-west-2", Places: archive})
//	…
//	err = source.Poll(ctx, since, sink) // every minute
//
// # What a poll reads
//
// CloudTrail delivers a record minutes after its call, sometimes hours, and an
// answer never says what is still to come. So each moment of time is read more
// than once:
//
//   - The tail, from LateAfter before what the poll before has read, up to now:
//     records soon after they are delivered.
//   - The settling scan reads every window once more when SettleAfter has passed
//     since its end. Status's Watermark is how far it has come; it never passes a
//     window before its time.
//   - The sweep reads what lies between the watermark and the tail, and the Keep
//     before the watermark, round and round, a slice of each in a poll: what comes
//     later than LateAfter, or later still than SettleAfter.
//
// All of a window's records are handed over each time. Windows are cut into slices
// of at most an hour, shorter where there is much to read, and the place is stored
// after each, so that a restart loses no more than a slice. Requests are made one
// at a time and never faster than PerSecond, retries included; AWS allows two a
// second to an account and region, shared with every other tool. A page has 50
// records, and each record is read several times, so a request a second follows
// some ten calls a second; with more the source falls behind, and says so.
//
// Poll is for one goroutine at a time, Status for any.
package lookup
