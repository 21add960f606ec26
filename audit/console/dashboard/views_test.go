package dashboard_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
)

// many is how many entries stand behind the views.
const many = 100_000

// views are all of them, with something to see on each.
func views(s *site) []struct{ name, path string } {
	return []struct{ name, path string }{
		{"now", "/"},
		{"events", "/events"},
		{"events-filtered", "/events?cache=miss&principal=installer-fra1&error_class=throttling"},
		{"events-empty", "/events?principal=nobody"},
		{"event", "/events/" + s.someCall("kind", "outcome", "cache", "miss")},
		{"event-denied", "/events/" + s.someCall("error_class", "signature")},
		{"findings", "/findings"},
		{"connections", "/connections"},
		{"connection", "/connection/" + url.PathEscape(connectionID(1))},
		{"callers", "/callers"},
		{"problem", "/events?since=nonsense"},
	}
}

func TestBrowser(t *testing.T) {
	browser := startBrowser(t)
	s := startSite(t, many)
	for _, part := range []struct {
		name string
		test func(*testing.T, context.Context, *site)
	}{
		{"views", testViews}, {"speed", testSpeed}, {"live", testLive}, {"filter", testFilter}, {"search", testSearch}, {"proof", testProof}, {"acknowledge", testAcknowledge},
		{"purge", testPurge}, {"purge-all", testPurgeAll}, {"keyboard", testKeyboard}, {"session", testSession}, {"idle", testIdle}, {"refresh", testRefresh}, {"hostile", testHostile}, {"empty", testEmpty},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, browser, s) })
	}
}

// Every view is sound for eyes, keyboards and screen readers, in each form.
func testViews(t *testing.T, browser context.Context, s *site) {
	for _, look := range []struct {
		name          string
		width, height int64
		dark          bool
	}{{"1280-light", 1280, 1000, false}, {"1280-dark", 1280, 1000, true}, {"400-light", 400, 900, false}, {"400-dark", 400, 900, true}} {
		t.Run(look.name, func(t *testing.T) {
			b := openTab(t, browser, look.width, look.height, look.dark)
			b.expect("400 (Bad Request)") // of the problem
			b.forget()
			b.visit(s.url + "/login")
			b.shoot("login-" + look.name)
			b.accessible("login")
			b.login(s, s.operator)
			for _, v := range views(s) {
				b.visit(s.url + v.path)
				b.shoot(v.name + "-" + look.name)
				b.accessible(v.name)
				b.quiet()
			}
		})
	}
}

// paint is when something is seen of the page, in milliseconds.
const paint = `new Promise((done) => new PerformanceObserver((list) => done(list.getEntriesByName('first-contentful-paint')[0].startTime)).observe({type: 'paint', buffered: true}))`

// mayTake is how much longer than a page of one word a view may take to be seen, in
// milliseconds: how long that one takes is the machine's business.
const mayTake = 200

// Every view is there at once, and weighs little.
func testSpeed(t *testing.T, browser context.Context, s *site) {
	b := openTab(t, browser, 1280, 1000, false)
	b.login(s, s.operator)
	word := 1e9
	for range 5 {
		b.visit("data:text/html,<p>word")
		word = min(word, eval[float64](b, paint))
	}
	for _, v := range views(s) {
		if v.name == "problem" {
			continue
		}
		best := 1e9
		for range 8 {
			b.visit(s.url + v.path)
			if best = min(best, eval[float64](b, paint)); best <= mayTake {
				break
			}
		}
		weight := eval[int](b, `[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].filter((e) => e.initiatorType !== 'eventsource' && e.initiatorType !== 'other').reduce((n, e) => n + e.decodedBodySize, 0)`)
		t.Logf("%-16s first contentful paint %4.0f ms (of one word: %.0f ms), %3d KB", v.name, best, word, weight/1000)
		if best > mayTake+word {
			t.Errorf("%s: first contentful paint after %.0f ms", v.name, best)
		}
		if weight > 100_000 || weight < 10_000 {
			t.Errorf("%s: %d bytes", v.name, weight)
		}
	}
}

// A log without events is no puzzle.
func testEmpty(t *testing.T, browser context.Context, _ *site) {
	s := startSite(t, 0)
	b := openTab(t, browser, 1280, 800, false)
	b.login(s, s.operator)
	for path, want := range map[string]string{
		"/": "No call has been answered yet", "/events?kind=outcome": "No event satisfies", "/findings": "is open, as far as CloudTrail was compared",
		"/connections": "No connection has been asked for yet", "/callers": "never used",
	} {
		b.visit(s.url + path)
		if got := b.text("main"); !strings.Contains(got, want) {
			t.Errorf("%s says %q", path, got)
		}
		name := strings.Trim(strings.NewReplacer("/", "", "?kind=outcome", "").Replace(path), " ")
		b.shoot("empty-" + name + "-1280-light")
		b.accessible(path)
		b.quiet()
	}
}
