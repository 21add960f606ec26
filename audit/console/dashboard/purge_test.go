package dashboard_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func testPurge(t *testing.T, browser context.Context, s *site) {
	b := openTab(t, browser, 1280, 1000, false)
	path := "/connection/" + url.PathEscape(connectionID(2))
	b.login(s, s.viewer)
	b.visit(s.url + path)
	if b.count(".purge") != 0 || !strings.Contains(b.text("main"), "installer-fra1") {
		t.Errorf("a viewer sees %q", b.text("main"))
	}
	// What is not shown is not allowed either.
	b.expect("403 (Forbidden)")
	if status := eval[int](b, "fetch('/purge', {method: 'POST', headers: {'Content-Type': 'application/x-www-form-urlencoded'}, body: 'connection=' + encodeURIComponent($ARG)}).then((r) => r.status)", connectionID(2)); status != 403 {
		t.Errorf("a viewer purges: %d", status)
	}
	b.login(s, s.operator)
	b.visit(s.url + path)
	size := s.journal.Size()
	b.submit(".purge button")
	if got := b.text(".note.good"); !strings.Contains(got, "One cached answer was forgotten") {
		t.Errorf("it says %q", got)
	}
	if got := b.text("section.panel"); !strings.Contains(got, "No answer for this connection is held now") {
		t.Errorf("the cache has %q", got)
	}
	if got := s.actions(t, size, "ops"); got["cache_purge"] != 1 {
		t.Errorf("recorded: %v", got)
	}
	b.shoot("purged-1280-light")
	b.quiet()
}

// All is purged with two clicks, the second of which says what it does.
func testPurgeAll(t *testing.T, browser context.Context, s *site) {
	b := openTab(t, browser, 1280, 1000, false)
	s.call(t, "of-a-cached-connection") // which is on the first page then
	s.settle(t)
	b.login(s, s.viewer)
	b.visit(s.url + "/connections")
	if b.count("main form") != 0 || b.count(".purge-all") != 0 {
		t.Errorf("a viewer sees %q", b.text("main"))
	}
	b.expect("403 (Forbidden)")
	if status := eval[int](b, "fetch('/purge', {method: 'POST', headers: {'Content-Type': 'application/x-www-form-urlencoded'}, body: 'all=true'}).then((r) => r.status)"); status != 403 {
		t.Errorf("a viewer purges: %d", status)
	}
	const until = "tbody td:last-child time" // in the column of how long an answer is cached
	held := len(s.cache.Cached())
	if held < 2 || b.count(until) == 0 {
		t.Fatalf("the cache holds %d answers, the page shows %d", held, b.count(until))
	}
	b.login(s, s.operator)
	b.visit(s.url + "/connections")
	size := s.journal.Size()
	// One click does nothing yet.
	if eval[bool](b, "document.querySelector('.purge-all button').checkVisibility()") {
		t.Error("the button needs no confirmation")
	}
	b.do(chromedp.Click(chromedp.CSS(".purge-all summary")))
	b.until("the question", "document.querySelector('.purge-all button').checkVisibility()")
	b.shoot("purge-all-1280-light")
	b.accessible("purge all")
	if got := len(s.cache.Cached()); got != held {
		t.Errorf("before it is confirmed, %d answers are gone", held-got)
	}
	b.submit(".purge-all button")
	if got, want := b.text(".note.good"), fmt.Sprintf("%d cached answers were forgotten", held); !strings.Contains(got, want) {
		t.Errorf("it says %q, want %q", got, want)
	}
	if got := len(s.cache.Cached()); got != 0 || b.count(until) != 0 {
		t.Errorf("the cache has %d answers, the page shows %d", got, b.count(until))
	}
	if got := s.actions(t, size, "ops"); got["cache_purge"] != 1 {
		t.Errorf("recorded: %v", got)
	}
	b.shoot("purged-all-1280-light")
	b.quiet()
}
