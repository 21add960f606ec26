package console

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// parameter is one that a route understands.
type parameter struct {
	name   string
	inPath bool
	values []string // the closed set, if it is one
	max    int      // bytes; 0 is maxValue
	// set takes the value in. Its error is a sentence's end: "has to be a number".
	set func(q *query, value string) error
}

const (
	// maxValue is above the longest connection id.
	maxValue = 1024
	// tokenText is how every admin token begins, and its length. One in a query
	// is in the wrong place, and must not get into the log.
	tokenPrefix = "gpt_"
	tokenLength = len(tokenPrefix) + 43
)

// parseParameters reads a request's parameters, all of which have to be known,
// given once, and sound.
func parseParameters(r *http.Request, known []parameter) (*query, error) {
	return parseRaw(r, r.URL.RawQuery, known)
}

// parseRaw is parseParameters for a query that stands elsewhere, as in a form.
func parseRaw(r *http.Request, raw string, known []parameter) (*query, error) {
	q := newQuery()
	for _, p := range known {
		if p.inPath {
			if err := p.take(q, r.PathValue(p.name)); err != nil {
				return nil, err
			}
		}
	}
	return q, q.parse(raw, known)
}

func (q *query) parse(raw string, known []parameter) error {
	if raw == "" {
		return nil
	}
	for pair := range strings.SplitSeq(raw, "&") {
		escapedName, escapedValue, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(escapedName)
		value, err2 := url.QueryUnescape(escapedValue)
		i := slices.IndexFunc(known, func(p parameter) bool { return !p.inPath && p.name == name })
		switch {
		case err1 != nil || strings.Contains(pair, ";"):
			return badParameter("", "The query is not encoded as it has to be: name=value&name=value, other characters as %%XX.")
		case i < 0:
			return badParameter(shorten(name), "This path takes %s.", among(known))
		case err2 != nil:
			return badParameter(name, "The parameter %s is not encoded as it has to be: a percent sign is written as %%25.", name)
		case q.values.Has(name):
			return badParameter(name, "The parameter %s is given twice.", name)
		}
		if err := known[i].take(q, value); err != nil {
			return err
		}
		q.values.Set(name, value)
	}
	return nil
}

func (p *parameter) take(q *query, value string) error {
	switch {
	case value == "":
		return badParameter(p.name, "The parameter %s is empty; leave it out instead.", p.name)
	case len(value) > cmp.Or(p.max, maxValue):
		return badParameter(p.name, "The parameter %s has more than %d bytes.", p.name, cmp.Or(p.max, maxValue))
	case !utf8.ValidString(value) || strings.ContainsFunc(value, isControl):
		return badParameter(p.name, "The parameter %s is not printable UTF-8.", p.name)
	case holdsToken(value):
		return badParameter(p.name, "The parameter %s holds what looks like an admin token, which belongs into the field Authorization alone; replace it, for queries are recorded.", p.name)
	case p.values != nil && !slices.Contains(p.values, value):
		return badParameter(p.name, "The parameter %s is one of %s.", p.name, strings.Join(p.values, ", "))
	}
	if err := p.set(q, value); err != nil {
		return badParameter(p.name, "The parameter %s %w.", p.name, err)
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func holdsToken(value string) bool {
	for {
		i := strings.Index(value, tokenPrefix)
		if i < 0 {
			return false
		}
		if value = value[i:]; len(value) >= tokenLength && !strings.ContainsFunc(value[:tokenLength], notTokenRune) {
			return true
		}
		value = value[len(tokenPrefix):]
	}
}

func notTokenRune(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
}

func badParameter(name, format string, args ...any) *failure {
	return &failure{status: http.StatusBadRequest, parameter: name, detail: fmt.Errorf(format, args...).Error()}
}

// among lists the parameters that a path takes.
func among(known []parameter) string {
	var names []string
	for _, p := range known {
		if !p.inPath {
			names = append(names, p.name)
		}
	}
	if len(names) == 0 {
		return "no parameters"
	}
	return "the parameters " + strings.Join(names, ", ")
}

// shorten keeps a name that is none of ours from filling the answer.
func shorten(name string) string {
	const longest = 64
	name = strings.ToValidUTF8(name, "\ufffd")
	if len(name) <= longest {
		return name
	}
	return strings.ToValidUTF8(name[:longest], "") + "…"
}

type queryKey struct{}

func withQuery(ctx context.Context, q *query) context.Context {
	return context.WithValue(ctx, queryKey{}, q)
}

// queryOf is what the request's parameters say. Every route has one.
func queryOf(r *http.Request) *query {
	q, _ := r.Context().Value(queryKey{}).(*query)
	return q
}
