package console

import (
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/gatepost-proxy/gatepost/audit/console/token"
)

// Route is one path of the admin listener, for one method.
type Route struct {
	Method  string
	Pattern string     // as in http.ServeMux
	Role    token.Role // that a token needs; "" is none
}

// route is a Route with what answers it.
type route struct {
	Route
	head       bool // HEAD is answered too
	body       bool // a request may have one
	session    bool // the session of a browser will do: the dashboard's scripts ask for it
	parameters []parameter
	serve      func(http.ResponseWriter, *http.Request) error
}

// Routes are those of the API: all but the pages of the dashboard.
func (c *Console) Routes() []Route {
	var list []Route
	for _, r := range c.routes() {
		list = append(list, r.Route)
	}
	return list
}

func (c *Console) routes() []route {
	get := func(pattern string, serve func(http.ResponseWriter, *http.Request) error, parameters ...parameter) route {
		return route{Route: Route{http.MethodGet, pattern, token.Viewer}, parameters: parameters, serve: serve}
	}
	purge := func(pattern string, parameters ...parameter) route {
		return route{Route: Route{http.MethodDelete, pattern, token.Operator}, parameters: parameters, serve: c.purge}
	}
	probed := func(r route) route { r.head = true; return r }
	shown := func(r route) route { r.session = true; return r }
	open := func(r route) route { r.Role = ""; return r }
	return []route{
		get("/api/v1/events", c.events, slices.Concat(filterParameters, pageParameters)...),
		get("/api/v1/events/{id}", c.event, idParameter),
		shown(get("/api/v1/events/{id}/proof", c.proof, idParameter)),
		shown(get("/api/v1/stream", c.stream, slices.Concat(filterParameters, streamParameters)...)),
		get("/api/v1/findings", c.findings, slices.Concat(findingParameters, pageParameters)...),
		{Route: Route{http.MethodPost, "/api/v1/findings/{id}/acknowledge", token.Operator}, body: true, parameters: []parameter{idParameter}, serve: c.acknowledge},
		get("/api/v1/summary", c.summary, summaryParameters...),
		purge("/api/v1/cache"),
		purge("/api/v1/cache/{connection}", connectionParameter),
		get("/openapi.json", c.openAPI),
		probed(get("/checkpoint", c.tiles)),
		probed(get("/tile/{path...}", c.tiles, tileParameter)),
		probed(get("/metrics", c.metrics)),
		probed(open(get("/healthz", c.healthz))),
		probed(open(get("/readyz", c.readyz))),
	}
}

// mux finds the route. It answers for itself what net/http's would answer in
// plain text, or with a redirect to a cleaner path: here, another spelling of a
// path is another path.
func (c *Console) mux() http.Handler {
	byPattern := make(map[string][]route)
	for _, r := range c.routes() {
		byPattern[r.Pattern] = append(byPattern[r.Pattern], r)
	}
	mux := http.NewServeMux()
	for pattern, routes := range byPattern {
		mux.Handle(pattern, c.byMethod(routes))
	}
	c.pageMux(mux)
	missing := c.handle(func(http.ResponseWriter, *http.Request) error { return errNoRoute })
	mux.Handle("/", missing)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := r.URL.EscapedPath()
		if p != "/" && p != path.Clean(p) || !strings.HasPrefix(p, "/") || p == "/tile" {
			missing.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// byMethod answers a path's methods, and the others with 405.
func (c *Console) byMethod(routes []route) http.Handler {
	handlers := make(map[string]http.Handler)
	for _, r := range routes {
		h := c.handle(c.strict(r))
		if r.Role != "" {
			h = c.admit(r.Role, r.session, h)
		}
		handlers[r.Method] = h
		if r.head {
			handlers[http.MethodHead] = h
		}
	}
	return c.methods(handlers)
}

// methods answers the methods that there are handlers for, and refuses the others.
func (c *Console) methods(handlers map[string]http.Handler) http.Handler {
	var allowed []string
	for method := range handlers {
		allowed = append(allowed, method)
	}
	slices.Sort(allowed)
	allow := strings.Join(allowed, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, ok := handlers[r.Method]
		if !ok {
			w.Header().Set("Allow", allow)
			h = c.handle(func(http.ResponseWriter, *http.Request) error {
				return &failure{status: http.StatusMethodNotAllowed, detail: "This path takes " + allow + "."}
			})
		}
		h.ServeHTTP(w, r)
	})
}

// strict refuses a request that says more than its route understands.
func (c *Console) strict(r route) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, req *http.Request) error {
		if req.ContentLength != 0 && !r.body {
			return &failure{status: http.StatusBadRequest, detail: "A request to this path has no body."}
		}
		q, err := parseParameters(req, r.parameters)
		if err != nil {
			return err
		}
		return r.serve(w, req.WithContext(withQuery(req.Context(), q)))
	}
}
