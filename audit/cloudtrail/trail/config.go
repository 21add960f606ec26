package trail

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// What came of a reading of the files, which a Poll is.
const (
	ResultOK    = "ok"
	ResultError = "error" // it ended early, or there are [Fault]s
)

// Results are all values of Observer.Read.
func Results() []string { return []string{ResultOK, ResultError} }

// Observer is told of each reading. It is called by the goroutine that polls.
type Observer interface {
	// Read is told what came of a reading, one of [Results].
	Read(result string)
}

// Config says what a source reads.
type Config struct {
	// Paths are directories, read with all below them, and log files.
	Paths []string

	// Keys is a directory of CloudTrail's public keys: files *.json, as "aws
	// cloudtrail list-public-keys" prints them. Without it no signature is checked and
	// nothing is complete.
	Keys string

	// Places keeps which windows are done with. nil is for a source that is read once.
	Places cloudtrail.Places

	// SettleAfter is how long after the end of a window files with its records may be
	// delivered as a matter of course; nothing final is said of the window before.
	// It is rounded up to whole hours. Zero is 2 hours.
	SettleAfter time.Duration

	// Grace is how long a file that is missing or not whole is waited for, counted from
	// when that was noticed: a sync tool may be at it. Zero is 15 minutes.
	Grace time.Duration

	// Offline is for files to which none will be added: there is no grace.
	Offline bool

	Observer Observer     // nil is none
	Logger   *slog.Logger // nil discards

	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

func (c Config) check() (Config, error) {
	c.SettleAfter = (cmp.Or(c.SettleAfter, 2*time.Hour) + time.Hour - 1).Truncate(time.Hour)
	c.Grace = cmp.Or(c.Grace, 15*time.Minute)
	if c.Offline {
		c.Grace = 0
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
	if len(c.Paths) == 0 {
		return c, errors.New("trail: Paths are needed")
	}
	if c.Grace < 0 || c.SettleAfter < 0 {
		return c, errors.New("trail: nothing can be negative")
	}
	return c, nil
}

type noObserver struct{}

func (noObserver) Read(string) {}
