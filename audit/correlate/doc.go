// Package correlate holds the log against CloudTrail: each attempt to call AWS
// ends in a named state, and each record of an Outposts call that the log does
// not know is a finding. It is pure: no I/O, no clock of its own.
//
//	c := correlate.New(correlate.Config{})
//	for line := range log.From(c.Low()) {
//		c.Entry(&line)
//	}
//	publish(c.Tick(now)) // from here on it decides
//	publish(c.Records(seen, records))
//	publish(c.Covered(now, coverage))
//
// What the methods return is to be appended to the log, and is given to
// [Correlator.Entry] like all of it.
package correlate
