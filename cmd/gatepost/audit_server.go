package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
)

const (
	// serverTimeout bounds one answer that is not a stream.
	serverTimeout = time.Minute
	// A server that is overloaded, or whose log was read too often, is asked again
	// after the time that it names, within bounds.
	serverTries   = 5
	maxRetryAfter = 10 * time.Second
	// maxTokenFile is far above what holds a token.
	maxTokenFile = 4 << 10
)

// addServerFlags gives cmd the flags for reading from a running gatepost.
func addServerFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.String("server", "", "read from a running gatepost, by the `URL` of its admin listener, such as http://127.0.0.1:9090")
	flags.String("token-file", "", "`file` that holds the admin token for --server (default: the variable "+config.TokenVariable+", or none)")
	_ = cmd.MarkFlagFilename("token-file")
	flags.Bool("plaintext", false, "let --server be another machine over plain HTTP, where the token and the log can be read on the way")
	completeNothing(cmd, "server")
}

// server is a running gatepost's admin listener.
type server struct {
	base   *url.URL
	token  string
	client *http.Client
}

// server returns what --server names, or nil if it was not given.
func (p *program) server(cmd *cobra.Command) (*server, error) {
	flags := cmd.Flags()
	text, err := flags.GetString("server")
	if err != nil {
		return nil, err
	}
	for _, other := range []string{"token-file", "plaintext"} {
		if text == "" && flags.Changed(other) {
			return nil, misuse("--%s is for --server", other)
		}
	}
	if text == "" {
		return nil, nil
	}
	for _, other := range []string{"data-dir", "config"} {
		if flags.Changed(other) {
			return nil, misuse("--server and --%s both name the log: give one", other)
		}
	}
	base, err := url.Parse(text)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" || strings.Trim(base.Path, "/") != "" {
		return nil, misuse("--server: write a scheme and a host, such as http://127.0.0.1:9090")
	}
	plaintext, err := flags.GetBool("plaintext")
	if err != nil {
		return nil, err
	}
	if base.Scheme == "http" && !plaintext && !isLoopbackHost(base.Hostname()) {
		return nil, misuse("--server %s: over plain HTTP the token and the log could be read on the way; use https, or give --plaintext if something else encrypts it", base.Redacted())
	}
	token, err := p.serverToken(cmd)
	if err != nil {
		return nil, err
	}
	base.Path = ""
	return &server{base: base, token: token, client: &http.Client{
		// A token must not follow a redirect, and the API has none.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func isLoopbackHost(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}

// serverToken reads the token from its file, or from the environment. Flags are no
// place for it: everybody on the machine can read them.
func (p *program) serverToken(cmd *cobra.Command) (string, error) {
	name, err := cmd.Flags().GetString("token-file")
	if err != nil {
		return "", err
	}
	from, text := config.TokenVariable, ""
	if name != "" {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer f.Close()
		data, err := io.ReadAll(io.LimitReader(f, maxTokenFile))
		if err != nil {
			return "", err
		}
		from, text = name, string(data)
	} else {
		for _, entry := range p.env {
			if value, ok := strings.CutPrefix(entry, config.TokenVariable+"="); ok {
				text = value
			}
		}
	}
	text = strings.TrimSpace(text)
	if name != "" && text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s does not hold a token alone", clean(from))
	}
	return text, nil
}

// serverError is an answer that is an error, in the words of the server.
type serverError struct {
	status     int
	text       string
	retryAfter time.Duration
}

func (e *serverError) Error() string { return e.text }

// get asks for a path. The caller closes the answer's body.
func (s *server) get(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	for try := 1; ; try++ {
		resp, err := s.ask(ctx, path, query)
		e, ok := errors.AsType[*serverError](err)
		again := ok && (e.status == http.StatusTooManyRequests || e.status == http.StatusServiceUnavailable) && try < serverTries
		switch {
		case again:
		case ok && e.status == http.StatusNotFound:
			return nil, &exitError{code: exitNo, err: err}
		default:
			return resp, err
		}
		select {
		case <-time.After(min(max(e.retryAfter, 100*time.Millisecond), maxRetryAfter)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *server) ask(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	at := *s.base
	at.Path, at.RawQuery = path, query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "gatepost/"+version)
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("ask %s: %w", s.base.Redacted(), errors.Unwrap(err))
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, s.failure(resp)
}

// failure reads an RFC 9457 document, or says what else was answered.
func (s *server) failure(resp *http.Response) error {
	var problem struct{ Title, Detail, Parameter string }
	text := resp.Status
	if media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err == nil && media == "application/problem+json" {
		if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&problem); err == nil {
			text = cmp.Or(problem.Detail, problem.Title, text)
		}
	} else {
		text += ", which is not gatepost's admin listener's"
	}
	if resp.StatusCode == http.StatusUnauthorized {
		text += " Name the file of an admin token with --token-file, or set " + config.TokenVariable + "."
	}
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	return &serverError{
		status: resp.StatusCode, text: fmt.Sprintf("%s answers %d: %s", s.base.Redacted(), resp.StatusCode, text),
		retryAfter: time.Duration(seconds) * time.Second,
	}
}

// getJSON asks for a path and decodes the answer.
func (s *server) getJSON(ctx context.Context, path string, query url.Values, to any) error {
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	resp, err := s.get(ctx, path, query)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(to); err != nil {
		return fmt.Errorf("answer of %s to %s: %w", s.base.Redacted(), path, err)
	}
	return nil
}
