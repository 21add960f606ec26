package console

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const (
	// chunk is what a stream gathers before it writes.
	chunk = 32 << 10
	// A client that takes longer than slowWrite for a chunk is told to come back,
	// and one that takes longer than writeTimeout is past being told. It resumes
	// where it was, so that neither costs it anything but the detour.
	slowWrite = 10 * time.Second
	// retryAfter is for clients that reconnect by themselves, in milliseconds.
	retryAfter = "2000"
)

// eventWriter writes a stream of server-sent events. The id of each is the index
// of the newest entry that it takes into account, so that an id is always the
// place to resume at. It is for one goroutine.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buf     []byte
	resume  uint64 // entries below it are in buf, or were sent
	sent    uint64 // entries below it were sent
}

// begin sends the header.
func (o *eventWriter) begin() error {
	// The bounds of a request are not those of a stream.
	if err := o.control.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	o.buf = append(o.buf, "retry: "+retryAfter+"\n\n"...)
	return nil
}

func (o *eventWriter) id(next uint64) {
	o.resume = next
	if next == 0 {
		return // there is no entry before the first
	}
	o.buf = append(o.buf, "id: "...)
	o.buf = strconv.AppendUint(o.buf, next-1, 10)
	o.buf = append(o.buf, '\n')
}

// event adds a line of the log.
func (o *eventWriter) event(index uint64, line []byte) {
	o.id(index + 1)
	o.buf = append(o.buf, "data: "...)
	o.buf = append(o.buf, line...)
	o.buf = append(o.buf, "\n\n"...)
}

// progress moves the place to resume at, without an event.
func (o *eventWriter) progress(next uint64) {
	o.id(next)
	o.buf = append(o.buf, '\n')
}

// beat shows that the stream lives.
func (o *eventWriter) beat(next uint64) {
	o.buf = append(o.buf, ": heartbeat\n"...)
	o.progress(next)
}

// gap says that entries are no longer in the log.
func (o *eventWriter) gap(first, last uint64) {
	o.id(last + 1)
	o.buf = fmt.Appendf(o.buf, "event: gap\ndata: {\"first\":%d,\"last\":%d}\n\n", first, last)
}

// skipped are entries that a filter chooses and that are not sent.
type skipped struct {
	first, last uint64
	count       int
}

// skipped says that entries are left out.
func (o *eventWriter) skipped(s skipped) {
	o.id(s.last + 1)
	o.buf = fmt.Appendf(o.buf, "event: skipped\ndata: {\"first\":%d,\"last\":%d,\"count\":%d}\n\n", s.first, s.last, s.count)
}

func (o *eventWriter) empty() bool { return len(o.buf) == 0 }
func (o *eventWriter) full() bool  { return len(o.buf) >= chunk }
func (o *eventWriter) length() int { return len(o.buf) }
func (o *eventWriter) discard()    { o.buf, o.resume = o.buf[:0], o.sent }

// flush writes what has gathered.
func (o *eventWriter) flush() end {
	started := time.Now()
	if err := o.write(writeTimeout); err != nil {
		return endGone
	}
	o.sent = o.resume
	if time.Since(started) >= slowWrite {
		return endSlow
	}
	return ""
}

func (o *eventWriter) write(timeout time.Duration) error {
	defer func() { o.buf = o.buf[:0] }()
	if err := o.control.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	if _, err := o.w.Write(o.buf); err != nil {
		return err
	}
	return o.control.Flush()
}

// end says why nothing follows, and where to resume: behind what was sent.
func (o *eventWriter) end(why end) {
	o.discard()
	o.buf = append(o.buf, `event: end`+"\n"+`data: {"reason":"`+string(why)+`"`...)
	if o.sent > 0 {
		o.buf = append(o.buf, `,"after":`...)
		o.buf = strconv.AppendUint(o.buf, o.sent-1, 10)
	}
	o.buf = append(o.buf, "}\n\n"...)
	_ = o.write(slowWrite) // whoever left needs no farewell
}
