package main

import (
	"fmt"
	"time"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
)

// parseMoment reads a point in time: RFC 3339, a date, which means its first
// moment in UTC, or a duration such as 24h or 7d, which is counted from now in
// the direction of sign.
func parseMoment(text string, now time.Time, sign int) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	if d, err := config.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(time.Duration(sign) * d).UTC(), nil
	}
	return time.Time{}, fmt.Errorf("%q is neither a time nor a duration: write 2027-03-01T00:00:00Z, 2027-03-01, 15m, 24h or 7d", text)
}

// momentFlag is a flag that holds a point in time, the zero time when it was
// not given. It is a pflag.Value.
type momentFlag struct {
	sign int // where a duration points: -1 for the past, 1 for the future
	text string
	at   time.Time
}

func (m *momentFlag) Set(text string) error {
	at, err := parseMoment(text, time.Now(), m.sign)
	if err != nil {
		return err
	}
	m.text, m.at = text, at
	return nil
}

func (m *momentFlag) String() string { return m.text }
func (m *momentFlag) Type() string   { return "time" }
