package upstream

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// clockTolerance is well inside the five minutes after which AWS refuses a
	// signature, and far outside the second that Date is good to.
	clockTolerance = 2 * time.Minute

	// clockLogPeriod spaces the complaints about a clock that stays wrong.
	clockLogPeriod = 10 * time.Minute
)

// clock compares AWS's clock with ours. A wrong one is complained about and
// corrected nowhere: that is the operator's business, and the journal's times
// would stay wrong.
type clock struct {
	offset   atomic.Int64 // time.Duration, AWS's minus ours
	reported atomic.Int64 // when it was last complained about, in Unix nanoseconds
	log      *slog.Logger
}

// check takes the Date of an answer that came between start and end.
func (c *clock) check(ctx context.Context, date string, start, end time.Time) {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return
	}
	ours := start.Add(end.Sub(start) / 2)
	offset := theirs.Add(time.Second / 2).Sub(ours) // Date is cut to whole seconds
	c.offset.Store(int64(offset))
	if offset.Abs() < clockTolerance {
		return
	}
	last := c.reported.Load()
	if last != 0 && end.Sub(time.Unix(0, last)) < clockLogPeriod || !c.reported.CompareAndSwap(last, end.UnixNano()) {
		return
	}
	c.log.WarnContext(ctx, "clock differs from AWS's", "offset", offset.Round(time.Second), "signatures_fail_at", "5m")
}
