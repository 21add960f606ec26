package lookup

import (
	"context"
	"math/rand/v2"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudtrail"
)

const (
	// maxAttempts of a request take about a minute; the next poll goes on.
	maxAttempts = 8

	firstBackoff = time.Second
	maxBackoff   = 30 * time.Second
)

// ask makes a request, again if it fails for a reason that passes. An error is an
// *[Error], or ctx's.
func (s *Source) ask(ctx context.Context, in *sdk.LookupEventsInput) (*sdk.LookupEventsOutput, error) {
	for attempt := 1; ; attempt++ {
		if err := wait(ctx, s.limiter.Reserve().Delay()); err != nil {
			return nil, err
		}
		out, err := s.askOnce(ctx, in)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil {
			s.answered()
			return out, nil
		}
		s.config.Logger.DebugContext(ctx, "lookup failed", "region", s.config.Region, "result", err.Result, "attempt", attempt, "error", err.Err)
		s.refused(err)
		if !err.transient() || attempt == maxAttempts {
			return nil, err
		}
		if err := wait(ctx, backoff(attempt)); err != nil {
			return nil, err
		}
	}
}

func (s *Source) askOnce(ctx context.Context, in *sdk.LookupEventsInput) (*sdk.LookupEventsOutput, *Error) {
	limited, cancel := context.WithTimeout(ctx, s.config.RequestTimeout)
	defer cancel()
	began := time.Now()
	out, err := s.config.Client.LookupEvents(limited, in, once)
	result := ResultOK
	if err != nil {
		result = classify(err)
	}
	if ctx.Err() == nil { // else nothing came of it
		s.config.Observer.Lookup(result, time.Since(began))
	}
	if err != nil {
		return nil, &Error{result, err}
	}
	return out, nil
}

// backoff is drawn from the whole of a span that doubles with each attempt, so
// that the tools that share the rate do not come back together.
func backoff(attempt int) time.Duration {
	return rand.N(min(firstBackoff<<(attempt-1), maxBackoff))
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
