package correlate

// Remembered is how many calls, attempts, records and times are in memory.
func (c *Correlator) Remembered() int {
	n := len(c.byID) + len(c.requests) + len(c.oddIDs) + len(c.shapes) + len(c.seen) + len(c.held) + len(c.groups) + len(c.grouped) + len(c.groupsAt) +
		len(c.buckets) + len(c.minutes) + len(c.waiting.backlog) + len(c.waiting.byRequest) + len(c.waiting.byCall) +
		len(c.waiting.queue.due) + len(c.due.due) + len(c.settling.due) +
		int(c.calls.used) - len(c.calls.free) + int(c.attempts.used) - len(c.attempts.free)
	for _, p := range c.places {
		n += len(p.canaries) + len(p.covered) + len(p.late.by) + len(p.late.minutes)
	}
	return n
}
