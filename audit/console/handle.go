package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
)

// handle renders the error of a handler that has not begun to answer.
func (c *Console) handle(serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := serve(w, r); err != nil {
			c.fail(w, r, err)
		}
	})
}

func (c *Console) fail(w http.ResponseWriter, r *http.Request, err error) {
	c.failureOf(r, err).write(w)
}

// failureOf is what a client is told of an error; operators are told of the cause.
func (c *Console) failureOf(r *http.Request, err error) *failure {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = &failure{status: http.StatusInternalServerError, detail: "This is gatepost's fault; its own log tells more.", cause: err}
		if errors.Is(err, context.DeadlineExceeded) {
			f = unavailable("This took too long; ask for less, or later.", err)
		}
	}
	if f.cause != nil && r.Context().Err() == nil {
		c.log.WarnContext(r.Context(), "admin request failed", slog.String("method", r.Method), slog.String("path", r.URL.EscapedPath()),
			slog.Int("status", f.status), slog.Any("err", f.cause))
	}
	return f
}

// marshal returns a line of JSON in which lines of the log are as they are stored.
func marshal(v any) ([]byte, error) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return body.Bytes(), err
}

// reply answers with a body that is complete.
func reply(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(body) // whoever left needs no answer
}
