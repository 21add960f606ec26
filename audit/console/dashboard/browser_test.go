package dashboard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium finds the browser. What it shows takes minutes, so it is only looked
// at where everything is required.
func chromium(t *testing.T) string {
	t.Helper()
	if os.Getenv("GATEPOST_TEST_REQUIRE") != "all" {
		t.Skip("takes minutes, and wants Chromium: set GATEPOST_TEST_REQUIRE=all")
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("chromium is required: %v", err)
	}
	return path
}

// startBrowser runs a browser that lives as long as the test.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	path := chromium(t)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("hide-scrollbars", true),
	)
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	browser, cancelBrowser := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(browser); err != nil {
			t.Logf("the browser ends: %v", err)
		}
		cancelBrowser()
		cancel()
	})
	if err := chromedp.Do(browser, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	return browser
}

// tab is a page in a browser, which has to stay free of complaints: errors in
// scripts, and violations of the policy.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex // guards complaints
	complaints []string
	expected   []string // parts of those that may be
}

func openTab(t *testing.T, browser context.Context, width, height int64, dark bool) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	ctx, stop := context.WithTimeout(ctx, 60*time.Second)
	// A test is quicker than a person, and may be in the field before the browser is.
	b := &tab{t: t, ctx: ctx, expected: []string{"Autofocus processing was blocked"}}
	t.Cleanup(func() {
		stop()
		cancel()
	})
	complain := func(format string, args ...any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		text := fmt.Sprintf(format, args...)
		for _, part := range b.expected {
			if strings.Contains(text, part) {
				return
			}
		}
		b.complaints = append(b.complaints, text)
	}
	b.must(chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			complain("exception: %s", e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			for _, arg := range e.Args {
				complain("console: %s", arg.Value)
			}
		case *cdplog.EventEntryAdded:
			complain("log: %s %s", e.Entry.Text, e.Entry.URL)
		}
	}))
	_, err := chromedp.Call(ctx, cdplog.Enable, struct{}{})
	b.must(err)
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	b.must(err)
	_, err = chromedp.Call(ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Europe/Berlin"})
	b.must(err)
	b.do(chromedp.EmulateViewport(width, height))
	return b
}

func (b *tab) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	b.must(chromedp.Do(b.ctx, steps...))
}

func (b *tab) visit(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
}

// eval is the value of an expression, which may be a promise. Each $ARG in it
// stands for the next argument.
func eval[T any](b *tab, expression string, args ...any) T {
	b.t.Helper()
	for _, arg := range args {
		quoted, err := json.Marshal(arg)
		b.must(err)
		expression = strings.Replace(expression, "$ARG", string(quoted), 1)
	}
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression to be true.
func (b *tab) until(what, expression string, args ...any) {
	b.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if eval[bool](b, "Boolean("+expression+")", args...) {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s: it does not come; the page has %.2000s", what, eval[string](b, "document.body.innerText"))
		}
	}
}

func (b *tab) text(selector string) string {
	b.t.Helper()
	return eval[string](b, "document.querySelector($ARG)?.innerText ?? ''", selector)
}

func (b *tab) count(selector string) int {
	b.t.Helper()
	return eval[int](b, "document.querySelectorAll($ARG).length", selector)
}

// press presses a key where the focus is, as a keyboard does: a page that takes
// the key for itself leaves nothing to be typed.
func (b *tab) press(key string) {
	b.t.Helper()
	if len(key) > 1 || key < " " {
		b.do(chromedp.KeyEvent(key))
		return
	}
	for _, typ := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
		p := input.DispatchKeyEventParams{Type: typ, Key: key}
		if typ == input.DispatchKeyEventTypeKeyDown {
			p.Text = key
		}
		_, err := chromedp.Call(b.ctx, input.DispatchKeyEvent, p)
		b.must(err)
	}
}

// submit clicks, and waits until another page is there.
func (b *tab) submit(selector string) {
	b.t.Helper()
	_ = eval[bool](b, "window.before = true")
	b.do(chromedp.Click(chromedp.CSS(selector)))
	b.until("the page after "+selector, "window.before === undefined && document.readyState === 'complete'")
}

// forget has the browser forget all sessions.
func (b *tab) forget() {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, network.ClearBrowserCookies, struct{}{})
	b.must(err)
}

// try gives a token to the page that asks for one.
func (b *tab) try(s *site, token string) {
	b.t.Helper()
	b.forget()
	b.visit(s.url + "/login")
	b.do(chromedp.SendKeys(chromedp.CSS("#token"), token))
	b.submit("main form button")
}

func (b *tab) login(s *site, token string) {
	b.t.Helper()
	b.try(s, token)
	if failed := b.text("#failed"); failed != "" {
		b.t.Fatalf("nobody is let in: %s", failed)
	}
}

// quiet fails the test if the page had anything to complain of.
func (b *tab) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Errorf("the browser complains: %s", c)
	}
	b.complaints = nil
	if eval[bool](b, "window.hacked !== undefined") {
		b.t.Error("a text of the log did something")
	}
}

// expect allows complaints that have a text.
func (b *tab) expect(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, part)
}

// shoot keeps a picture of the page for people.
func (b *tab) shoot(name string) {
	b.t.Helper()
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	b.must(err)
	dir := os.Getenv("GATEPOST_TEST_ARTIFACTS")
	if dir == "" {
		dir = b.t.ArtifactDir()
	}
	b.must(os.MkdirAll(dir, 0o755))
	b.must(os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644))
}
