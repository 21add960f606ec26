package console

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// problem is an RFC 9457 document of the type about:blank, whose title is that of
// the status.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Parameter is the one that is wrong, an extension member.
	Parameter string `json:"parameter,omitempty"`
}

// failure is an answer that is an error. Detail is for the client; cause is for
// operators and never leaves.
type failure struct {
	status     int
	detail     string
	parameter  string
	retryAfter time.Duration
	cause      error
}

func (f *failure) Error() string {
	s := strconv.Itoa(f.status) + ": " + f.detail
	if f.cause != nil {
		s += ": " + f.cause.Error()
	}
	return s
}

func (f *failure) Unwrap() error { return f.cause }

var errNoRoute = &failure{status: http.StatusNotFound, detail: "There is nothing at this path; /openapi.json tells what there is."}

// unavailable is for what works again by itself.
func unavailable(detail string, cause error) *failure {
	return &failure{status: http.StatusServiceUnavailable, detail: detail, retryAfter: time.Second, cause: cause}
}

func (f *failure) write(w http.ResponseWriter) {
	body, _ := json.Marshal(problem{ // texts and a number always encode
		Type: "about:blank", Title: http.StatusText(f.status), Status: f.status, Detail: f.detail, Parameter: f.parameter,
	})
	w.Header().Set("Content-Type", "application/problem+json")
	f.header(w)
	w.WriteHeader(f.status)
	_, _ = w.Write(append(body, '\n')) // whoever left needs no answer
}

// header is that of an answer which is an error, in whatever form.
func (f *failure) header(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Del("Content-Length")
	if f.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(f.retryAfter.Seconds())))
	}
}

// writer lets an answer through, or puts a problem in its place: that of the
// status, or the error of before, which is called with the status before anything
// leaves.
type writer struct {
	http.ResponseWriter
	before   func(status int) error // may be nil
	failed   func(error)
	begun    bool
	replaced bool
}

func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *writer) WriteHeader(status int) {
	if w.begun {
		return
	}
	w.begun = true
	if w.before != nil {
		if err := w.before(status); err != nil {
			w.replaced = true
			w.failed(err)
			return
		}
	}
	if status >= http.StatusBadRequest {
		w.replaced = true
		(&failure{status: status}).write(w.ResponseWriter)
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.replaced {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}
