package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// setScalar stores text in v, a field that is neither a list nor rules. Its
// error completes "key: …".
func setScalar(v reflect.Value, text string) error {
	switch {
	case v.Type() == durationType:
		d, err := ParseDuration(text)
		if err != nil {
			return err
		}
		v.SetInt(int64(d))
		return nil
	case v.Kind() == reflect.String:
		if err := printable(text); err != nil {
			return err
		}
		v.SetString(text)
		return nil
	case v.Kind() == reflect.Bool:
		switch text {
		case "true":
			v.SetBool(true)
		case "false":
			v.SetBool(false)
		default:
			return fmt.Errorf("%q is neither true nor false", text)
		}
		return nil
	case v.Kind() == reflect.Int64:
		n, err := ParseSize(text)
		if err != nil {
			return err
		}
		v.SetInt(n)
		return nil
	case v.Kind() == reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is not a whole number: write digits alone, such as 64", text)
		}
		v.SetInt(int64(n))
		return nil
	case v.Kind() == reflect.Float64:
		if !bareNumber.MatchString(text) {
			return fmt.Errorf("%q is not a number: write one such as 1 or 0.5", text)
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%q is out of range", text)
		}
		v.SetFloat(n)
		return nil
	}
	panic("config: no form for " + v.Type().String())
}

// printable refuses text that a terminal or a log would act upon.
func printable(text string) error {
	for _, r := range text {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || unicode.Is(unicode.Bidi_Control, r) {
			return fmt.Errorf("%q holds a control character or is not UTF-8: remove it", text)
		}
	}
	return nil
}

// splitList reads the comma-separated form that lists have outside the file.
// Empty text is the empty list.
func splitList(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	parts := strings.Split(text, ",")
	for i, p := range parts {
		parts[i] = strings.TrimSpace(p)
	}
	return parts
}

// formatScalar writes v, a field that is neither a list nor rules, as
// setScalar reads it.
func formatScalar(v reflect.Value) string {
	switch {
	case v.Type() == durationType:
		return FormatDuration(time.Duration(v.Int()))
	case v.Kind() == reflect.String:
		return v.String()
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case v.Kind() == reflect.Int64:
		return FormatSize(v.Int())
	case v.Kind() == reflect.Int:
		return strconv.FormatInt(v.Int(), 10)
	case v.Kind() == reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	}
	panic("config: no form for " + v.Type().String())
}
