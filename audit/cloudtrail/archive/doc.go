// Package archive keeps the CloudTrail records that correlation has seen, so that
// a verdict can be shown with what it rests on, and the places up to which
// sources have read.
//
//	a, err := archive.Open(ctx, archive.Config{Dir: auditDir})
//	defer a.Close()
//	err = a.Put(ctx, records)
//	record, err := a.Record(ctx, eventID) // JSON under CloudTrail's names
//
// It is one SQLite file beside the log, cloudtrail.sqlite. It can be deleted: the
// sources then read again as far back as they reach, LookupEvents 90 days. It is
// no evidence. That is the log, whose verdicts name the record by its eventID.
//
// What is kept of a record is [cloudtrail.Record]: no parameters but the
// connection id, no answers, nothing secret.
//
// All methods may be called from any number of goroutines. One process writes;
// others may read beside it with OpenReader.
package archive
