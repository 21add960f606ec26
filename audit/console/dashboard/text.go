package dashboard

import (
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/gatepost-proxy/gatepost/audit"
)

// functions are what templates call. They return plain strings, which the
// template escapes for the place where they stand.
func (p *Pages) functions() template.FuncMap {
	return template.FuncMap{
		"asset":      func(name string) string { return p.assets.paths[name] },
		"number":     func(n any) string { return number(amount(n)) },
		"bytes":      bytesText,
		"took":       took,
		"span":       spanText,
		"iso":        func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
		"clock":      clock,
		"words":      words,
		"event":      eventPath,
		"connection": ConnectionPath,
		"query":      queryPath,
		"visible":    visible,
		"short":      shortClock,
		"len10":      func(n int) int { return n * 10 },
	}
}

// number has thousands apart, by a narrow space that does not break.
func number[N int | int64 | uint64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "−", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	return sign + digits
}

func bytesText(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	f, unit := float64(n), 0
	for (f >= 1024 || f <= -1024) && unit < len(units)-1 {
		f, unit = f/1024, unit+1
	}
	if unit == 0 || f >= 100 {
		return fmt.Sprintf("%.0f\u00a0%s", f, units[unit])
	}
	return fmt.Sprintf("%.1f\u00a0%s", f, units[unit])
}

// took is a time that was measured in microseconds.
func took(us int64) string {
	switch {
	case us < 1000:
		return fmt.Sprintf("%d\u00a0µs", us)
	case us < 100_000:
		return fmt.Sprintf("%.1f\u00a0ms", float64(us)/1e3)
	case us < 1_000_000:
		return fmt.Sprintf("%d\u00a0ms", us/1000)
	default:
		return fmt.Sprintf("%.1f\u00a0s", float64(us)/1e6)
	}
}

// spanText is a length of time in its two largest units.
func spanText(d time.Duration) string {
	d = d.Abs()
	units := []struct {
		name string
		d    time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}}
	var parts []string
	for _, u := range units {
		if n := d / u.d; n > 0 {
			parts = append(parts, fmt.Sprintf("%d\u00a0%s", n, u.name))
			d -= n * u.d
		} else if len(parts) > 0 {
			break
		}
		if len(parts) == 2 {
			break
		}
	}
	if len(parts) == 0 {
		return "0\u00a0s"
	}
	return strings.Join(parts, " ")
}

// clock is a time to the millisecond in UTC. Scripts write the viewer's own in the
// same form, so that nothing moves.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }

// shortClock is clock to the second.
func shortClock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// visible writes what does not show itself, or turns text around, as the log
// does. A tab or the end of a line is among it: what is shown is one line.
func visible(s string) string {
	if !strings.ContainsFunc(s, hides) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !hides(r):
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
	}
	return b.String()
}

func hides(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

// visibleLines is visible for a text of several lines.
func visibleLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = visible(lines[i])
	}
	return strings.Join(lines, "\n")
}

// words makes a text of a word of the schema.
func words(s string) string { return visible(strings.ReplaceAll(s, "_", " ")) }

func eventPath(id string) string {
	if !isPlain(id, "-") {
		return queryPath("/events", "q", id)
	}
	return "/events/" + id
}

// ConnectionPath leads to a connection's page, or, for what is no connection's id
// but was asked for as one, to the events that did.
func ConnectionPath(id string) string {
	if !isPlain(id, "+/=") {
		return queryPath("/events", "connection", id)
	}
	return "/connection/" + url.PathEscape(id)
}

// isPlain tells a text of letters, digits and others that are not dots.
func isPlain(s, others string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(others, r))
	})
}

// queryPath adds parameters, given as names and values; those without a value are
// left out.
func queryPath(path string, pairs ...string) string {
	q := make(url.Values)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// tone is how good a thing is, beside the words that say it: the class of an
// element. The empty tone is neither.
type tone string

const (
	toneNone tone = ""
	toneGood tone = "good"
	toneBusy tone = "busy" // not settled
	toneWarn tone = "warn"
	toneBad  tone = "bad"
)

// stateTone is that of an attempt's or a finding's state.
func stateTone(state string) tone {
	switch state {
	case "matched", "derived", "covered", "known_direct":
		return toneGood
	case "pending", "late", "matched_weak":
		return toneBusy
	case "unknown", "ambiguous", "amended", "foreign_instance":
		return toneWarn
	case "missing", "mismatched", "bypass":
		return toneBad
	}
	return toneNone
}

func cacheTone(c audit.CacheResult) tone {
	switch c {
	case audit.CacheHit, audit.CacheCoalesced:
		return toneGood
	case audit.CacheMiss:
		return toneBusy
	}
	return toneNone
}

func statusTone(status int) tone {
	switch {
	case status >= 500 || status == 0:
		return toneBad
	case status >= 400:
		return toneWarn
	}
	return toneGood
}
