// Package trail reads the log files that a CloudTrail trail delivers to S3, out of
// directories to which they are copied, and holds them against the trail's
// digests. It asks AWS nothing.
//
//	source, err := trail.New(trail.Config{Paths: []string{"/var/trail"}, Keys: "/etc/trail-keys", Places: places})
//	err = source.Poll(ctx, since, sink) // and again, every minute or so
//
// To read files once, such as those that were handed over for an investigation:
//
//	source, err := trail.New(trail.Config{Paths: args, Keys: keys, Offline: true})
//	err = source.Poll(ctx, time.Time{}, sink) // every record once, in the order of delivery
//	faults := source.Faults()
//
// # Files
//
// Files are known by their base names, wherever in the directories they are, as
// .json.gz or .json: log files (<account>_CloudTrail_<region>_<time>_…), digests
// (<account>_CloudTrail-Digest_<region>_<trail>_<region>_<time>) and backfill
// digests (…_backfill). Any other .json or .json.gz file is read as a log file of
// which nothing is known: its records are handed over, and it belongs to no window.
// Where there are no others, no window is ever told, so that nothing can be found
// missing; Status says so, and is OK. Directories of days (…/2026/11/26) that are
// long before what is asked for are not entered.
//
// A digest's signature is in its object's metadata in S3, which a copy does not
// have, and in the next digest. For the newest one it may stand beside it: in
// <digest>.json.gz.sig, in hexadecimal, or in <digest>.json.gz.metadata.json, as
// "aws s3api head-object" prints it.
//
// # What is said of a window
//
// A window is an hour of an account in a region. Its records are in the files that
// were delivered in it and in [Config.SettleAfter] after it; a record that comes later still is
// handed over with the window of its delivery. Of a window it is said, the first
// that holds:
//
//   - incomplete: a digest lists a log file that is missing, unreadable or altered;
//     or digests are missing, unreadable or altered, however many in a row; or a
//     backfill digest is, of an hour whose log files it may list; or a signature is
//     bad; or a file is unreadable, or has a record that is. What may
//     yet be copied is waited for, for [Config.Grace].
//   - provisional: deliveries of the window, the digests that list them, or the
//     signature of one of those are still to be expected. Time alone ends that only
//     if files that are later have come: a copy that is not made any more proves
//     nothing.
//   - complete-unvalidated: everything is there, but not everything is proved:
//     there are no digests; or no keys, or not the one that signed; or a chain of
//     digests begins anew; or a log file is in no digest.
//   - complete: an unbroken chain of digests with good signatures covers all
//     deliveries of the window, every file that it lists was read and has its hash,
//     and there is no file that it does not list. Of several trails one has to do
//     so, and none may be against it.
//
// Nothing is said of a window without a file, unless digests prove that there was
// none or ought to be there.
//
// A window is told again, after its records, when something else is to be said of
// it, or its files have changed.
//
// # Concurrency
//
// One goroutine polls at a time; Status may be called by any.
package trail
