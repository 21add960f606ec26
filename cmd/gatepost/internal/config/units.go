package config

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// units of time beyond those of [time.ParseDuration], each a fixed length.
const (
	day  = 24 * time.Hour
	week = 7 * day
)

var (
	longUnits  = regexp.MustCompile(`^(?:([0-9]+)w)?(?:([0-9]+)d)?(.*)$`)
	bareNumber = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)
	sizeForm   = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)$`)
)

// ParseDuration reads a duration as [time.ParseDuration] does, and weeks and
// days before it: 250ms, 1h30m, 90d, 1w2d. A number without a unit is an
// error, except 0.
func ParseDuration(s string) (time.Duration, error) {
	if s == "" {
		return 0, errors.New("is empty: write a duration with its unit, such as 60s")
	}
	if s != "0" && bareNumber.MatchString(s) {
		return 0, fmt.Errorf("%s has no unit: write %ss for seconds, %sm for minutes", s, s, s)
	}
	m := longUnits.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is not a duration: write a number and a unit, such as 250ms, 60s, 15m, 2h, 7d", s)
	}
	total := big.NewInt(0)
	for i, unit := range []time.Duration{week, day} {
		if m[i+1] == "" {
			continue
		}
		n, _ := new(big.Int).SetString(m[i+1], 10)
		total.Add(total, n.Mul(n, big.NewInt(int64(unit))))
	}
	if rest := m[3]; rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || (d < 0 && total.Sign() > 0) {
			return 0, fmt.Errorf("%q is not a duration: write a number and a unit, such as 250ms, 60s, 15m, 2h, 7d", s)
		}
		total.Add(total, big.NewInt(int64(d)))
	}
	if !total.IsInt64() {
		return 0, fmt.Errorf("%q is longer than 292 years", s)
	}
	return time.Duration(total.Int64()), nil
}

// FormatDuration writes d in the largest units that ParseDuration reads back
// to the same value, without the zero parts: 2h, not 2h0m0s.
func FormatDuration(d time.Duration) string {
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// sizeUnits are the suffixes of a size, in lower case, largest binary unit
// first; those with an i are powers of 1024, the others of 1000.
var sizeUnits = []struct {
	suffix string
	bytes  int64
}{
	{"tib", 1 << 40}, {"gib", gibibyte}, {"mib", mebibyte}, {"kib", 1 << 10},
	{"ti", 1 << 40}, {"gi", gibibyte}, {"mi", mebibyte}, {"ki", 1 << 10},
	{"tb", 1e12}, {"gb", 1e9}, {"mb", 1e6}, {"kb", 1e3},
	{"b", 1}, {"", 1},
}

// ParseSize reads a number of bytes: 64MiB, 1.5GiB, 1GB, 512kB, or a bare
// number of bytes. MiB is 1024 times 1024, MB is 1000 times 1000.
func ParseSize(s string) (int64, error) {
	m := sizeForm.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is not a size: write a number and a unit, such as 64MiB or 1GB", s)
	}
	suffix := strings.ToLower(m[2])
	for _, u := range sizeUnits {
		if u.suffix != suffix {
			continue
		}
		n, ok := new(big.Rat).SetString(m[1])
		if !ok {
			return 0, fmt.Errorf("%q is not a size: write a number and a unit, such as 64MiB or 1GB", s)
		}
		n.Mul(n, new(big.Rat).SetInt64(u.bytes))
		if !n.IsInt() {
			return 0, fmt.Errorf("%q is not a whole number of bytes", s)
		}
		if !n.Num().IsInt64() {
			return 0, fmt.Errorf("%q is larger than %d bytes", s, int64(math.MaxInt64))
		}
		return n.Num().Int64(), nil
	}
	return 0, fmt.Errorf("%q has the unknown unit %q: use B, KiB, MiB, GiB, TiB, or kB, MB, GB, TB", s, m[2])
}

// FormatSize writes n in the largest binary unit that divides it.
func FormatSize(n int64) string {
	if n > 0 {
		for _, u := range []struct {
			name  string
			bytes int64
		}{{"TiB", 1 << 40}, {"GiB", gibibyte}, {"MiB", mebibyte}, {"KiB", 1 << 10}} {
			if n%u.bytes == 0 {
				return strconv.FormatInt(n/u.bytes, 10) + u.name
			}
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}
