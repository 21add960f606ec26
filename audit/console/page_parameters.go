package console

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/console/dashboard"
	"github.com/gatepost-proxy/gatepost/audit/export"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

// The parameters of pages, beside those of the API. None of these is ever written
// to.
var (
	rangeParameter  = choice("range", func(q *query, v string) { q.span = v }, rangeNames()...)
	cursorParameter = text("cursor", func(q *query, v string) { q.cursor = v })
	placeParameters = []parameter{cursorParameter, {name: "before", set: func(q *query, value string) error {
		n, ok := parseNumber(value)
		if !ok {
			return errors.New("has to be the index of an entry")
		}
		q.cursor = index.CursorBefore(n)
		return nil
	}}}
	formatParameter = choice("format", (*query).setFormat, formatNames()...)
	// OCSF has events, and no list of who or what they are about.
	tableParameter = choice("format", (*query).setFormat, string(export.CSV), string(export.JSONL))
	// A note has its own bounds.
	noteParameter = parameter{name: "note", max: maxBody, set: func(q *query, value string) error { q.note = value; return nil }}
	// Several filters, each as long as it may be, stand in an address.
	backParameter   = parameter{name: "back", max: maxBody, set: func(q *query, value string) error { return q.setNext(value) }}
	nextParameter   = parameter{name: "next", set: func(q *query, value string) error { return q.setNext(value) }}
	allParameter    = choice("all", func(q *query, _ string) { q.all = true }, "true")
	purgedParameter = parameter{name: "purged", set: func(q *query, value string) error {
		n, ok := parseNumber(value)
		if !ok || n > 1<<31 {
			return errors.New("has to be a number")
		}
		q.purged = new(int(n))
		return nil
	}}
)

func rangeNames() []string {
	var names []string
	for _, r := range dashboard.Ranges() {
		names = append(names, r.Name)
	}
	return names
}

func formatNames() []string {
	var names []string
	for _, f := range export.Formats() {
		names = append(names, string(f))
	}
	return names
}

func (q *query) setFormat(value string) { q.format = export.Format(value) }

// setNext takes a path of this listener's pages, and no address of another one.
func (q *query) setNext(value string) error {
	if u, err := url.Parse(value); err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(value, "/") || strings.ContainsRune(value, '\\') || !isPage(u.Path) {
		return errors.New("is no path of the dashboard's")
	}
	q.next = value
	return nil
}

// canonical is the query of a form as the API would have it: without empty fields,
// and with times that people write in full. What is not understood stays.
func canonical(raw string, now time.Time) string {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return raw
	}
	changed := false
	for name, list := range values {
		for i, v := range list {
			clean := strings.TrimSpace(v)
			if name == "since" || name == "until" {
				clean = fullTime(clean, now)
			}
			if clean != v || clean == "" {
				list[i], changed = clean, true
			}
		}
	}
	if !changed {
		return raw
	}
	return withoutEmpty(values).Encode()
}

func withoutEmpty(values url.Values) url.Values {
	for name, list := range values {
		if len(list) == 1 && list[0] == "" {
			delete(values, name)
		}
	}
	return values
}

// fullTime reads a time as people write it: with fewer digits, in UTC, or as how
// long ago it was.
func fullTime(value string, now time.Time) string {
	if d, ok := ago(value); ok {
		return now.Add(-d).UTC().Truncate(time.Second).Format(time.RFC3339)
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02T15:04Z", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04:05.999", "2006-01-02T15:04:05.999"} {
		if t, err := time.Parse(layout, value); err == nil {
			return t.Format(time.RFC3339Nano)
		}
	}
	return value
}

// ago takes lengths of time such as 15m, 24h and 7d.
func ago(value string) (time.Duration, bool) {
	if len(value) < 2 {
		return 0, false
	}
	return parseStep(value)
}
