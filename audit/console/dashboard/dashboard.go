package dashboard

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"time"
)

// Policy is the Content-Security-Policy of every page.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

//go:embed templates/*.html
var templateFiles embed.FS

// Pages draws views. New makes one.
type Pages struct {
	templates map[string]*template.Template // by the name of the view
	assets    *assets
}

// New reads what is embedded. That it can be read is for the tests to see, not
// for a caller to handle: it panics if not.
func New() *Pages {
	p := &Pages{templates: make(map[string]*template.Template), assets: newAssets()}
	shared := template.Must(template.New("").Funcs(p.functions()).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	files, err := fs.Glob(templateFiles, "templates/view_*.html")
	if err != nil {
		panic(err)
	}
	for _, file := range files {
		name := file[len("templates/view_") : len(file)-len(".html")]
		p.templates[name] = template.Must(template.Must(shared.Clone()).ParseFS(templateFiles, file))
	}
	return p
}

// Assets answers requests for style, scripts and icon, which are for everybody.
func (p *Pages) Assets() http.Handler { return p.assets }

// View is the content of a page: one of this package's types.
type View interface {
	// view names the template, the section of the navigation that the page is in,
	// if any, and the title.
	view() (name, section, title string)
}

// Frame is what every page has around its content.
type Frame struct {
	// Viewer is the name of the token with which the page is looked at, empty when
	// nobody is logged in.
	Viewer   string
	Operator bool // may change things
	Open     bool // there are no tokens: whoever reaches the listener is an operator

	Origin  string // the log's name
	Version string
	At      time.Time // when the page was made
	Search  string    // what stands in the search box
	// Recorded is the id of the admin event that this reading left in the log, if
	// it left one.
	Recorded string
}

// page is what the layout is executed with.
type page struct {
	Frame
	Section, Title string
	Sections       []section
	V              View
}

type section struct{ Name, Path, Key string }

func sections() []section {
	return []section{{"Now", "/", "n"}, {"Events", "/events", "e"}, {"Findings", "/findings", "f"}, {"Connections", "/connections", "c"}, {"Callers", "/callers", "k"}}
}

// Render draws a page.
func (p *Pages) Render(f Frame, v View) ([]byte, error) {
	name, in, title := v.view()
	t := p.templates[name]
	if t == nil {
		return nil, fmt.Errorf("render view %q: no such template", name)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout", page{Frame: f, Section: in, Title: title, Sections: sections(), V: v}); err != nil {
		return nil, fmt.Errorf("render view %q: %w", name, err)
	}
	return b.Bytes(), nil
}
