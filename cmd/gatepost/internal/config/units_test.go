package config_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
)

func TestParseDuration(t *testing.T) {
	tests := []struct {
		text  string
		want  time.Duration
		fault string // a part of the error
	}{
		{"250ms", 250 * time.Millisecond, ""},
		{"1h30m", 90 * time.Minute, ""},
		{"90d", 90 * 24 * time.Hour, ""},
		{"1w2d3h", (9*24 + 3) * time.Hour, ""},
		{"0", 0, ""},
		{"0s", 0, ""},
		{"-5m", -5 * time.Minute, ""},
		{"60", 0, "write 60s for seconds"},
		{"1.5", 0, "has no unit"},
		{"", 0, "is empty"},
		{"soon", 0, "is not a duration"},
		{"1d-1h", 0, "is not a duration"},
		{"3 days", 0, "is not a duration"},
		{"200000d", 0, "longer than 292 years"},
		{"99999999999999999999w", 0, "longer than 292 years"},
		{"1h\n", 0, "is not a duration"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := config.ParseDuration(tt.text)
			checkParse(t, got, err, tt.want, tt.fault)
		})
	}
}

func TestParseSize(t *testing.T) {
	tests := []struct {
		text  string
		want  int64
		fault string
	}{
		{"64MiB", 64 << 20, ""},
		{"1GB", 1e9, ""},
		{"512kB", 512e3, ""},
		{"512KB", 512e3, ""},
		{"1.5GiB", 3 << 29, ""},
		{"2Gi", 2 << 30, ""},
		{"1 MiB", 1 << 20, ""},
		{"4096", 4096, ""},
		{"10B", 10, ""},
		{"0", 0, ""},
		{"1.5B", 0, "whole number"},
		{"1e3", 0, "is not a size"},
		{"-1", 0, "is not a size"},
		{"", 0, "is not a size"},
		{"12parsecs", 0, "unknown unit"},
		{"9999999999TiB", 0, "larger than"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := config.ParseSize(tt.text)
			checkParse(t, got, err, tt.want, tt.fault)
		})
	}
}

func checkParse[T comparable](t *testing.T, got T, err error, want T, fault string) {
	t.Helper()
	switch {
	case fault == "" && err != nil:
		t.Errorf("error %v", err)
	case fault == "" && got != want:
		t.Errorf("got %v, want %v", got, want)
	case fault != "" && (err == nil || !strings.Contains(err.Error(), fault)):
		t.Errorf("error %v, want one with %q", err, fault)
	}
}

func TestUnitsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Min(0).Draw(t, "duration"))
		if got, err := config.ParseDuration(config.FormatDuration(d)); err != nil || got != d {
			t.Errorf("%d: ParseDuration(%q) = %d, %v", d, config.FormatDuration(d), got, err)
		}
		n := rapid.Int64Range(0, math.MaxInt64).Draw(t, "size")
		if got, err := config.ParseSize(config.FormatSize(n)); err != nil || got != n {
			t.Errorf("%d: ParseSize(%q) = %d, %v", n, config.FormatSize(n), got, err)
		}
	})
}

func TestFormatDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "60d": 60 * 24 * time.Hour, "2h": 2 * time.Hour, "1h10m": 70 * time.Minute,
		"10m": 10 * time.Minute, "1m30s": 90 * time.Second, "250ms": 250 * time.Millisecond, "1d": 24 * time.Hour,
	} {
		if got := config.FormatDuration(d); got != want {
			t.Errorf("FormatDuration(%d) = %q, want %q", d, got, want)
		}
	}
}
