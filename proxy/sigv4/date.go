package sigv4

import "time"

const dateLayout = "20060102T150405Z"

// parseDate reads YYYYMMDDTHHMMSSZ and nothing else: time.Parse would also take
// fractions of a second.
func parseDate(s string) (time.Time, bool) {
	if len(s) != len(dateLayout) || s[8] != 'T' || s[15] != 'Z' {
		return time.Time{}, false
	}
	for i := range len(s) - 1 {
		if i != 8 && (s[i] < '0' || s[i] > '9') {
			return time.Time{}, false
		}
	}
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	year, month, day := two(0)*100+two(2), time.Month(two(4)), two(6)
	hour, minute, second := two(9), two(11), two(13)
	if month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, month, day, hour, minute, second, 0, time.UTC)
	// A day that the month does not have comes back as one of the next month.
	return t, day <= 28 || t.Day() == day
}
