package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/suggest"
)

// maxFileBytes is far above any real file; it keeps a wrong path, such as a
// log, from being read into memory.
const maxFileBytes = 1 << 20

// readFile reads name, in words that tell an operator what to do.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("no such file")
	case errors.Is(err, fs.ErrPermission):
		return nil, errors.New("no permission to read the file")
	case err != nil:
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
			err = pathErr.Err
		}
		return nil, err
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("is larger than %s: is this the right file?", FormatSize(maxFileBytes))
	}
	return data, nil
}

// applyFile reads the file's text into the loader. Every fault in it is
// reported; only a syntax error ends the reading early.
func (l *loader) applyFile(name string, data []byte) {
	doc := &document{loader: l, source: FromFile, name: name}
	if body := doc.parse(data); body != nil {
		doc.section(body, "")
	}
}

// document walks one YAML text: the file, or the value of a variable or a
// flag that holds rules.
type document struct {
	*loader
	source Source
	name   string
}

// at is where tk stands.
func (d *document) at(tk *token.Token) Origin {
	o := Origin{Source: d.source, Name: d.name}
	if d.source == FromFile && tk != nil && tk.Position != nil {
		o.Line, o.Column = tk.Position.Line, tk.Position.Column
	}
	return o
}

// parse returns the one document in data, nil when it is empty or faulty.
func (d *document) parse(data []byte) ast.Node {
	if bytes.Contains(data, []byte{0}) {
		o := Origin{Source: d.source, Name: d.name}
		d.fault(o, "", "holds a NUL byte: this is not a YAML file")
		return nil
	}
	// A key given twice is left to section, which can name both places.
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.syntaxFault(err)
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case body == nil:
			body = doc.Body
		default:
			d.fault(d.at(doc.Body.GetToken()), "", "a second YAML document begins here: keep one, without ---")
			return body
		}
	}
	return body
}

func (d *document) syntaxFault(err error) {
	o := Origin{Source: d.source, Name: d.name}
	message := err.Error()
	if syntax, ok := errors.AsType[yaml.Error](err); ok {
		o = d.at(syntax.GetToken())
		message = syntax.GetMessage()
	}
	d.fault(o, "", "is not valid YAML: "+quoteControls(message))
}

// section reads the mapping node whose keys all begin with prefix, which is
// "" or ends in a dot.
func (d *document) section(node ast.Node, prefix string) {
	name := strings.TrimSuffix(prefix, ".")
	members, problem := mapping(node)
	if problem != "" {
		if name == "" {
			problem += ": write sections such as proxy: and admin:"
		}
		d.fault(d.at(node.GetToken()), name, problem)
		return
	}
	seen := map[string]Origin{}
	for _, m := range members {
		at := d.at(m.Key.GetToken())
		member, ok := keyText(m.Key)
		if !ok {
			d.fault(at, name, "has a key that is not plain text: anchors, merges and complex keys are not read here")
			continue
		}
		full := prefix + member
		if first, twice := seen[member]; twice {
			d.fault(at, quoteControls(full), fmt.Sprintf("is given twice, first at %s: keep one", first))
			continue
		}
		seen[member] = at
		switch k, isKey := d.schema.byName[full]; {
		case strings.Contains(member, "."):
			d.fault(at, quoteControls(full), d.unknown(member, prefix))
		case isKey:
			d.value(k, m.Value)
		case d.schema.sections[full]:
			// A section whose members are all commented out.
			if m.Value == nil || m.Value.Type() == ast.NullType {
				continue
			}
			d.section(m.Value, full+".")
		default:
			d.fault(at, quoteControls(full), d.unknown(member, prefix))
		}
	}
}

// unknown says what to do about a key that does not exist.
func (d *document) unknown(member, prefix string) string {
	siblings := d.schema.children(prefix)
	if _, ok := d.schema.byName[prefix+member]; ok {
		section, rest, _ := strings.Cut(member, ".")
		return fmt.Sprintf("is not a key in this form: write %s below %s:", rest, section)
	}
	if near := suggest.Nearest(member, siblings); near != "" {
		return fmt.Sprintf("is not a key: did you mean %s?", prefix+near)
	}
	for _, k := range d.schema.keys {
		if strings.HasSuffix(k.name, "."+member) {
			return fmt.Sprintf("is not a key: did you mean %s?", k.name)
		}
	}
	if prefix == "" {
		return "is not a section: the sections are " + strings.Join(siblings, ", ")
	}
	return "is not a key: the keys here are " + strings.Join(siblings, ", ")
}

// value reads k's value from node.
func (d *document) value(k key, node ast.Node) {
	at := d.at(node.GetToken())
	fail := func(at Origin, problem string) {
		d.fault(at, k.name, problem)
		d.broken[k.name] = true
	}
	switch k.typ.Kind() {
	case reflect.Slice:
		sequence, ok := node.(*ast.SequenceNode)
		if !ok {
			want := "[first, second]"
			if k.typ == rulesType {
				want = "[{principal_arn: …}]"
			}
			fail(at, "is not a list: write "+want)
			return
		}
		if k.typ == rulesType {
			if rules, ok := d.rules(sequence, k); ok {
				d.assign(k, at, reflect.ValueOf(rules))
			}
			return
		}
		var list []string
		for _, item := range sequence.Values {
			text, problem := scalarText(item)
			if problem == "" {
				if err := printable(text); err != nil {
					problem = err.Error()
				}
			}
			if problem != "" {
				fail(d.at(item.GetToken()), problem)
				continue
			}
			list = append(list, text)
		}
		if !d.broken[k.name] {
			d.assign(k, at, reflect.ValueOf(list))
		}
	default:
		text, problem := scalarText(node)
		if problem != "" {
			fail(at, problem)
			return
		}
		d.assignText(k, at, text)
	}
}
