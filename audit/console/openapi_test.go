package console_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
)

// document is /openapi.json as it is served.
type document map[string]any

func (d document) resolve(node any) map[string]any {
	m, _ := node.(map[string]any)
	for {
		ref, ok := m["$ref"].(string)
		if !ok {
			return m
		}
		at := any(map[string]any(d))
		for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			at = at.(map[string]any)[part]
		}
		m = at.(map[string]any)
	}
}

// validate holds a value against a schema of the kinds that the document uses; a
// schema of another kind is an error.
func (d document) validate(at string, schema, value any) (faults []string) {
	s := d.resolve(schema)
	fault := func(format string, args ...any) { faults = append(faults, at+": "+fmt.Sprintf(format, args...)) }
	for key := range s {
		if !slices.Contains([]string{"type", "description", "properties", "required", "additionalProperties", "items", "enum", "const", "format", "minimum", "maximum", "default", "minLength", "maxLength", "pattern"}, key) {
			fault("schema has %s", key)
		}
	}
	if enum, ok := s["enum"].([]any); ok && !slices.Contains(enum, value) {
		fault("%v is none of %v", value, enum)
	}
	if c, ok := s["const"]; ok && c != value {
		fault("%v is not %v", value, c)
	}
	switch v := value.(type) {
	case string:
		if s["type"] != "string" {
			fault("is a string, want %v", s["type"])
		}
	case bool:
		if s["type"] != "boolean" {
			fault("is a boolean, want %v", s["type"])
		}
	case json.Number:
		if _, err := strconv.ParseInt(v.String(), 10, 64); s["type"] != "integer" || err != nil {
			fault("is the number %v, want %v", v, s["type"])
		}
	case []any:
		if s["type"] != "array" {
			fault("is an array, want %v", s["type"])
			break
		}
		for i, item := range v {
			faults = append(faults, d.validate(fmt.Sprintf("%s[%d]", at, i), s["items"], item)...)
		}
	case map[string]any:
		if s["type"] != "object" {
			fault("is an object, want %v", s["type"])
			break
		}
		properties, _ := s["properties"].(map[string]any)
		required, _ := s["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				fault("has no %v", name)
			}
		}
		for name, member := range v {
			switch property, known := properties[name]; {
			case known:
				faults = append(faults, d.validate(at+"."+name, property, member)...)
			case s["additionalProperties"] == false:
				fault("has %s", name)
			case s["additionalProperties"] != nil:
				faults = append(faults, d.validate(at+"."+name, s["additionalProperties"], member)...)
			}
		}
	default:
		fault("is %T", value)
	}
	return faults
}

func parseJSON(t *testing.T, text string) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func openDocument(t *testing.T, b *bench) document {
	t.Helper()
	r := b.get(t, "/openapi.json")
	if r.status != 200 || r.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	return parseJSON(t, r.body).(map[string]any)
}

// operation returns what the document says of a route.
func (d document) operation(method, pattern string) map[string]any {
	item, _ := d["paths"].(map[string]any)[strings.Replace(pattern, "...}", "}", 1)].(map[string]any)
	op, _ := item[strings.ToLower(method)].(map[string]any)
	return op
}

// The document has the routes that there are, with their roles and parameters,
// and no others.
func TestOpenAPIRoutes(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	doc := openDocument(t, b)
	if doc["openapi"] != "3.1.0" {
		t.Errorf("openapi %v", doc["openapi"])
	}
	described := 0
	ids := map[any]bool{}
	for _, item := range doc["paths"].(map[string]any) {
		described += len(item.(map[string]any))
	}
	routes := b.console.Described()
	if described != len(routes) {
		t.Errorf("%d operations are described, %d routes served", described, len(routes))
	}
	for _, r := range routes {
		t.Run(r.Method+" "+r.Pattern, func(t *testing.T) {
			op := doc.operation(r.Method, r.Pattern)
			if op == nil {
				t.Fatal("is not described")
			}
			if id := op["operationId"]; id == nil || ids[id] {
				t.Errorf("operationId %v", id)
			} else {
				ids[id] = true
			}
			if role, _ := op["x-gatepost-role"].(string); role != string(r.Role) {
				t.Errorf("role %q, want %q", role, r.Role)
			}
			if open := slices.ContainsFunc(op["security"].([]any), func(s any) bool { return len(s.(map[string]any)) == 0 }); open != (r.Role == "") {
				t.Errorf("security %v for the role %q", op["security"], r.Role)
			}
			if session := slices.ContainsFunc(op["security"].([]any), func(s any) bool { return s.(map[string]any)["session"] != nil }); session != r.Session {
				t.Errorf("a session will do: %t, described %t", r.Session, session)
			}
			got := map[string][]string{}
			list, _ := op["parameters"].([]any)
			for _, node := range list {
				p := doc.resolve(node)
				name := p["name"].(string)
				switch p["in"] {
				case "path":
					if p["required"] != true {
						t.Errorf("%s is not required", name)
					}
					name = "{" + name + "}"
				case "header": // of which only one is special, and has a test of its own
					if name != "Last-Event-ID" || r.Pattern != "/api/v1/stream" {
						t.Errorf("header %s", name)
					}
					continue
				}
				if p["description"] == nil {
					t.Errorf("%s has no description", name)
				}
				var values []string
				enum, _ := p["schema"].(map[string]any)["enum"].([]any)
				for _, v := range enum {
					values = append(values, v.(string))
				}
				if _, twice := got[name]; twice {
					t.Errorf("%s is described twice", name)
				}
				got[name] = values
			}
			if diff := cmp.Diff(r.Parameters, got); diff != "" {
				t.Errorf("parameters (-served +described):\n%s", diff)
			}
		})
	}
}

// What is answered is what the document says, in status, type, header and shape.
func TestOpenAPIAnswers(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	calls(t, b, 3)
	doc := openDocument(t, b)
	note := http.Header{"Content-Type": {"application/json"}}
	_, _, _, finding := calls(t, b, 0)
	samples := []struct{ method, pattern, path string }{
		{"GET", "/api/v1/events", "/api/v1/events?limit=4&also=intent,verdict"},
		{"GET", "/api/v1/events/{id}", "/api/v1/events/" + callID(0)},
		{"GET", "/api/v1/events/{id}/proof", "/api/v1/events/" + callID(0) + "/proof"},
		{"POST", "/api/v1/findings/{id}/acknowledge", "/api/v1/findings/" + eventID(t, finding) + "/acknowledge"},
		{"GET", "/api/v1/findings", "/api/v1/findings"},
		{"GET", "/api/v1/summary", "/api/v1/summary?since=2026-11-01T00:00:00Z&until=2026-12-01T00:00:00Z"},
		{"DELETE", "/api/v1/cache", "/api/v1/cache"},
		{"DELETE", "/api/v1/cache/{connection}", "/api/v1/cache/abc"},
		{"GET", "/openapi.json", "/openapi.json"},
		{"GET", "/checkpoint", "/checkpoint"},
		{"GET", "/tile/{path...}", "/tile/entries/000.p/1"},
		{"GET", "/metrics", "/metrics"},
		{"GET", "/healthz", "/healthz"},
		{"GET", "/readyz", "/readyz"},
	}
	tried := map[string]bool{"GET /api/v1/stream": true} // which does not end; its header is that of the others
	for _, s := range samples {
		tried[s.method+" "+s.pattern] = true
		t.Run(s.method+" "+s.pattern, func(t *testing.T) {
			op := doc.operation(s.method, s.pattern)
			before := b.journal.Size()
			body := ""
			if op["requestBody"] != nil {
				body = `{"note":"seen"}`
			}
			good := b.sendBody(t, s.method, s.path, b.operator, note, body)
			if good.status != 200 {
				t.Fatalf("%d %s", good.status, good.body)
			}
			if recorded := b.journal.Size() > before; recorded != op["x-gatepost-recorded"] {
				t.Errorf("it left a record: %t, the document says %v", recorded, op["x-gatepost-recorded"])
			}
			doc.check(t, op, good)
			for name, bad := range map[string]response{
				"nobody":    b.send(t, s.method, s.path, "", nil),
				"parameter": b.send(t, s.method, strings.Split(s.path, "?")[0]+"?nonsense=1", b.operator, nil),
				"site":      b.send(t, s.method, s.path, b.operator, http.Header{"Sec-Fetch-Site": {"cross-site"}}),
			} {
				if bad.status == 200 && !strings.HasSuffix(s.path, "z") { // the probes are for everybody
					t.Errorf("%s: %d", name, bad.status)
				}
				doc.check(t, op, bad)
			}
		})
	}
	for _, r := range b.console.Routes() {
		if !tried[r.Method+" "+r.Pattern] {
			t.Errorf("%s %s is not tried", r.Method, r.Pattern)
		}
	}
	missing := b.get(t, "/api/v1/events/"+callID(9))
	doc.check(t, doc.operation("GET", "/api/v1/events/{id}"), missing)
	doc.check(t, doc.operation("GET", "/tile/{path...}"), b.get(t, "/tile/0/999"))
	acknowledge := doc.operation("POST", "/api/v1/findings/{id}/acknowledge")
	doc.check(t, acknowledge, b.sendBody(t, "POST", "/api/v1/findings/"+callID(1)+"/acknowledge", b.operator, note, `{"note":"seen"}`))
	doc.check(t, acknowledge, b.sendBody(t, "POST", "/api/v1/findings/"+callID(1)+"/acknowledge", b.operator, nil, `{"note":"seen"}`))
}

// check holds an answer against what an operation says.
func (d document) check(t *testing.T, op map[string]any, r response) {
	t.Helper()
	said := d.resolve(op["responses"].(map[string]any)[strconv.Itoa(r.status)])
	if said == nil {
		t.Errorf("status %d is not described: %s", r.status, r.body)
		return
	}
	headers, _ := said["headers"].(map[string]any)
	for name := range headers {
		if r.header.Get(name) == "" {
			t.Errorf("%d has no field %s", r.status, name)
		}
	}
	if r.header.Get("X-Gatepost-Event-Id") != "" && r.status == 200 && headers["X-Gatepost-Event-Id"] == nil {
		t.Errorf("%d has the field of a record", r.status)
	}
	media, _, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	content := said["content"].(map[string]any)
	kind, ok := content[media].(map[string]any)
	if !ok {
		t.Errorf("%d is %s, described as %v", r.status, media, slices.Collect(maps.Keys(content)))
		return
	}
	if !strings.HasSuffix(media, "json") {
		return
	}
	for _, fault := range d.validate("", kind["schema"], parseJSON(t, r.body)) {
		t.Errorf("%d%s", r.status, fault)
	}
}

// The document's event has every member that an event may have.
func TestOpenAPIEvent(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	doc := openDocument(t, b)
	for name, typ := range map[string]reflect.Type{
		"Event": reflect.TypeFor[audit.Event](), "TLS": reflect.TypeFor[audit.TLS](), "Fill": reflect.TypeFor[audit.Fill](),
		"Upstream": reflect.TypeFor[audit.Upstream](), "Attempt": reflect.TypeFor[audit.Attempt](),
	} {
		schema := doc.resolve(map[string]any{"$ref": "#/components/schemas/" + name})
		var want, required []string
		for field := range typ.Fields() {
			member, omit, _ := strings.Cut(field.Tag.Get("json"), ",")
			want = append(want, member)
			if omit == "" {
				required = append(required, member)
			}
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(schema["properties"].(map[string]any)))); diff != "" {
			t.Errorf("%s (-has +described):\n%s", name, diff)
		}
		var described []string
		list, _ := schema["required"].([]any)
		for _, r := range list {
			described = append(described, r.(string))
		}
		if diff := cmp.Diff(required, described); diff != "" {
			t.Errorf("required of %s (-has +described):\n%s", name, diff)
		}
	}
}

// The document's limits are those that hold.
func TestOpenAPILimits(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	doc := openDocument(t, b)
	calls(t, b, 60)
	schema := doc.resolve(map[string]any{"$ref": "#/components/parameters/limit"})["schema"].(map[string]any)
	number := func(key string) int {
		n, err := strconv.Atoi(schema[key].(json.Number).String())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	page := decode[eventPage](t, b.get(t, "/api/v1/events?kind=outcome"))
	for range 20 { // one may be short on a slow machine
		if len(page.Events) == number("default") {
			break
		}
		page = decode[eventPage](t, b.get(t, "/api/v1/events?kind=outcome"))
	}
	if len(page.Events) != number("default") {
		t.Errorf("a page of %d, described as %d", len(page.Events), number("default"))
	}
	for limit, want := range map[int]int{number("minimum") - 1: 400, number("minimum"): 200, number("maximum"): 200, number("maximum") + 1: 400} {
		if r := b.get(t, "/api/v1/events?limit="+strconv.Itoa(limit)); r.status != want {
			t.Errorf("limit %d: %d", limit, r.status)
		}
	}
}

// A schema that holds nothing would make the tests above pass whatever is served.
func TestValidate(t *testing.T) {
	t.Parallel()
	doc := openDocument(t, start(t, options{}))
	for _, tt := range []struct {
		name, schema, value string
		sound               bool
	}{
		{"sound", "Purged", `{"purged":1}`, true},
		{"missing", "Purged", `{}`, false},
		{"unknown", "Purged", `{"purged":1,"more":1}`, false},
		{"type", "Purged", `{"purged":"1"}`, false},
		{"const", "Problem", `{"type":"x","title":"","status":1}`, false},
		{"enum", "JudgedAttempt", `{"state":"x"}`, false},
		{"nested", "Events", `{"events":[{}],"states":{},"indexed":0}`, false},
		{"values", "Events", `{"events":[],"states":{"a":1},"indexed":0}`, false},
	} {
		faults := doc.validate("", map[string]any{"$ref": "#/components/schemas/" + tt.schema}, parseJSON(t, tt.value))
		if (len(faults) == 0) != tt.sound {
			t.Errorf("%s: %v", tt.name, faults)
		}
	}
}
