package http1

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// Response is the answer being made. Date, Content-Length and Connection are the server's to write.
type Response struct {
	Status int
	Body   []byte // borrowed until it is written: it may be shared with a cache and is not changed
	Close  bool   // end the connection after this answer

	fields []byte
}

// Reset takes back everything that was set.
func (w *Response) Reset() { *w = Response{fields: w.fields[:0]} }

// Set appends a field. A control character in a value, which would split the answer, becomes a space.
func (w *Response) Set(name, value string) {
	w.fields = append(append(w.fields, name...), ": "...)
	for i := range len(value) {
		c := value[i]
		if c < ' ' || c == 0x7f {
			c = ' '
		}
		w.fields = append(w.fields, c)
	}
	w.fields = append(w.fields, "\r\n"...)
}

// SetInt appends a field with a decimal value.
func (w *Response) SetInt(name string, value int64) {
	w.fields = append(append(w.fields, name...), ": "...)
	w.fields = append(strconv.AppendInt(w.fields, value, 10), "\r\n"...)
}

// appendTo writes the whole answer; head leaves the body out, as an answer to HEAD must, while Content-Length still tells its length.
func (w *Response) appendTo(b []byte, now time.Time, head bool) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(w.Status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(w.Status)...)
	b = append(b, "\r\nDate: "...)
	b = append(b, httpDate(now)...)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(w.Body)), 10)
	if w.Close {
		b = append(b, "\r\nConnection: close"...)
	}
	b = append(b, "\r\n"...)
	b = append(b, w.fields...)
	b = append(b, "\r\n"...)
	if head {
		return b
	}
	return append(b, w.Body...)
}

type datedSecond struct {
	unix int64
	text string
}

// lastDate spares formatting the same second again; it is a memo of a pure function.
var lastDate atomic.Pointer[datedSecond]

func httpDate(now time.Time) string {
	unix := now.Unix()
	if d := lastDate.Load(); d != nil && d.unix == unix {
		return d.text
	}
	d := &datedSecond{unix, now.UTC().Format(http.TimeFormat)}
	lastDate.Store(d)
	return d.text
}
