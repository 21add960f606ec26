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
//   - The sweep reads the Keep before the watermark again and again, a slice a
//     poll, for what comes later still.
//
// All of a window's records are handed over each time. Windows are cut into slices
// of at most an hour, shorter where there is much to read, and the place is stored
// after each, so that a restart loses no more than a slice. Requests are made one
// at a time and never faster than PerSecond, retries included; AWS allows two a
// second to an account and region, shared with every other tool, so a page of 50
// records a second is what can be followed at best.
//
// Poll is for one goroutine at a time, Status for any.
package lookup
