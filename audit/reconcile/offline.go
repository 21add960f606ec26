package reconcile

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// OfflineConfig says what is held against what.
type OfflineConfig struct {
	// Log is the log's lines from its first one on. Its own verdicts and findings
	// are passed over: this is a second opinion.
	Log iter.Seq2[journal.Line, error]

	// Source gives every record once, roughly in the order of delivery, in its one
	// Poll.
	Source cloudtrail.Source

	// Correlate is the core's configuration; Start is set from the log, and AtCalls.
	Correlate correlate.Config

	// Damaged is told of a line that is missing or cannot be read, and decides
	// whether to go on without it. nil stops at any.
	Damaged func(error) error

	// Progress is told how far it is, now and then; nil is nobody.
	Progress func(Progress)
}

// Progress is how far an offline reconciliation is.
type Progress struct {
	Entries, Records uint64
	At               time.Time // of the records
}

// ahead is how far the log is read past the records: what the clocks may differ
// by, and what a call may take.
const ahead = 15 * time.Minute

// Offline holds a whole log against a whole trail. Both are read once, side by
// side, so that what it remembers is bounded by SettleAfter and Keep.
func Offline(ctx context.Context, c OfflineConfig) (*Report, error) {
	next, stop := iter.Pull2(c.Log)
	defer stop()
	o := &offline{config: c, next: next, report: newReport()}
	if err := o.begin(); err != nil {
		return nil, err
	}
	if err := c.Source.Poll(ctx, o.core.Since(), o); err != nil {
		return nil, fmt.Errorf("read CloudTrail's records: %w", err)
	}
	if err := o.feed(ctx, farFuture); err != nil {
		return nil, err
	}
	o.take(o.core.Tick(time.Now()))
	return o.report.finish(), nil
}

// farFuture is after every entry.
var farFuture = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// offline is a reconciliation under way. It is its source's sink.
type offline struct {
	config OfflineConfig
	next   func() (journal.Line, error, bool)
	core   *correlate.Correlator
	report *Report

	held    audit.Event // the next entry, read and not given to the core
	holding bool
	upTo    time.Time // all entries before are known
}

// begin reads the first entry, which says when the log began.
func (o *offline) begin() error {
	if err := o.hold(); err != nil {
		return err
	}
	core := o.config.Correlate
	core.AtCalls = true
	if o.holding {
		core.Start = o.held.Time.Truncate(time.Second)
		o.report.Origin, o.report.First, o.report.Began = o.held.Origin, o.held.Index, o.held.Time
	}
	o.core = correlate.New(core)
	return nil
}

// hold reads an entry ahead; at the end of the log there is none.
func (o *offline) hold() error {
	o.holding = false
	for {
		line, err, ok := o.next()
		if !ok {
			return nil
		}
		if err == nil {
			if o.held, err = audit.ParseLine(line.Bytes); err == nil {
				o.holding = true
				return nil
			}
			err = fmt.Errorf("entry %d: %w", line.Index, err)
		}
		if o.config.Damaged == nil {
			return err
		}
		if err := o.config.Damaged(err); err != nil {
			return err
		}
	}
}

// feed gives the core the entries of before a time, and the time.
func (o *offline) feed(ctx context.Context, until time.Time) error {
	if !until.After(o.upTo) {
		return nil
	}
	for o.holding && o.held.Time.Before(until) {
		if o.report.Entries%4096 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			o.tell()
		}
		o.report.entry(&o.held)
		if o.held.Kind != audit.KindVerdict && o.held.Kind != audit.KindFinding {
			o.take(o.core.Entry(&o.held))
		}
		if err := o.hold(); err != nil {
			return err
		}
	}
	o.upTo = until
	if until.Before(farFuture) {
		o.take(o.core.Tick(until))
		o.report.forget(until.Add(-o.memory()))
	}
	return nil
}

// memory is longer than the core remembers.
func (o *offline) memory() time.Duration {
	c := o.config.Correlate
	return c.SettleAfter + max(c.Keep, correlate.DefaultKeep) + 2*time.Hour
}

func (o *offline) take(decided []audit.Event) {
	for i := range decided {
		o.report.take(&decided[i])
	}
}

func (o *offline) tell() {
	if o.config.Progress != nil {
		o.config.Progress(Progress{Entries: o.report.Entries, Records: o.report.Records, At: o.upTo})
	}
}

// Records takes records; what the log says of their time is read first.
func (o *offline) Records(ctx context.Context, seen time.Time, records []cloudtrail.Record) error {
	var newest time.Time
	for i := range records {
		if records[i].EventSource == cloudtrail.EventSource && records[i].EventTime.After(newest) {
			newest = records[i].EventTime
		}
	}
	if newest.IsZero() {
		return ctx.Err()
	}
	if err := o.feed(ctx, newest.Add(ahead)); err != nil {
		return err
	}
	o.report.Records += uint64(len(records))
	o.tell()
	o.take(o.core.Records(seen, records))
	return nil
}

// Covered takes what the trail says of a window.
func (o *offline) Covered(ctx context.Context, c cloudtrail.Coverage) error {
	o.report.Windows = append(o.report.Windows, c)
	if err := o.feed(ctx, c.End.Add(ahead)); err != nil {
		return err
	}
	o.take(o.core.Covered(time.Now(), c))
	return nil
}
