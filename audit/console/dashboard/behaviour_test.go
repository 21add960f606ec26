package dashboard_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/console/token"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

// firstRows is what the first rows of the list say, without what the server alone
// knows.
const firstRows = `[...document.querySelectorAll('#rows tr')].slice(0, 3).map((tr) => [...tr.cells].map((td) => td.innerText.trim() + '|' + td.title + '|' + (td.querySelector('.badge:not(:empty)')?.className ?? '')).join(' ; ')).join('\n')`

// shifts are what has moved under the reader's eyes.
const shifts = `new Promise((done) => {
	const moved = [];
	new PerformanceObserver((list) => {
		for (const e of list.getEntries()) {
			if (e.hadRecentInput) continue;
			for (const s of e.sources) moved.push(Math.round(e.startTime) + ' ms: ' + (s.node?.outerHTML ?? s.node?.data ?? '?').slice(0, 120) + ' from ' + JSON.stringify(s.previousRect) + ' to ' + JSON.stringify(s.currentRect));
		}
	}).observe({type: 'layout-shift', buffered: true});
	setTimeout(() => done(moved), 100);
})`

func testLive(t *testing.T, browser context.Context, s *site) {
	for _, width := range []int64{1280, 400} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			b := openTab(t, browser, width, 1000, false)
			b.login(s, s.viewer)
			b.visit(s.url + "/events?kind=outcome")
			b.until("live", "document.getElementById('live-state').innerText === 'live'")
			for n := range 5 {
				s.call(t, fmt.Sprintf("live-%d", n))
			}
			b.until("a new event", "document.querySelector('#rows .c-who').innerText === 'live-4'")
			if n := b.count("#rows tr"); n != 50 {
				t.Errorf("%d rows", n)
			}
			for _, moved := range eval[[]string](b, shifts) {
				t.Errorf("it moves: %s", moved)
			}
			live := eval[string](b, firstRows)
			s.append(t, &audit.Event{ID: audit.NewID(s.now()), Kind: audit.KindSystem, Action: "start"}) // is not chosen

			b.do(chromedp.Click(chromedp.CSS("#pause")))
			s.call(t, "while-paused-0")
			s.call(t, "while-paused-1")
			b.until("two wait", "document.getElementById('live-state').innerText === 'paused, 2 new'")
			if got := eval[string](b, firstRows); got != live {
				t.Errorf("paused, the list moves:\n%s\n%s", live, got)
			}
			b.do(chromedp.Click(chromedp.CSS("#pause")))
			b.until("the tail goes on", "document.querySelector('#rows .c-who').innerText === 'while-paused-1'")

			// What the script makes of a line is what the server makes of it.
			live = eval[string](b, firstRows)
			s.settle(t)
			b.visit(s.url + "/events?kind=outcome")
			served := eval[string](b, firstRows)
			if strip(live) != strip(served) {
				t.Errorf("live\n%s\nserved\n%s", live, served)
			}

			// Nothing is left out behind rows that were pushed off the page.
			b.until("live", "document.getElementById('live-state').innerText === 'live'")
			for n := range 500 {
				s.journal.Record(hit(fmt.Sprintf("burst-%d", n)))
			}
			s.call(t, "after-burst")
			b.until("the burst", "document.querySelector('#rows .c-who').innerText === 'after-burst'")
			b.until("a word that not all is shown", "document.getElementById('live-state').innerText === 'live, only the newest of many'")
			b.shoot(fmt.Sprintf("flood-%d-light", width))
			b.until("that word gone", "document.getElementById('live-state').innerText === 'live'")
			s.settle(t)
			last := eval[uint64](b, "Number([...document.querySelectorAll('#rows tr')].at(-1).dataset.index)")
			b.submit("#older")
			first := eval[uint64](b, "Number(document.querySelector('#rows tr').dataset.index)")
			between, err := s.index.Query(t.Context(), index.Filter{Filter: audit.Filter{Kind: audit.KindOutcome}}, index.CursorBefore(last), 1)
			if err != nil || between.Entries[0].Event.Index != first {
				t.Errorf("after entry %d comes %d, want %d (%v)", last, first, between.Entries[0].Event.Index, err)
			}
			b.quiet()
		})
	}
}

// strip leaves out the state, which a line does not say.
func strip(rows string) string {
	var out []string
	for line := range strings.Lines(rows) {
		cells := strings.Split(line, " ; ")
		out = append(out, strings.Join(cells[:7], " ; "))
	}
	return strings.Join(out, "\n")
}

// Text that is hostile somewhere is text everywhere.
func testHostile(t *testing.T, browser context.Context, s *site) {
	b := openTab(t, browser, 1280, 1000, false)
	b.login(s, s.operator)
	b.visit(s.url + "/events?also=intent,verdict")
	b.until("live", "document.getElementById('live-state').innerText === 'live'")
	ids := s.addHostile(t)
	b.until("the hostile events", "[...document.querySelectorAll('#rows a.open')].some((a) => a.pathname.endsWith($ARG))", ids[len(ids)-1])
	inert := func(path string) {
		t.Helper()
		if eval[bool](b, `/[\u202a-\u202e\u2066-\u2069]/.test(document.body.innerText)`) {
			t.Errorf("%s: text can turn around what follows", path)
		}
		if n := eval[int](b, `[...document.querySelectorAll('main a[href], form[action]')].filter((a) => !/^https?:$/.test(new URL(a.href || a.action, location.href).protocol)).length`); n > 0 {
			t.Errorf("%s: %d links lead to something else than pages", path, n)
		}
		if n := b.count("main script, main img, main iframe, main style, main svg[onload], main [onerror]"); n > 0 {
			t.Errorf("%s: %d elements came from a text", path, n)
		}
		b.quiet()
	}
	inert("live")
	b.shoot("hostile-events-1280-light")
	paths := []string{"/", "/events?also=intent,verdict", "/findings", "/connections", "/callers", "/events/" + callID(1)}
	for _, id := range ids {
		paths = append(paths, "/events/"+id)
	}
	b.expect("400 (Bad Request)")
	b.expect("404 (Not Found)")
	for _, text := range hostile {
		paths = append(paths, "/search?q="+url.QueryEscape(text), "/events?principal="+url.QueryEscape(text), "/events?cursor="+url.QueryEscape(text),
			"/connection/"+url.PathEscape(text), "/events?"+url.QueryEscape(text)+"=1", "/login?next="+url.QueryEscape(text))
	}
	for _, path := range paths {
		b.visit(s.url + path)
		inert(path)
	}
}

func testFilter(t *testing.T, browser context.Context, s *site) {
	b := openTab(t, browser, 1280, 1000, false)
	b.login(s, s.viewer)
	b.visit(s.url + "/events")
	b.do(chromedp.Click(chromedp.CSS(".filters summary")), chromedp.SendKeys(chromedp.CSS("#f-principal"), "installer-iad2"))
	_ = eval[bool](b, "(document.getElementById('f-cache').value = 'hit', true)")
	b.submit(".filters button.main")
	if got := eval[string](b, "location.pathname + location.search"); got != "/events?principal=installer-iad2&cache=hit" {
		t.Errorf("the address is %s", got)
	}
	if n, all := eval[int](b, "[...document.querySelectorAll('#rows tr')].filter((tr) => tr.querySelector('.c-who').innerText === 'installer-iad2' && tr.querySelector('.c-cache').innerText === 'hit').length"), b.count("#rows tr"); n != all || n == 0 {
		t.Errorf("%d of %d rows satisfy the filters", n, all)
	}
	last := eval[int](b, "Number([...document.querySelectorAll('#rows tr')].at(-1).dataset.index)")
	b.submit("#older")
	if first := eval[int](b, "Number(document.querySelector('#rows tr').dataset.index)"); first >= last {
		t.Errorf("the next page begins with %d, after %d", first, last)
	}
	b.do(chromedp.NavigateBack(), chromedp.NavigateBack())
	b.until("the unfiltered list", "location.search === '' && document.querySelectorAll('#rows tr').length === 50 && document.querySelectorAll('.chips a').length === 0")
	b.do(chromedp.NavigateForward())
	b.until("the filtered list", "document.querySelectorAll('.chips a').length === 2")
	b.submit(".chips a")
	if got := eval[string](b, "location.search"); got != "?cache=hit" {
		t.Errorf("without a filter the address is %s", got)
	}
	b.quiet()
}

func testSearch(t *testing.T, browser context.Context, s *site) {
	b := openTab(t, browser, 1280, 1000, false)
	b.login(s, s.viewer)
	miss, err := s.index.Query(t.Context(), index.Filter{Filter: audit.Filter{Cache: audit.CacheMiss, Kind: audit.KindOutcome, ErrorClass: audit.ErrorClassNone}}, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	e := miss.Entries[0].Event
	for text, want := range map[string]string{
		e.ID:                      "/events/" + e.ID,
		e.Attempts[0].RequestID:   "/events/" + e.Attempts[0].RequestID,
		e.ConnectionID:            "/connection/" + url.PathEscape(e.ConnectionID),
		"installer-iad2":          "/events?principal=installer-iad2",
		"aws-cli/2.31":            "/events?q=aws-cli%2F2.31",
		"  " + e.ID + " ":         "/events/" + e.ID,
		`no such "thing" <b>here`: "/events?q=no+such+%22thing%22+%3Cb%3Ehere",
	} {
		b.visit(s.url + "/")
		b.press("/")
		b.do(chromedp.SendKeys(chromedp.CSS("#search"), text))
		_ = eval[bool](b, "window.before = true")
		b.press(kb.Enter)
		b.until("what is found", "window.before === undefined && document.readyState === 'complete'")
		if got := eval[string](b, "location.pathname + location.search"); got != want {
			t.Errorf("%s leads to %s, want %s", text, got, want)
		}
	}
	b.quiet()
}

func testProof(t *testing.T, browser context.Context, s *site) {
	b := openTab(t, browser, 1280, 1000, false)
	b.login(s, s.viewer)
	check := func(want ...string) {
		t.Helper()
		b.do(chromedp.Click(chromedp.CSS("#check button")))
		b.until("a result", "document.querySelectorAll('#checks li').length >= $ARG && !document.querySelector('#check button').disabled", len(want))
		got := eval[[]string](b, "[...document.querySelectorAll('#checks li')].map((li) => li.className + ' ' + li.innerText)")
		for i := range want {
			if !strings.HasPrefix(got[i], want[i]) {
				t.Errorf("the check says %q, want %q", got, want)
			}
		}
	}
	for _, id := range []string{callID(1), s.someCall("kind", "outcome", "cache", "miss"), s.call(t, "newest").ID} {
		b.visit(s.url + "/events/" + id)
		check("good The entry is number", "good The log gatepost/fra1 has signed that root.")
	}
	b.shoot("proof-1280-light")
	setKey := func(key string) {
		_ = eval[bool](b, "(document.getElementById('key').value = $ARG, true)", key)
	}
	own := s.ledger.VerifierKey()
	setKey("gatepost/fra1+00000000" + own[len("gatepost/fra1+00000000"):])
	check("bad The key is not whole")
	setKey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
	check("bad The checkpoint is not signed with this key")
	setKey("nonsense")
	check("bad This is not a public key")
	setKey(own)
	// A server that lies: each byte of the proof that is changed is noticed.
	for name, change := range map[string]string{
		"the entry":         "text.replace(/extra (.{40})(.)/, (m, a, c) => 'extra ' + a + (c === 'A' ? 'B' : 'A'))",
		"a hash":            "text.replace(/(\\nindex \\d+\\n)(.)/, (m, a, c) => a + (c === 'A' ? 'B' : 'A'))",
		"the size":          "text.replace(/(gatepost\\/fra1\\n\\d+)/, '$10')",
		"the signature":     "text.replace(/(\\u2014 gatepost\\/fra1 .{20})(.)/, (m, a, c) => a + (c === 'A' ? 'B' : 'A'))",
		"a hash less":       "text.replace(/(\\nindex \\d+\\n)[^\\n]+\\n/, '$1')",
		"another hash":      "text.replace(/(\\nindex \\d+\\n[^\\n]+\\n)/, '$1AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\\n')",
		"the index":         "text.replace(/\\nindex (\\d+)\\n/, (m, n) => '\\nindex ' + (Number(n) - 1) + '\\n')",
		"the index of both": "text.replace(/\\nindex (\\d+)\\n/, '\\nindex 7\\n')",
	} {
		_ = eval[bool](b, "(window.kept ??= window.fetch, window.fetch = async (...args) => { const text = await (await window.kept(...args)).text(); return new Response("+change+"); }, true)")
		b.do(chromedp.Click(chromedp.CSS("#check button")))
		b.until("a result for "+name, "document.querySelectorAll('#checks li').length > 0 && !document.querySelector('#check button').disabled")
		if b.count("#checks li.bad") != 1 {
			t.Errorf("%s is changed, and the check says %q", name, b.text("#checks"))
		}
	}
	// A browser without Ed25519 is told what to do.
	_ = eval[bool](b, "(window.fetch = window.kept, crypto.subtle.importKey = async () => { throw new DOMException('no', 'NotSupportedError'); }, true)")
	check("good The entry is number", "warn This browser cannot check Ed25519 signatures")
	b.quiet()
}

func testAcknowledge(t *testing.T, browser context.Context, s *site) {
	b := openTab(t, browser, 1280, 1000, false)
	b.login(s, s.viewer)
	b.visit(s.url + "/findings?state=bypass")
	open := b.count("article.finding")
	if open == 0 || b.count(".acknowledge") != 0 {
		t.Fatalf("a viewer sees %d findings, and %d forms", open, b.count(".acknowledge"))
	}
	b.login(s, s.operator)
	b.visit(s.url + "/findings?state=bypass")
	id := strings.TrimPrefix(eval[string](b, "document.querySelector('article a.open').pathname"), "/events/")
	size := s.journal.Size()
	note := `a break-glass call, ticket <b>4711</b> & "more" ` + strings.Repeat("ü", 100)
	b.do(chromedp.SendKeys(chromedp.CSS("article:first-of-type [name=note]"), note))
	b.submit("article:first-of-type .acknowledge button")
	if got := eval[string](b, "location.pathname + location.search"); got != "/findings?state=bypass" || b.count("article.finding") != open-1 {
		t.Errorf("at %s there are %d findings, of %d", got, b.count("article.finding"), open)
	}
	if got := s.actions(t, size, "ops"); got["finding_acknowledged"] != 1 {
		t.Errorf("recorded: %v", got)
	}
	b.visit(s.url + "/findings?acknowledged=true&state=bypass")
	if got := b.text("article.finding .note"); !strings.Contains(got, note) || !strings.Contains(got, "token:ops") {
		t.Errorf("the acknowledgement is %q", got)
	}
	b.shoot("acknowledged-1280-light")
	b.visit(s.url + "/events/" + id)
	if !strings.Contains(b.text(".timeline"), note) {
		t.Errorf("the finding's story is %q", b.text(".timeline"))
	}
	b.quiet()
}

func testKeyboard(t *testing.T, browser context.Context, s *site) {
	b := openTab(t, browser, 1280, 1000, false)
	b.login(s, s.viewer)
	b.visit(s.url + "/events?kind=outcome&until=" + url.QueryEscape(s.now().UTC().Format("2006-01-02T15:04:05Z")))
	at := func() string { return eval[string](b, "document.activeElement.closest('tr')?.dataset.index ?? ''") }
	row := func(n int) string {
		return eval[string](b, "document.querySelectorAll('#rows tr')[$ARG].dataset.index", n)
	}
	b.press("j")
	if at() != row(0) {
		t.Errorf("j leads to %s", at())
	}
	b.press("j")
	b.press("j")
	b.press("k")
	if at() != row(1) {
		t.Errorf("j j j k leads to %s, want %s", at(), row(1))
	}
	b.shoot("row-focus-1280-light")
	_ = eval[bool](b, "window.before = true")
	b.press(kb.Enter)
	b.until("the event", "window.before === undefined && location.pathname.startsWith('/events/') && document.readyState === 'complete'")
	b.press("g")
	b.press("f")
	b.until("the findings", "location.pathname === '/findings' && document.readyState === 'complete'")
	b.press("?")
	b.until("the list of shortcuts", "document.getElementById('keys').open")
	b.shoot("shortcuts-1280-light")
	b.press("/")
	b.until("the search box", "document.activeElement.id === 'search'")
	b.press("j") // is a letter there
	if got := eval[string](b, "document.getElementById('search').value"); got != "j" {
		t.Errorf("in the search box stands %q", got)
	}
	b.visit(s.url + "/events")
	b.press(kb.Tab)
	if got := eval[string](b, "document.activeElement.className"); got != "skip" {
		t.Errorf("the first stop is %q", got)
	}
	b.press(kb.Enter)
	b.until("the content", "document.activeElement.id === 'main'")
	b.press("p")
	b.until("a pause", "document.getElementById('pause').getAttribute('aria-pressed') === 'true'")
	b.quiet()
}

func testSession(t *testing.T, browser context.Context, s *site) {
	b := openTab(t, browser, 1280, 1000, false)
	b.expect("401 (Unauthorized)")
	b.try(s, "gpt_"+strings.Repeat("x", 43))
	if got := b.text("#failed"); got != "The token is not valid." {
		t.Errorf("a wrong token: %q", got)
	}
	b.shoot("login-1280-light")
	b.visit(s.url + "/events?cache=hit")
	if got := eval[string](b, "location.pathname"); got != "/login" {
		t.Errorf("a stranger is at %s", got)
	}
	b.do(chromedp.SendKeys(chromedp.CSS("#token"), s.viewer))
	b.submit("main form button")
	if got := eval[string](b, "location.pathname + location.search"); got != "/events?cache=hit" {
		t.Errorf("after the login: %s", got)
	}
	if got := eval[string](b, "document.cookie"); got != "" {
		t.Errorf("a script sees the cookie: %s", got)
	}
	b.submit(".who button")
	b.visit(s.url + "/")
	if got := eval[string](b, "location.pathname"); got != "/login" {
		t.Errorf("after the logout: %s", got)
	}

	// A session ends with its token, and so does what it has open.
	text, err := s.tokens.New(t.Context(), token.Info{Name: "short", Role: token.Viewer})
	b.must(err)
	b.must(s.store.Reload())
	b.login(s, text)
	b.visit(s.url + "/events?kind=outcome")
	b.until("live", "document.getElementById('live-state').innerText === 'live'")
	b.must(s.tokens.Delete(t.Context(), "short"))
	b.must(s.store.Reload())
	s.call(t, "secret-after")
	b.until("the end of the tail", "document.getElementById('live-state').innerText.startsWith('not live')")
	if strings.Contains(b.text("#rows"), "secret-after") {
		t.Error("it is told what happened after")
	}
	b.visit(s.url + "/")
	if got := eval[string](b, "location.pathname"); got != "/login" {
		t.Errorf("after the token is gone: %s", got)
	}

	b.visit(s.openURL + "/")
	if got := b.text("footer"); !strings.Contains(got, "no tokens") {
		t.Errorf("without tokens the page says %q", got)
	}
	b.quiet()
}

// A page that nobody does anything with does nothing.
func testIdle(t *testing.T, browser context.Context, s *site) {
	b := openTab(t, browser, 1280, 1000, false)
	b.login(s, s.viewer)
	b.visit(s.url + "/events?kind=outcome")
	b.until("live", "document.getElementById('live-state').innerText === 'live'")
	size := s.journal.Size()
	if n := eval[int](b, `new Promise((done) => {
		let n = 0;
		new MutationObserver((list) => { n += list.length; }).observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
		const before = performance.getEntriesByType('resource').length;
		setTimeout(() => done(n + performance.getEntriesByType('resource').length - before), 2500);
	})`); n != 0 {
		t.Errorf("an idle page does %d things", n)
	}
	if now := s.journal.Size(); now != size {
		t.Errorf("an idle page leaves %d records", now-size)
	}
}

// The view of what happens now stays true while it is looked at, and says when it
// does not.
func testRefresh(t *testing.T, browser context.Context, s *site) {
	b := openTab(t, browser, 1280, 1000, false)
	b.login(s, s.viewer)
	// A quarter of a minute is shorter here.
	_, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: "(() => { const wait = setTimeout; window.setTimeout = (f, ms, ...args) => wait(f, ms === 15000 ? 300 : ms, ...args); })()",
	})
	b.must(err)
	b.visit(s.url + "/")
	calls := "document.querySelector('.figures b').innerText"
	before := eval[string](b, calls)
	size := s.journal.Size()
	s.call(t, "now")
	b.until("another number of calls", calls+" !== $ARG", before)
	if got := s.journal.Size(); got != size+1 {
		t.Errorf("looking on leaves %d records", got-size-1)
	}
	if got := b.text("#stale"); got != "" {
		t.Errorf("it says %q", got)
	}
	_ = eval[bool](b, "(window.kept = window.fetch, window.fetch = () => Promise.reject(new TypeError('no')), true)")
	b.until("a word that it is not up to date", "document.getElementById('stale').innerText.startsWith('not up to date')")
	_ = eval[bool](b, "(window.fetch = window.kept, true)")
	b.until("that word gone", "document.getElementById('stale').innerText === ''")
	b.quiet()
}
