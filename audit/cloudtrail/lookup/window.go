package lookup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

const (
	// pageSize is the most that LookupEvents gives.
	pageSize = 50

	// A slice is made for goodPages, so that what a restart or an expired token
	// costs is read again in half a minute; with three times as many it is cut.
	goodPages = 20
	maxPages  = 3 * goodPages

	// maxStalled is how many pages in a row may have nothing new. CloudTrail does
	// give empty pages with a token.
	maxStalled = 20

	// maxRestarts is how often a slice is begun again because its token expired.
	maxRestarts = 2
)

// window is a span of time, [start, end), of whole seconds.
type window struct{ start, end time.Time }

func (w window) String() string {
	return w.start.UTC().Format(time.RFC3339) + "/" + w.end.UTC().Format(time.RFC3339)
}

// unreadable is a window that is not read in the way in which it was tried: cut
// shorter it may be.
type unreadable struct {
	reason string
	err    error // nil if nothing is wrong but its length
}

func (u *unreadable) Error() string {
	if u.err == nil {
		return u.reason
	}
	return u.reason + ": " + u.err.Error()
}

func (u *unreadable) Unwrap() error { return u.err }

// read hands over all records of a window, and says how it went. The error is
// *unreadable, *[Error], the sink's or ctx's.
func (s *Source) read(ctx context.Context, w window, sink cloudtrail.Sink, mayCut bool) (c cloudtrail.Coverage, pages int, err error) {
	for range 1 + maxRestarts {
		c, pages, err = s.readPages(ctx, w, sink, mayCut)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Result != ResultExpiredToken {
			return c, pages, err
		}
	}
	return c, pages, &unreadable{"tokens of its pages expire", err}
}

func (s *Source) readPages(ctx context.Context, w window, sink cloudtrail.Sink, mayCut bool) (cloudtrail.Coverage, int, error) {
	c := cloudtrail.Coverage{
		Account: s.place.Account, Region: s.config.Region, Start: w.start, End: w.end,
		AsOf: s.config.Now(), Completeness: cloudtrail.CompleteUnvalidated,
	}
	// A page's token goes with the very same parameters. Without an EndTime, what is
	// delivered meanwhile would move the pages. Both bounds are inclusive.
	in := &sdk.LookupEventsInput{
		StartTime: aws.Time(w.start), EndTime: aws.Time(w.end), MaxResults: aws.Int32(pageSize),
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyEventSource, AttributeValue: aws.String(cloudtrail.EventSource)}},
	}
	seen, tokens, stalled := map[string]bool{}, map[string]bool{}, 0
	for pages := 1; ; pages++ {
		out, err := s.ask(ctx, in)
		if err != nil {
			return c, pages, err
		}
		records, bad := parse(out.Events)
		if bad != nil {
			c.Completeness, c.Reason = cloudtrail.Incomplete, bad.Error()
			s.config.Logger.WarnContext(ctx, "record cannot be read", "region", s.config.Region, "error", bad)
		}
		if len(records) > 0 {
			if err := sink.Records(ctx, s.config.Now(), records); err != nil {
				return c, pages, fmt.Errorf("hand over records: %w", err)
			}
		}
		token := aws.ToString(out.NextToken)
		if token == "" {
			return c, pages, nil
		}
		stalled++
		for _, r := range records {
			if !seen[r.EventID] {
				seen[r.EventID], stalled = true, 0
			}
		}
		switch {
		case tokens[token]:
			return c, pages, &unreadable{"its pages go round", nil}
		case stalled >= maxStalled:
			return c, pages, &unreadable{fmt.Sprintf("%d pages brought nothing new", stalled), nil}
		case mayCut && pages >= maxPages:
			return c, pages, &unreadable{"it has too many pages", nil}
		}
		tokens[token] = true
		in.NextToken = out.NextToken
	}
}

// parse makes records of a page's events. The error is of the first that is none.
func parse(events []types.Event) (records []cloudtrail.Record, bad error) {
	for _, e := range events {
		r, err := cloudtrail.ParseRecord([]byte(aws.ToString(e.CloudTrailEvent)))
		if err != nil {
			if bad == nil {
				bad = fmt.Errorf("record %s: %w", aws.ToString(e.EventId), err)
			}
			continue
		}
		if r.EventSource == cloudtrail.EventSource {
			records = append(records, r)
		}
	}
	return records, bad
}
