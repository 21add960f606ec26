package dashboard_test

import (
	"fmt"
	"net/url"
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
		{"connection", "/connections/" + url.PathEscape(connectionID(1))},
		{"callers", "/callers"},
		{"problem", "/events?since=nonsense"},
	}
}

func TestBrowser(t *testing.T) {
	browser := startBrowser(t)
	s := startSite(t, many)
	t.Run("views", func(t *testing.T) {
		for _, look := range []struct {
			name          string
			width, height int64
			dark          bool
		}{{"1280-light", 1280, 1000, false}, {"1280-dark", 1280, 1000, true}, {"400-light", 400, 900, false}, {"400-dark", 400, 900, true}} {
			t.Run(look.name, func(t *testing.T) {
				b := openTab(t, browser, look.width, look.height, look.dark)
				b.login(s, s.operator)
				for _, v := range views(s) {
					if v.name == "problem" {
						b.expect("400 (Bad Request)")
					}
					b.visit(s.url + v.path)
					b.shoot(fmt.Sprintf("%s-%s", v.name, look.name))
					b.quiet()
				}
			})
		}
	})
}
