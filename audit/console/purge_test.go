package console_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/console"
)

// The form with which all is forgotten stands where it can be sent.
func TestPurgeAllForm(t *testing.T) {
	t.Parallel()
	none := func(c *console.Config) { c.Purger = nil }
	tests := []struct {
		name    string
		options options
		who     func(*bench) string // a token, if one is needed
		want    bool
	}{
		{"operator", options{}, func(b *bench) string { return b.operator }, true},
		{"viewer", options{}, func(b *bench) string { return b.viewer }, false},
		{"whoever is on this machine", options{open: true}, nil, true},
		{"operator without a cache", options{change: none}, func(b *bench) string { return b.operator }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := start(t, tt.options)
			cookie := ""
			if tt.who != nil {
				cookie = b.login(t, tt.who(b))
			}
			r := b.send(t, "GET", "/connections", "", own(cookie))
			if got := strings.Contains(r.body, `<input type="hidden" name="all" value="true">`); r.status != 200 || got != tt.want {
				t.Errorf("%d, a form: %t", r.status, got)
			}
		})
	}
}

// What a form forgets is recorded before, counted, and nothing else.
func TestPurgeForm(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	operator, viewer := b.login(t, b.operator), b.login(t, b.viewer)
	from := func(cookie, site string) http.Header {
		h := own(cookie)
		h.Set("Sec-Fetch-Site", site)
		return h
	}
	tests := []struct {
		name, form string
		header     http.Header
		status     int
		to, says   string
		left       []string
	}{
		{"all as a viewer", "all=true", own(viewer), 403, "", "", []string{"a/b+c=", "a/b+c=", "other"}},
		{"all as a stranger", "all=true", own(""), 401, "", "", []string{"a/b+c=", "a/b+c=", "other"}},
		{"all from another site", "all=true", from(operator, "cross-site"), 403, "", "", []string{"a/b+c=", "a/b+c=", "other"}},
		{"all from a neighbour", "all=true", from(operator, "same-site"), 403, "", "", []string{"a/b+c=", "a/b+c=", "other"}},
		{"all that was typed in", "all=true", from(operator, "none"), 403, "", "", []string{"a/b+c=", "a/b+c=", "other"}},
		{"neither all nor one", "", own(operator), 400, "", "", []string{"a/b+c=", "a/b+c=", "other"}},
		{"all and one", "all=true&connection=other", own(operator), 400, "", "", []string{"a/b+c=", "a/b+c=", "other"}},
		{"one", "connection=other", own(operator), 303, "/connection/other?purged=1", "One cached answer was forgotten", []string{"a/b+c=", "a/b+c="}},
		{"all", "all=true", own(operator), 303, "/connections?purged=2", "2 cached answers were forgotten", nil},
		{"all of nothing", "all=true", own(operator), 303, "/connections?purged=0", "The cache held nothing", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			size := b.journal.Size()
			r := b.sendBody(t, "POST", "/purge", "", tt.header, tt.form)
			if r.status != tt.status || !slices.Equal(b.cache.entries, tt.left) {
				t.Fatalf("%d, the cache has %q: %s", r.status, b.cache.entries, r.body)
			}
			if tt.to == "" {
				if b.journal.Size() != size {
					t.Errorf("recorded %+v", b.last(t))
				}
				return
			}
			if e := b.last(t); b.journal.Size() != size+1 || e.Action != "cache_purge" || e.Principal != "token:ops" || e.Path != "/purge" || e.Detail != strings.ReplaceAll(tt.form, "/", "%2F") || (e.ConnectionID == "") != (tt.form == "all=true") {
				t.Errorf("recorded %+v", e)
			}
			if to := r.header.Get("Location"); to != tt.to {
				t.Errorf("it leads to %s", to)
			}
			if page := b.send(t, "GET", tt.to, "", own(operator)); page.status != 200 || !strings.Contains(page.body, tt.says) {
				t.Errorf("%d, it does not say %q", page.status, tt.says)
			}
		})
	}
}

// A purge that cannot be recorded is not done.
func TestPurgeUnrecorded(t *testing.T) {
	t.Parallel()
	b := start(t, options{open: true, recorder: func(console.Recorder) console.Recorder { return refusing{} }})
	for _, form := range []string{"all=true", "connection=other"} {
		if r := b.sendBody(t, "POST", "/purge", "", own(""), form); r.status != 503 || len(b.cache.entries) != 3 {
			t.Errorf("%s: %d, the cache has %q", form, r.status, b.cache.entries)
		}
	}
}
