package lookup

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// Client asks CloudTrail; the SDK's does. Its own retries are turned off for each
// request.
type Client interface {
	LookupEvents(context.Context, *sdk.LookupEventsInput, ...func(*sdk.Options)) (*sdk.LookupEventsOutput, error)
}

// Observer is told of each request. It is called by the goroutine that polls.
type Observer interface {
	// Lookup is told what came of a request, one of [Results], and how long it took.
	Lookup(result string, took time.Duration)
}

// Config says what a source reads.
type Config struct {
	Client Client // in the region
	Region string

	// Account is asked for the account that the client's credentials belong to, ""
	// while it is not known. nil is an account that never is.
	Account func() string

	// Places keeps how far the source has read.
	Places cloudtrail.Places

	LateAfter   time.Duration // zero is 15 minutes
	SettleAfter time.Duration // zero is 2 hours
	Keep        time.Duration // zero is 48 hours

	PerSecond      float64       // requests; zero is 1
	RequestTimeout time.Duration // zero is 15 seconds

	Observer Observer     // nil is none
	Logger   *slog.Logger // nil discards

	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

func (c Config) check() (Config, error) {
	c.LateAfter = cmp.Or(c.LateAfter, 15*time.Minute)
	c.SettleAfter = cmp.Or(c.SettleAfter, 2*time.Hour)
	c.Keep = cmp.Or(c.Keep, 48*time.Hour)
	c.PerSecond = cmp.Or(c.PerSecond, 1)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 15*time.Second)
	if c.Account == nil {
		c.Account = func() string { return "" }
	}
	if c.Observer == nil {
		c.Observer = noObserver{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	var faults []error
	if c.Client == nil || c.Places == nil || c.Region == "" {
		faults = append(faults, errors.New("lookup: Client, Places and Region are needed"))
	}
	if c.LateAfter < 0 || c.SettleAfter < 0 || c.Keep < 0 || c.PerSecond < 0 || c.RequestTimeout < 0 {
		faults = append(faults, errors.New("lookup: nothing can be negative"))
	}
	return c, errors.Join(faults...)
}

type noObserver struct{}

func (noObserver) Lookup(string, time.Duration) {}
