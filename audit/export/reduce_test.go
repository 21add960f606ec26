package export_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// schemaSource is where the published schema was unpacked (github.com/ocsf/ocsf-schema
// at the tag 1.8.0). With it TestReduceSchema makes testdata/ocsf-1.8.0.json anew.
var schemaSource = flag.String("schema", "", "`directory` of the OCSF schema to reduce")

const schemaFile = "testdata/ocsf-1.8.0.json"

// keptObjects are the objects that the reduced schema has. An event that uses
// another fails its validation.
var keptObjects = []string{
	"account", "actor", "api", "cloud", "http_request", "http_response", "metadata", "network_endpoint",
	"product", "request", "resource_details", "response", "service", "url", "user",
}

// schema is what is left of the published one: what validation needs, with
// inheritance and inclusion worked out, and no prose.
type schema struct {
	Version string                 `json:"version"`
	Class   schemaObject           `json:"class"`
	Objects map[string]*schemaNode `json:"objects"`
	Types   map[string]schemaType  `json:"types"`
}

type schemaObject struct {
	UID      int `json:"uid"`
	Category int `json:"category_uid"`
	schemaNode
}

type schemaNode struct {
	Attributes map[string]*attribute `json:"attributes"`
	AtLeastOne []string              `json:"at_least_one,omitempty"`
}

type attribute struct {
	Type        string            `json:"type"` // a type, or the name of an object
	Array       bool              `json:"is_array,omitempty"`
	Requirement string            `json:"requirement"`
	Profile     string            `json:"profile,omitempty"`
	Sibling     string            `json:"sibling,omitempty"`
	Enum        map[string]string `json:"enum,omitempty"` // captions
}

type schemaType struct {
	Base   string  `json:"type,omitempty"`
	Regex  string  `json:"regex,omitempty"`
	MaxLen int     `json:"max_len,omitempty"`
	Range  []int64 `json:"range,omitempty"`
}

// The published files, as far as they are of interest.
type (
	publishedAttribute struct {
		Type        string                              `json:"type"`
		Array       bool                                `json:"is_array"`
		Requirement string                              `json:"requirement"`
		Profile     json.RawMessage                     `json:"profile"`
		Sibling     string                              `json:"sibling"`
		Enum        map[string]struct{ Caption string } `json:"enum"`
	}
	publishedNode struct {
		UID         int                        `json:"uid"`
		Extends     string                     `json:"extends"`
		Name        string                     `json:"name"`
		Caption     string                     `json:"caption"`
		Attributes  map[string]json.RawMessage `json:"attributes"`
		Constraints struct {
			AtLeastOne []string `json:"at_least_one"`
		} `json:"constraints"`
	}
	publishedDictionary struct {
		Attributes map[string]publishedAttribute `json:"attributes"`
		Types      struct {
			Attributes map[string]schemaType `json:"attributes"`
		} `json:"types"`
	}
)

func TestReduceSchema(t *testing.T) {
	if *schemaSource == "" {
		t.Skip("no -schema directory to reduce")
	}
	r := reducer{t: t}
	r.read("dictionary.json", &r.dictionary)
	var v struct{ Version string }
	r.read("version.json", &v)
	var categories struct {
		Attributes map[string]struct {
			UID     int
			Caption string
		}
	}
	r.read("categories.json", &categories)

	s := schema{Version: v.Version, Objects: map[string]*schemaNode{}, Types: map[string]schemaType{}}
	s.Class.Category = categories.Attributes["application"].UID
	var class publishedNode
	r.read("events/application/api_activity.json", &class)
	s.Class.UID = s.Class.Category*1000 + class.UID
	s.Class.schemaNode = r.node("events/application/api_activity.json", func(parent string) string {
		if parent == "application" {
			return "events/application/application.json"
		}
		return "events/" + parent + ".json"
	})
	// The schema's compiler makes these enumerations of what the class is.
	s.Class.enumerate("category_uid", s.Class.Category, categories.Attributes["application"].Caption)
	s.Class.enumerate("class_uid", s.Class.UID, class.Caption)
	types := map[string]string{}
	for id, activity := range s.Class.Attributes["activity_id"].Enum {
		n, err := strconv.Atoi(id)
		if err != nil {
			t.Fatal(err)
		}
		types[strconv.Itoa(s.Class.UID*100+n)] = class.Caption + ": " + activity
	}
	s.Class.Attributes["type_uid"].Enum = types
	for _, name := range keptObjects {
		n := r.node("objects/"+name+".json", func(parent string) string { return "objects/" + parent + ".json" })
		s.Objects[name] = &n
	}
	nodes := append(slices.Collect(maps.Values(s.Objects)), &s.Class.schemaNode)
	for _, n := range nodes {
		for _, a := range n.Attributes {
			if typ, ok := r.dictionary.Types.Attributes[a.Type]; ok {
				s.Types[a.Type] = typ
			}
		}
	}
	text, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(schemaFile, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

type reducer struct {
	t          *testing.T
	dictionary publishedDictionary
}

func (r *reducer) read(name string, to any) {
	r.t.Helper()
	data, err := os.ReadFile(filepath.Join(*schemaSource, name))
	if err == nil {
		err = json.Unmarshal(data, to)
	}
	if err != nil {
		r.t.Fatalf("%s: %v", name, err)
	}
}

// node works out a class or an object: what it inherits, then what it includes,
// then its own.
func (r *reducer) node(file string, fileOf func(parent string) string) schemaNode {
	r.t.Helper()
	var p publishedNode
	r.read(file, &p)
	n := schemaNode{Attributes: map[string]*attribute{}}
	if p.Extends != "" {
		n = r.node(fileOf(p.Extends), fileOf)
	}
	if len(p.Constraints.AtLeastOne) > 0 {
		n.AtLeastOne = p.Constraints.AtLeastOne
	}
	var includes []string
	if raw, ok := p.Attributes["$include"]; ok {
		if err := json.Unmarshal(raw, &includes); err != nil {
			r.t.Fatal(err)
		}
		delete(p.Attributes, "$include")
	}
	for _, include := range includes {
		var profile publishedNode
		r.read(include, &profile)
		for name, raw := range profile.Attributes {
			r.add(&n, name, raw, profile.Name)
		}
	}
	for name, raw := range p.Attributes {
		r.add(&n, name, raw, "")
	}
	return n
}

func (r *reducer) add(n *schemaNode, name string, raw json.RawMessage, profile string) {
	r.t.Helper()
	a := n.Attributes[name]
	if a == nil {
		word, ok := r.dictionary.Attributes[name]
		if !ok {
			r.t.Fatalf("the dictionary has no %s", name)
		}
		a = &attribute{Type: word.Type, Array: word.Array, Sibling: word.Sibling, Profile: profile}
		a.merge(&word)
		n.Attributes[name] = a
	}
	var own publishedAttribute
	if err := json.Unmarshal(raw, &own); err != nil {
		r.t.Fatal(err)
	}
	a.merge(&own)
	if own.Type != "" {
		a.Type = own.Type
	}
	var named string
	switch err := json.Unmarshal(own.Profile, &named); {
	case len(own.Profile) == 0:
	case string(own.Profile) == "null":
		a.Profile = ""
	case err == nil:
		a.Profile = named
	}
}

func (o *schemaObject) enumerate(name string, id int, caption string) {
	o.Attributes[name].Enum = map[string]string{strconv.Itoa(id): caption}
}

func (a *attribute) merge(p *publishedAttribute) {
	if p.Requirement != "" {
		a.Requirement = p.Requirement
	}
	for id, e := range p.Enum {
		if a.Enum == nil {
			a.Enum = map[string]string{}
		}
		a.Enum[id] = e.Caption
	}
}
