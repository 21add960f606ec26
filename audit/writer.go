package audit

import (
	"strconv"
	"time"
)

// writer appends the members of a line and notes which fields it had to cut.
type writer struct {
	dst []byte
	cut fieldSet
}

// key starts a member. The line's own object was opened by its head, so that
// only the first member of a nested object goes without a comma.
func (w *writer) key(name string) {
	if n := len(w.dst); n == 0 || w.dst[n-1] != '{' {
		w.dst = append(w.dst, ',')
	}
	w.dst = append(w.dst, '"')
	w.dst = append(w.dst, name...)
	w.dst = append(w.dst, '"', ':')
}

func (w *writer) open(name string, bracket byte) {
	w.key(name)
	w.dst = append(w.dst, bracket)
}

func (w *writer) close(bracket byte) { w.dst = append(w.dst, bracket) }

func (w *writer) value(f field, s string) {
	var cut bool
	w.dst, cut = appendString(w.dst, s, fields[f].limit)
	if cut {
		w.cut |= 1 << f
	}
}

// must writes the field even when it is empty.
func (w *writer) must(f field, s string) {
	w.key(fields[f].key)
	w.value(f, s)
}

func (w *writer) string(f field, s string) {
	if s != "" {
		w.must(f, s)
	}
}

func (w *writer) int(name string, n int64) { w.number(name, n, false) }

func (w *writer) number(name string, n int64, must bool) {
	if n != 0 || must {
		w.key(name)
		w.dst = strconv.AppendInt(w.dst, n, 10)
	}
}

func (w *writer) bool(name string, b, must bool) {
	if b || must {
		w.key(name)
		w.dst = strconv.AppendBool(w.dst, b)
	}
}

// time writes nine fractional digits always, so that lines sort as text and
// every time is of one width. Years that RFC 3339 cannot express become the
// nearest that it can.
func (w *writer) time(t time.Time) {
	t = t.UTC()
	switch y := t.Year(); {
	case y < 0:
		t = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	case y > 9999:
		t = time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)
	}
	w.key("time")
	w.dst = append(w.dst, '"')
	w.dst = t.AppendFormat(w.dst, timeLayout)
	w.dst = append(w.dst, '"')
}

func (w *writer) attempts(list []Attempt) {
	if len(list) == 0 {
		return
	}
	if len(list) > maxAttempts {
		list = list[:maxAttempts]
		w.cut |= 1 << fieldAttempts
	}
	w.open("attempts", '[')
	for i := range list {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		w.dst = append(w.dst, '{')
		w.string(fieldAttemptRequestID, list[i].RequestID)
		w.int("status", int64(list[i].Status))
		w.string(fieldAttemptErrorCode, list[i].ErrorCode)
		w.int("duration_us", list[i].DurationUS)
		w.close('}')
	}
	w.close(']')
}

func (w *writer) differences(list []string) {
	if len(list) == 0 {
		return
	}
	if len(list) > maxDifferences {
		list = list[:maxDifferences]
		w.cut |= 1 << fieldDifferences
	}
	w.open("differences", '[')
	for i, s := range list {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		w.value(fieldDifferences, s)
	}
	w.close(']')
}

func (w *writer) truncated() {
	if w.cut == 0 {
		return
	}
	w.open("truncated", '[')
	comma := false
	for f := range fieldCount {
		if w.cut&(1<<f) == 0 {
			continue
		}
		if comma {
			w.dst = append(w.dst, ',')
		}
		comma = true
		w.dst = append(w.dst, '"')
		w.dst = append(w.dst, fields[f].name...)
		w.dst = append(w.dst, '"')
	}
	w.close(']')
}
