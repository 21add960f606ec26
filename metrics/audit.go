package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Audit measures the audit log. Its methods suit an observer of the journal.
type Audit struct {
	entries  counters
	refusals counters
	commit   prometheus.Histogram
	fsync    prometheus.Histogram
	batch    prometheus.Histogram
	state    gauges[AuditState]
}

// AuditState is what the journal knows at the time of a scrape.
type AuditState struct {
	Healthy    bool // whether a call would be recorded, or else refused, now
	FreeBytes  int64
	Reserve    int64     // bytes; with less than this free, calls are refused
	Checkpoint time.Time // of the newest signed checkpoint; zero before the first
	IndexLag   int64     // entries that cannot be searched yet
}

func newAudit(reg prometheus.Registerer, refusalReasons []string) *Audit {
	a := &Audit{
		entries: newCounters(reg,
			counterOpts("audit", "entries_total", "Entries appended to the audit log, by kind."),
			"kind", eventKinds()...),
		refusals: newCounters(reg,
			counterOpts("audit", "refusals_total", "Entries that the audit log did not take, by reason; each failed its call."),
			"reason", refusalReasons...),
		commit: prometheus.NewHistogram(secondsOpts("audit", "commit_duration_seconds",
			"Time to make one batch of entries durable, from its first entry on.", diskBounds())),
		fsync: prometheus.NewHistogram(secondsOpts("audit", "fsync_duration_seconds",
			"Time that the disk took to sync one batch.", diskBounds())),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: "audit", Name: "batch_entries",
			Help:    "Entries made durable by one sync.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 11),
		}),
	}
	a.state.parts = []gauge[AuditState]{
		{gaugeDesc("audit", "healthy", "1 while the audit log can commit, 0 while calls are refused for want of it.", nil),
			func(s AuditState) (float64, bool) { return truth(s.Healthy) }},
		{gaugeDesc("audit", "free_bytes", "Room left on the audit log's volume.", nil),
			func(s AuditState) (float64, bool) { return always(s.FreeBytes) }},
		{gaugeDesc("audit", "reserve_bytes", "Room on the audit log's volume below which calls are refused.", nil),
			func(s AuditState) (float64, bool) { return always(s.Reserve) }},
		{gaugeDesc("audit", "checkpoint_timestamp_seconds", "Time of the newest signed checkpoint; absent before the first.", nil),
			func(s AuditState) (float64, bool) { return timestamp(s.Checkpoint) }},
		{gaugeDesc("audit", "index_lag_entries", "Entries of the audit log that the index does not have yet.", nil),
			func(s AuditState) (float64, bool) { return always(s.IndexLag) }},
	}
	reg.MustRegister(a.commit, a.fsync, a.batch, &a.state)
	return a
}

// Appended counts an entry by the kind of its event.
func (a *Audit) Appended(kind string) { a.entries.inc(kind) }

// Committed measures one batch that became durable.
func (a *Audit) Committed(entries int, commit, fsync time.Duration) {
	a.batch.Observe(float64(entries))
	a.commit.Observe(seconds(commit))
	a.fsync.Observe(seconds(fsync))
}

// Refused counts an entry that was not taken.
func (a *Audit) Refused(reason string) { a.refusals.inc(reason) }

// Track gives the function that tells the journal's state at a scrape.
func (a *Audit) Track(read func() AuditState) { a.state.Track(read) }
