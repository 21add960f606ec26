package console

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/console/dashboard"
	"github.com/gatepost-proxy/gatepost/audit/console/token"
)

// pageRoute is a path of the dashboard, for one method. Unlike a [Route], its
// answers are for people, and it takes a session.
type pageRoute struct {
	method, pattern string
	role            token.Role // "" is everybody
	parameters      []parameter
	serve           func(http.ResponseWriter, *http.Request) error
}

func (c *Console) pageRoutes() []pageRoute {
	get := func(pattern string, serve func(http.ResponseWriter, *http.Request) error, parameters ...parameter) pageRoute {
		return pageRoute{http.MethodGet, pattern, token.Viewer, parameters, serve}
	}
	post := func(pattern string, role token.Role, serve func(http.ResponseWriter, *http.Request) error, parameters ...parameter) pageRoute {
		return pageRoute{http.MethodPost, pattern, role, parameters, serve}
	}
	open := func(r pageRoute) pageRoute { r.role = ""; return r }
	return []pageRoute{
		get("/{$}", c.nowPage, rangeParameter),
		get("/events", c.eventsPage, slices.Concat(filterParameters, placeParameters)...),
		get("/events/{id}", c.eventPage, idParameter),
		get("/findings", c.findingsPage, slices.Concat(findingParameters, []parameter{cursorParameter})...),
		get("/findings/export", c.exportFindings, slices.Concat(findingParameters, []parameter{formatParameter})...),
		post("/findings/{id}/acknowledge", token.Operator, c.acknowledgeForm, idParameter, noteParameter, backParameter),
		get("/connections", c.connectionsPage, cursorParameter, purgedParameter),
		get("/connections/export", c.exportConnections, tableParameter),
		get("/connection/{connection}", c.connectionPage, connectionParameter, purgedParameter),
		post("/purge", token.Operator, c.purgeForm, parameter{name: "connection", set: connectionParameter.set}, allParameter),
		get("/callers", c.callersPage, cursorParameter),
		get("/callers/export", c.exportCallers, tableParameter),
		get("/search", c.search, qParameter),
		get("/export", c.exportEvents, slices.Concat(filterParameters, []parameter{formatParameter})...),
		open(get("/login", c.loginPage, nextParameter)),
		open(post("/login", "", c.login)),
		post("/logout", token.Viewer, c.logout),
	}
}

// isPage tells the paths of the dashboard, whose answers are pages also when
// something is wrong.
func isPage(path string) bool {
	if strings.HasPrefix(path, "//") {
		return false // a browser would take what follows for a host
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "", "events", "findings", "connections", "connection", "callers", "search", "export", "login", "logout", "purge":
		return true
	}
	return false
}

// pageMux adds the dashboard's routes to a mux.
func (c *Console) pageMux(mux *http.ServeMux) {
	byPattern := make(map[string][]pageRoute)
	for _, r := range c.pageRoutes() {
		byPattern[r.pattern] = append(byPattern[r.pattern], r)
	}
	for pattern, routes := range byPattern {
		handlers := make(map[string]http.Handler)
		for _, r := range routes {
			handlers[r.method] = c.admitVisitor(r.role, c.pageHandler(r))
			if r.method == http.MethodGet {
				handlers[http.MethodHead] = handlers[r.method]
			}
		}
		mux.Handle(pattern, c.methods(handlers))
	}
	mux.Handle(dashboard.AssetsPath, c.assets())
}

// assets are for everybody: a page that asks for a token needs them.
func (c *Console) assets() http.Handler {
	files := c.pages.Assets()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &writer{ResponseWriter: w, failed: func(err error) { c.fail(w, r, err) }}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			out.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		files.ServeHTTP(out, r)
	})
}

// pageHandler reads the parameters of a request, and renders the error of its handler.
func (c *Console) pageHandler(p pageRoute) http.Handler {
	return c.handlePage(func(w http.ResponseWriter, r *http.Request) error {
		raw := r.URL.RawQuery
		if r.Method == http.MethodPost {
			var err error
			if raw, err = formOf(w, r); err != nil {
				return err
			}
			if p.parameters == nil { // a token is no parameter: it must not be recorded
				return p.serve(w, r.WithContext(withForm(r.Context(), raw)))
			}
		} else if clean := canonical(raw, time.Now()); clean != raw {
			to := *r.URL
			to.RawQuery = clean
			http.Redirect(w, r, to.RequestURI(), http.StatusSeeOther)
			return nil
		}
		q, err := parseRaw(r, raw, p.parameters)
		if err != nil {
			return err
		}
		return p.serve(w, r.WithContext(withQuery(r.Context(), q)))
	})
}

// handlePage renders an error as a page.
func (c *Console) handlePage(serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", dashboard.Policy)
		if err := serve(w, r); err != nil {
			c.failPage(w, r, err)
		}
	})
}

func (c *Console) failPage(w http.ResponseWriter, r *http.Request, err error) {
	f := c.failureOf(r, err)
	back := "/"
	if f.status == http.StatusBadRequest {
		back = r.URL.EscapedPath()
	}
	f.header(w)
	if err := c.show(w, r, f.status, dashboard.Problem{Status: f.status, Detail: f.detail, Back: back}); err != nil {
		c.fail(w, r, err)
	}
}

// show answers with a view.
func (c *Console) show(w http.ResponseWriter, r *http.Request, status int, v dashboard.View) error {
	f := dashboard.Frame{Version: c.cfg.Version, At: time.Now(), Open: c.cfg.Tokens == nil, Recorded: w.Header().Get(recordedField)}
	if who, ok := token.FromContext(r.Context()); ok {
		f.Viewer, f.Operator = who.Name, who.Role.Includes(token.Operator)
		f.Origin, _, _ = strings.Cut(c.cfg.VerifierKey, "+")
		if q := queryOf(r); q != nil {
			f.Search = q.values.Get("q")
		}
	}
	body, err := c.pages.Render(f, v)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Security-Policy", dashboard.Policy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // whoever left needs no answer
	}
	return nil
}

// recorded shows a view of entries, and leaves the record that it was seen.
func (c *Console) recorded(w http.ResponseWriter, r *http.Request, action string, v dashboard.View) error {
	if err := c.record(w, r, action, http.StatusOK); err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, v)
}

// maxForm is above the longest form: a note, in which every byte is escaped.
const maxForm = 64 << 10

// formOf reads a form that the dashboard's own page has sent.
func formOf(w http.ResponseWriter, r *http.Request) (raw string, err error) {
	if !isOwn(r) {
		return "", &failure{status: http.StatusForbidden, detail: "The request does not come from gatepost's own page; programs use the API."}
	}
	if r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.URL.RawQuery != "" {
		return "", &failure{status: http.StatusBadRequest, detail: "The request is no form of gatepost's."}
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		return "", &failure{status: http.StatusRequestEntityTooLarge, detail: "The form is longer than it may be, or broken off."}
	}
	values, err := url.ParseQuery(string(text))
	if err != nil {
		return "", &failure{status: http.StatusBadRequest, detail: "The form is not encoded as it has to be."}
	}
	return withoutEmpty(values).Encode(), nil
}

// isOwn tells requests that a browser says come from this very origin. That it
// says nothing of another one is not enough here: these carry a cookie.
func isOwn(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	origin, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && origin.Host != "" && origin.Host == r.Host
}

type formKey struct{}

func withForm(ctx context.Context, raw string) context.Context {
	return context.WithValue(withQuery(ctx, newQuery()), formKey{}, raw)
}
