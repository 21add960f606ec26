package upstream

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
)

// service is the name in the credential scope.
const service = "outposts"

var errNotCanonical = errors.New("path or query would be sent other than it was signed")

// newRequest builds and signs one try. Only what is set here goes out.
func newRequest(ctx context.Context, where endpoint, call *Call, version string, s *snapshot, now time.Time) (*http.Request, error) {
	path, err := url.PathUnescape(call.Path)
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	target := &url.URL{Scheme: where.scheme, Host: where.host, Path: path, RawPath: call.Path, RawQuery: call.Query}
	want := call.Path
	if call.Query != "" {
		want += "?" + call.Query
	}
	if target.RequestURI() != want || want == "" || want[0] != '/' {
		return nil, errNotCanonical
	}

	fields := []sigv4.Field{{Name: "Host", Value: where.host}}
	if len(call.Body) > 0 {
		fields = append(fields, sigv4.Field{Name: "Content-Type", Value: "application/json"})
	}
	added, err := sigv4.Sign(
		&sigv4.Request{Method: call.Method, Path: call.Path, Query: call.Query, Fields: fields, PayloadHash: sha256.Sum256(call.Body)},
		sigv4.Credentials{AccessKeyID: s.credentials.AccessKeyID, Secret: s.credentials.SecretAccessKey, SessionToken: s.credentials.SessionToken},
		call.Region, service, now)
	if err != nil {
		return nil, fmt.Errorf("sign request: %w", err)
	}

	req := &http.Request{
		Method: call.Method,
		URL:    target,
		Host:   where.host,
		Header: http.Header{
			"Accept-Encoding": {"identity"},
			"User-Agent":      {userAgent(call.UserAgent, version, call.EventID)},
		},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	for _, f := range append(fields[1:], added...) {
		req.Header.Set(f.Name, f.Value)
	}
	setBody(req, call.Body)
	return req.WithContext(ctx), nil
}

// setBody gives the request a body that keeps net/http from sending the request
// twice on its own.
//
// On a connection that was used before, the transport silently repeats a GET when
// the connection breaks before the answer, unless the request has a body that it
// cannot rewind. Such a repetition would be one more request that AWS may have
// carried out and that no attempt accounts for. A body that is empty, not
// [http.NoBody], and without GetBody changes nothing on the wire and prevents it.
// Other methods are repeated only when not one byte had been written; that is
// harmless, and GetBody permits it.
func setBody(req *http.Request, body []byte) {
	if len(body) == 0 {
		switch req.Method {
		case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
			req.Body = nothing{}
		}
		return
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, _ = open()
	req.GetBody = open
	req.ContentLength = int64(len(body))
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }
func (nothing) Close() error             { return nil }

// maxUserAgent is a little less than what CloudTrail keeps of a user agent, so
// that the event's token, which comes last, is never what is cut off.
const maxUserAgent = 1000

// userAgent is the caller's own, then ours and the token that joins CloudTrail's
// record to the event. A caller can put such a token in its own part: the last one
// counts.
func userAgent(caller, version, eventID string) string {
	own := "gatepost/" + token(version, 64)
	if eventID != "" {
		own += " evt/" + token(eventID, 64)
	}
	caller = strings.TrimSpace(printable(caller, maxUserAgent-len(own)-1))
	if caller == "" {
		return own
	}
	return caller + " " + own
}

// printable is the first bytes of s with everything that a header cannot hold, or
// a terminal would act on, replaced.
func printable(s string, limit int) string {
	return replace(s, limit, func(c byte) bool { return c >= ' ' && c <= '~' })
}

// token is like printable, for a part of a product token. It is never empty.
func token(s string, limit int) string {
	if s == "" {
		return "unknown"
	}
	return replace(s, limit, func(c byte) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
	})
}

func replace(s string, limit int, keep func(byte) bool) string {
	b := []byte(s[:min(len(s), limit)])
	for i, c := range b {
		if !keep(c) {
			b[i] = '_'
		}
	}
	return string(b)
}
