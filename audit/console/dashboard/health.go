package dashboard

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// health is a component as a row.
type health struct {
	Name    string
	OK      bool
	Reason  string
	Since   time.Time
	Details []detail
}

// detail is a value that a component tells of itself.
type detail struct {
	Name string
	Text string    // or else
	Time time.Time // if it is one
	Code bool      // Text is for machines
}

// Health has the components, those first that do not work.
func (v Now) Health() []health {
	var list []health
	for _, name := range slices.Sorted(maps.Keys(v.Components)) {
		c := v.Components[name]
		h := health{Name: componentTitle(name), OK: c.OK, Reason: c.Reason, Since: c.Since}
		h.add("", c.Details)
		list = append(list, h)
	}
	slices.SortStableFunc(list, func(a, b health) int {
		switch {
		case a.OK == b.OK:
			return 0
		case b.OK:
			return -1
		}
		return 1
	})
	return list
}

// add takes details in, those of a detail's own behind its name.
func (h *health) add(of string, details map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(details)) {
		if more, ok := details[key].(map[string]any); ok {
			h.add(of+key+" ", more)
			continue
		}
		if d, ok := newDetail(key, details[key]); ok {
			d.Name = visible(of) + d.Name
			d.Text = visible(d.Text)
			h.Details = append(h.Details, d)
		}
	}
}

// newDetail reads the unit off the name's end. What is empty is not told.
func newDetail(key string, value any) (detail, bool) {
	d := detail{Name: words(key)}
	switch v := value.(type) {
	case nil:
		return d, false
	case time.Time:
		d.Time = v
		return d, !v.IsZero()
	case *time.Time:
		if v == nil || v.IsZero() {
			return d, false
		}
		d.Time = *v
		return d, true
	case time.Duration:
		d.Text = spanText(v)
		return d, true
	case string:
		d.Text, d.Code = v, strings.ContainsAny(v, ":+/")
		return d, v != ""
	case bool:
		d.Text = map[bool]string{true: "yes", false: "no"}[v]
		return d, true
	case int, int64, uint64, float64:
		n := amount(v)
		switch name, unit, _ := cutLast(key, "_"); {
		case key == "bytes" || unit == "bytes":
			d.Name, d.Text = words(strings.TrimSuffix(name, "_")), bytesText(n)
		case unit == "ms":
			d.Name, d.Text = words(name), fmt.Sprintf("%s\u00a0ms", number(n))
		case unit == "seconds":
			d.Name, d.Text = words(name), spanText(time.Duration(n)*time.Second)
		default:
			d.Text = number(n)
		}
		if d.Name == "" {
			d.Name = "bytes"
		}
		return d, true
	}
	d.Text, d.Code = fmt.Sprint(value), true
	return d, true
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}
