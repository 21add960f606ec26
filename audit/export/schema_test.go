package export_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

var loadSchema = sync.OnceValues(func() (*schema, error) {
	data, err := os.ReadFile(schemaFile)
	if err != nil {
		return nil, err
	}
	s := new(schema)
	return s, json.Unmarshal(data, s)
})

// validate holds one exported line against the published schema: known
// attributes alone, those that are required, at least one where the schema wants
// it, types, enumerations, captions, and profiles that are used and named.
//
// proved allows what the profile record_integrity adds, which 1.8.0 has not.
func validate(t testing.TB, line []byte, proved bool) []error {
	t.Helper()
	s, err := loadSchema()
	if err != nil {
		t.Fatal(err)
	}
	v := validator{schema: s}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var event map[string]any
	if err := d.Decode(&event); err != nil {
		return []error{err}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return []error{errors.New("more than one value")}
	}
	if bytes.Count(line, []byte("\n")) != 1 || line[len(line)-1] != '\n' {
		v.fail("", "is not one line")
	}
	if !utf8.Valid(line) {
		v.fail("", "is not UTF-8")
	}
	v.duplicates(line)

	if metadata, ok := event["metadata"].(map[string]any); ok {
		list, _ := metadata["profiles"].([]any)
		for _, p := range list {
			v.profiles = append(v.profiles, fmt.Sprint(p))
		}
		if metadata["version"] != s.Version {
			v.fail("metadata.version", "is not the schema's")
		}
	}
	if slices.Contains(v.profiles, "record_integrity") != (event["attestation_list"] != nil) {
		v.fail("attestation_list", "does not go with the profiles")
	}
	if proved {
		delete(event, "attestation_list")
		v.profiles = slices.DeleteFunc(v.profiles, func(p string) bool { return p == "record_integrity" })
	}
	v.node("", event, &s.Class.schemaNode)
	v.equal(event, "class_uid", s.Class.UID)
	v.equal(event, "category_uid", s.Class.Category)
	if activity, err := strconv.Atoi(fmt.Sprint(event["activity_id"])); err == nil {
		v.equal(event, "type_uid", s.Class.UID*100+activity)
	}
	used := map[string]bool{"cloud": event["cloud"] != nil, "security_control": event["action_id"] != nil}
	for _, p := range v.profiles {
		if !used[p] {
			v.fail("metadata.profiles", "names %s, which is not used", p)
		}
	}
	return v.errs
}

type validator struct {
	schema   *schema
	profiles []string
	errs     []error
}

func (v *validator) fail(path, format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf("%s "+format, append([]any{path}, args...)...))
}

func (v *validator) equal(event map[string]any, name string, want int) {
	if fmt.Sprint(event[name]) != strconv.Itoa(want) {
		v.fail(name, "is %v, not %d", event[name], want)
	}
}

func (v *validator) node(path string, value map[string]any, n *schemaNode) {
	for name, a := range n.Attributes {
		if _, ok := value[name]; !ok && a.Requirement == "required" && (a.Profile == "" || slices.Contains(v.profiles, a.Profile)) {
			v.fail(path+name, "is required")
		}
	}
	if len(n.AtLeastOne) > 0 && !slices.ContainsFunc(n.AtLeastOne, func(name string) bool { return value[name] != nil }) {
		v.fail(path, "has none of %q", n.AtLeastOne)
	}
	for name, member := range value {
		a := n.Attributes[name]
		switch {
		case a == nil:
			v.fail(path+name, "is not in the schema")
			continue
		case a.Profile != "" && !slices.Contains(v.profiles, a.Profile):
			v.fail(path+name, "is of the profile %s, which is not used", a.Profile)
		}
		elements := []any{member}
		if a.Array {
			list, ok := member.([]any)
			if !ok || len(list) == 0 {
				v.fail(path+name, "is not a list of something")
				continue
			}
			elements = list
		}
		for _, e := range elements {
			v.value(path+name, e, a)
		}
		if a.Sibling != "" && a.Enum != nil {
			caption := a.Enum[fmt.Sprint(member)]
			free := strings.HasSuffix(fmt.Sprint(member), "99") // Other: the source says what
			if sibling, ok := value[a.Sibling]; ok && !free && sibling != caption {
				v.fail(path+a.Sibling, "is %q, not the caption %q", sibling, caption)
			} else if !ok && free {
				v.fail(path+a.Sibling, "has to say what the other is")
			}
		}
	}
}

func (v *validator) value(path string, value any, a *attribute) {
	if n, ok := v.schema.Objects[a.Type]; ok {
		if m, ok := value.(map[string]any); ok {
			v.node(path+".", m, n)
		} else {
			v.fail(path, "is not an object")
		}
		return
	}
	if a.Type == "object" { // of any form
		if _, ok := value.(map[string]any); !ok {
			v.fail(path, "is not an object")
		}
		return
	}
	typ, ok := v.schema.Types[a.Type]
	if !ok {
		v.fail(path, "is a %s, which the reduced schema does not keep", a.Type)
		return
	}
	base := a.Type
	if typ.Base != "" {
		base = typ.Base
	}
	switch base {
	case "string_t":
		s, ok := value.(string)
		switch {
		case !ok || s == "":
			v.fail(path, "is not a text: %v", value)
		case typ.MaxLen > 0 && len(s) > typ.MaxLen:
			v.fail(path, "is longer than %d", typ.MaxLen)
		case typ.Regex != "" && !compile(typ.Regex).MatchString(s):
			v.fail(path, "is not a %s: %q", a.Type, s)
		}
	case "integer_t", "long_t":
		number, _ := value.(json.Number)
		n, err := number.Int64()
		if err != nil {
			v.fail(path, "is not a whole number: %v", value)
		} else if len(typ.Range) == 2 && (n < typ.Range[0] || n > typ.Range[1]) {
			v.fail(path, "is outside %v: %d", typ.Range, n)
		}
	case "boolean_t":
		if _, ok := value.(bool); !ok {
			v.fail(path, "is not true or false: %v", value)
		}
	default:
		v.fail(path, "is a %s, which validation does not know", base)
	}
	if a.Enum != nil {
		if _, ok := a.Enum[fmt.Sprint(value)]; !ok {
			v.fail(path, "is %v, which is not in the enumeration", value)
		}
	}
}

// compiled are the schema's expressions, of which that for addresses is large.
var compiled sync.Map

func compile(expression string) *regexp.Regexp {
	if r, ok := compiled.Load(expression); ok {
		return r.(*regexp.Regexp)
	}
	r, _ := compiled.LoadOrStore(expression, regexp.MustCompile(expression))
	return r.(*regexp.Regexp)
}

// duplicates finds members that have the name of another; encoding/json takes
// the last.
func (v *validator) duplicates(line []byte) {
	d := json.NewDecoder(bytes.NewReader(line))
	var walk func(path string)
	walk = func(path string) {
		token, err := d.Token()
		if err != nil {
			return
		}
		switch token {
		case json.Delim('{'):
			seen := map[string]bool{}
			for d.More() {
				name, _ := d.Token()
				if seen[name.(string)] {
					v.fail(path+name.(string), "stands there twice")
				}
				seen[name.(string)] = true
				walk(path + name.(string) + ".")
			}
			d.Token()
		case json.Delim('['):
			for d.More() {
				walk(path)
			}
			d.Token()
		}
	}
	walk("")
}

// Validation is only worth its being able to fail.
func TestValidate(t *testing.T) {
	sound := string(export1(t, fullEvent()))
	if errs := validate(t, []byte(sound), false); len(errs) > 0 {
		t.Fatal(errs)
	}
	tests := []struct{ name, old, new, want string }{
		{"required", `"category_uid":6,`, ``, "category_uid is required"},
		{"required in an object", `"operation":"GetConnection",`, ``, "api.operation is required"},
		{"required by a profile", `"provider":"AWS",`, ``, "cloud.provider is required"},
		{"at least one", `"src_endpoint":{"ip":"2001:db8::1","port":65535}`, `"src_endpoint":{"port":65535}`, "src_endpoint. has none of"},
		{"type of a number", `"sequence":42`, `"sequence":"42"`, "metadata.sequence is not a whole number"},
		{"fraction", `"sequence":42`, `"sequence":4.2`, "metadata.sequence is not a whole number"},
		{"type of a text", `"log_version":"1"`, `"log_version":1`, "metadata.log_version is not a text"},
		{"type of a flag", `"is_truncated":true`, `"is_truncated":1`, "metadata.is_truncated is not true or false"},
		{"address", `"ip":"2001:db8::1"`, `"ip":"here"`, "src_endpoint.ip is not a ip_t"},
		{"port", `"port":65535`, `"port":65536`, "src_endpoint.port is outside"},
		{"enumeration", `"severity_id":2`, `"severity_id":7`, "severity_id is 7, which is not"},
		{"caption", `"severity":"Low"`, `"severity":"High"`, "severity is \"High\", not"},
		{"type id", `"type_uid":600302`, `"type_uid":600301`, "type_uid is 600301"},
		{"unknown attribute", `"severity_id"`, `"made_up":1,"severity_id"`, "made_up is not in the schema"},
		{"unknown in an object", `"version":"1.8.0"`, `"version":"1.8.0","made_up":1`, "metadata.made_up is not"},
		{"duplicate", `"severity_id"`, `"class_uid":6003,"severity_id"`, "class_uid stands there twice"},
		{"profile not named", `"profiles":["cloud","security_control"]`, `"profiles":["cloud"]`, "is of the profile security_control"},
		{"profile not used", `"profiles":["cloud"`, `"profiles":["osint","cloud"`, "names osint"},
		{"unreleased profile", `"profiles":["cloud"`, `"profiles":["record_integrity","cloud"`, "attestation_list does not go"},
		{"list", `"flags":["repeat"]`, `"flags":"repeat"`, "api.request.flags is not a list"},
		{"two lines", `,"time":`, ",\n\"time\":", "is not one line"},
		{"not JSON", `{"activity_id"`, `{activity_id`, "invalid character"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			broken := strings.Replace(sound, tt.old, tt.new, 1)
			if broken == sound {
				t.Fatalf("there is no %s in %s", tt.old, sound)
			}
			errs := validate(t, []byte(broken), false)
			if !slices.ContainsFunc(errs, func(err error) bool { return strings.Contains(err.Error(), tt.want) }) {
				t.Errorf("%q, want %q", errs, tt.want)
			}
		})
	}
}
