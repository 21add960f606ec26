package console

import (
	"bufio"
	"context"
	"io"
	"iter"
	"strconv"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/export"
)

// column is one of a table's: its name, and what a row has there, a string, a
// uint64, a bool or a time. An empty string, a zero time and nil are nothing:
// CSV has an empty cell there, and JSON no member.
type column[T any] struct {
	name  string
	value func(*T) any
}

// tableTime is how the log writes times.
const tableTime = "2006-01-02T15:04:05.000000000Z"

const tableBuffer = 64 << 10

// writeTable writes rows as CSV or as JSON lines, both in the manner of
// [export.Write].
func writeTable[T any](ctx context.Context, w io.Writer, format export.Format, columns []column[T], rows iter.Seq2[T, error]) error {
	out := bufio.NewWriterSize(w, tableBuffer)
	var line []byte
	if format == export.CSV {
		for i, c := range columns {
			if i > 0 {
				line = append(line, ',')
			}
			line = append(line, c.name...)
		}
		out.Write(append(line, '\r', '\n')) // an error sticks to out
	}
	for row, err := range rows {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if format == export.CSV {
			line = appendCSV(line[:0], columns, &row)
		} else {
			line = appendObject(line[:0], columns, &row)
		}
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	return out.Flush()
}

func appendCSV[T any](dst []byte, columns []column[T], row *T) []byte {
	for i, c := range columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		if v := c.value(row); !isNothing(v) {
			dst = appendValue(dst, v, export.AppendCell)
		}
	}
	return append(dst, '\r', '\n')
}

func appendObject[T any](dst []byte, columns []column[T], row *T) []byte {
	dst = append(dst, '{')
	quoted := func(dst []byte, s string) []byte { return append(export.AppendQuoted(append(dst, '"'), s), '"') }
	for _, c := range columns {
		v := c.value(row)
		if isNothing(v) {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = appendValue(append(quoted(dst, c.name), ':'), v, quoted)
	}
	return append(dst, '}', '\n')
}

func isNothing(v any) bool {
	t, isTime := v.(time.Time)
	return v == nil || v == "" || isTime && t.IsZero()
}

func appendValue(dst []byte, v any, text func([]byte, string) []byte) []byte {
	switch v := v.(type) {
	case uint64:
		return strconv.AppendUint(dst, v, 10)
	case bool:
		return strconv.AppendBool(dst, v)
	case time.Time:
		return text(dst, v.UTC().Format(tableTime))
	}
	return text(dst, v.(string))
}
