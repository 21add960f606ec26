package dashboard_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/console/dashboard"
)

func TestText(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"0": dashboard.Number(0), "999": dashboard.Number(999), "1\u202f000": dashboard.Number(1000), "−12\u202f345\u202f678": dashboard.Number(-12345678),
		"0\u00a0B": dashboard.Bytes(0), "1023\u00a0B": dashboard.Bytes(1023), "1.0\u00a0KiB": dashboard.Bytes(1024), "256\u00a0MiB": dashboard.Bytes(256 << 20),
		"1.5\u00a0GiB": dashboard.Bytes(3 << 29), "0\u00a0µs": dashboard.Took(0), "999\u00a0µs": dashboard.Took(999), "1.0\u00a0ms": dashboard.Took(1000),
		"99.9\u00a0ms": dashboard.Took(99_900), "100\u00a0ms": dashboard.Took(100_000), "999\u00a0ms": dashboard.Took(999_999), "10.0\u00a0s": dashboard.Took(10_000_000),
		"0\u00a0s": dashboard.SpanText(time.Millisecond), "59\u00a0s": dashboard.SpanText(59 * time.Second), "1\u00a0min": dashboard.SpanText(time.Minute),
		"6\u00a0d 4\u00a0h": dashboard.SpanText(6*24*time.Hour + 4*time.Hour + 59*time.Minute), "2\u00a0h": dashboard.SpanText(2*time.Hour + 30*time.Second),
		"plain <b> ü": dashboard.Visible("plain <b> ü"), `a\u202eb\u0000\u000a\ufeff\u{e0041}`: dashboard.Visible("a\u202eb\x00\n\ufeff\U000e0041"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestConnectionPath(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"aB+0/c=":         "/connection/aB+0%2Fc=",
		"..":              "/events?connection=..",
		"../callers":      "/events?connection=..%2Fcallers",
		`"><script>`:      "/events?connection=%22%3E%3Cscript%3E",
		"javascript:x()":  "/events?connection=javascript%3Ax%28%29",
		"":                "/events",
		"a\u202eb":        "/events?connection=a%E2%80%AEb",
		"//evil.example/": "/events?connection=%2F%2Fevil.example%2F",
	} {
		if got := dashboard.ConnectionPath(id); got != want {
			t.Errorf("%q leads to %s, want %s", id, got, want)
		}
	}
}

// Whatever an id is, its link leads to this listener.
func FuzzConnectionPath(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Add("aB+0/c=")
	f.Fuzz(func(t *testing.T, id string) {
		got := dashboard.ConnectionPath(id)
		rest, ok := strings.CutPrefix(got, "/connection/")
		if !ok {
			rest, ok = strings.CutPrefix(got, "/events")
		}
		if !ok || strings.ContainsAny(rest, "<>\"' \\\x00\n") || strings.Contains(rest, "//") {
			t.Errorf("%q leads to %q", id, got)
		}
	})
}
