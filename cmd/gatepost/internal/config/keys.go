package config

import (
	"reflect"
	"strings"
	"time"
)

// key is one setting: a field of [Config] that is not a section.
type key struct {
	name    string // dotted, as in the file: proxy.header_timeout
	section string // its first part
	index   []int  // of the field in Config
	form    string // what the value is, for help: duration, size, address, …
	usage   string
	typ     reflect.Type
}

// variable is the name of the key's environment variable.
func (k key) variable() string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(k.name, ".", "_"))
}

// flag is the name of the key's flag, without dashes before it.
func (k key) flag() string {
	return strings.ReplaceAll(k.name, "_", "-")
}

// field is the key's place in c.
func (k key) field(c *Config) reflect.Value {
	return reflect.ValueOf(c).Elem().FieldByIndex(k.index)
}

// choices are the values a closed set allows, nil for other forms.
func (k key) choices() []string {
	if k.typ.Kind() != reflect.String {
		return nil
	}
	if k.form == IndexSQLite || strings.Contains(k.form, "|") {
		return strings.Split(k.form, "|")
	}
	return nil
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	rulesType    = reflect.TypeFor[[]KnownDirect]()
)

// schema is every key in the order of the structs, and the names of the
// sections, nested ones included.
type schema struct {
	keys     []key
	byName   map[string]key
	sections map[string]bool
}

// newSchema reads the keys off the fields of Config, so that a field added
// there is at once a key, a variable and a flag.
func newSchema() *schema {
	s := &schema{byName: map[string]key{}, sections: map[string]bool{}}
	s.add(reflect.TypeFor[Config](), "", nil)
	return s
}

func (s *schema) add(t reflect.Type, prefix string, index []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		name := prefix + f.Tag.Get("yaml")
		at := append(index[:len(index):len(index)], i)
		if f.Type.Kind() == reflect.Struct {
			s.sections[name] = true
			s.add(f.Type, name+".", at)
			continue
		}
		section, _, _ := strings.Cut(name, ".")
		k := key{
			name: name, section: section, index: at, typ: f.Type,
			form: form(f), usage: f.Tag.Get("usage"),
		}
		s.keys = append(s.keys, k)
		s.byName[name] = k
	}
}

// form names what a field holds: its type tag, or what its Go type says.
func form(f reflect.StructField) string {
	if tag := f.Tag.Get("type"); tag != "" {
		return tag
	}
	switch {
	case f.Type == durationType:
		return "duration"
	case f.Type == rulesType:
		return "rules"
	}
	switch f.Type.Kind() {
	case reflect.Bool:
		return "bool"
	case reflect.Int64:
		return "size"
	case reflect.Int:
		return "count"
	case reflect.Float64:
		return "rate"
	default:
		return "string"
	}
}

// children are the names that may stand directly below section prefix, which
// is "" for the top and ends in a dot otherwise.
func (s *schema) children(prefix string) []string {
	var names []string
	seen := map[string]bool{}
	for _, k := range s.keys {
		rest, ok := strings.CutPrefix(k.name, prefix)
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(rest, ".")
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}
