package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/proxy/outposts"
)

// MaxBody is the largest answer that is relayed. The largest of the API, a full
// page of assets, stays well below it.
const MaxBody = 64 << 10

func invalid(reason string, err error) *Error {
	return &Error{Class: audit.ErrorClassUpstreamInvalid, Reason: reason, Err: err}
}

// readBody reads an answer that may be relayed. It never reads more than a byte
// past MaxBody; closing the body then closes the connection, which ends a body
// that has no end.
func readBody(ctx context.Context, resp *http.Response) ([]byte, *Error) {
	switch status := resp.StatusCode; {
	case status < 200: // net/http hands over no 1xx but 101
		return nil, invalid("switched protocols", nil)
	case status >= 300 && status < 400:
		// A redirect would take the call, and with a careless client its signature,
		// to a host that nobody configured.
		return nil, invalid("redirect", fmt.Errorf("status %d", status))
	case status > 599:
		return nil, invalid("status", fmt.Errorf("status %d", status))
	}
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, invalid("content encoding", fmt.Errorf("%.64q, identity was asked for", encoding))
	}
	if resp.ContentLength > MaxBody {
		return nil, invalid("body too large", fmt.Errorf("%d bytes declared", resp.ContentLength))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	if err != nil {
		if failure := interrupted(ctx, err, "body"); failure != nil {
			return nil, failure
		}
		return nil, invalid("body cut short", err)
	}
	if len(body) > MaxBody {
		return nil, invalid("body too large", nil)
	}
	return body, nil
}

func newAnswer(resp *http.Response, body []byte) Answer {
	a := Answer{
		Status:      resp.StatusCode,
		ContentType: resp.Header.Get("Content-Type"),
		Body:        body,
		RequestID:   requestID(resp.Header),
		RetryAfter:  resp.Header.Get("Retry-After"),
	}
	if a.Status >= 400 {
		a.ErrorType, a.Message = parseError(resp.Header, body)
	}
	a.Class = classify(a.Status, a.ErrorType)
	return a
}

// maxRequestID is a multiple of a UUID, which AWS's own are. What is longer
// cannot be one and does not belong into the log.
const maxRequestID = 128

// requestID is AWS's id of the request, under any of the names that AWS gives it.
func requestID(h http.Header) string {
	for _, name := range []string{"X-Amzn-Requestid", "X-Amz-Request-Id", "X-Amz-Requestid"} {
		if id := h.Get(name); id != "" && len(id) <= maxRequestID && printable(id, len(id)) == id {
			return id
		}
	}
	return ""
}

// maxMessage is what the API's model allows.
const maxMessage = 1000

// parseError takes the code and the message from an error of restJson1. The
// header wins over the body, as in AWS's own SDKs. Whatever does not look like a
// code is none: it goes into headers and into the log.
func parseError(h http.Header, body []byte) (code, message string) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		members = nil
	}
	member := func(names ...string) string {
		for _, name := range names {
			var text string
			if json.Unmarshal(members[name], &text) == nil && text != "" {
				return text
			}
		}
		return ""
	}
	for _, value := range []string{h.Get("X-Amzn-Errortype"), member("__type"), member("code", "Code")} {
		if code = outposts.ErrorCode(value); isCode(code) {
			break
		}
		code = ""
	}
	message = strings.ToValidUTF8(member("message", "Message", "errorMessage"), "\uFFFD")
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "")
	}
	return code, message
}

func isCode(s string) bool {
	if len(s) == 0 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// interrupted is the failure of a call that was ended from this side, nil when it
// was not.
func interrupted(ctx context.Context, err error, during string) *Error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &Error{Class: audit.ErrorClassClientGone, Reason: "canceled", Err: err}
	}
	if timeout, ok := errors.AsType[net.Error](err); ctx.Err() != nil || ok && timeout.Timeout() {
		return &Error{Class: audit.ErrorClassUpstreamTimeout, Reason: during, Err: err}
	}
	return nil
}
