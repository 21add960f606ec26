package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// Sources says where to read settings from. The zero Sources gives the
// defaults.
type Sources struct {
	// File is the configuration file. Empty means the one that
	// GATEPOST_CONFIG names, and none when that is not set either.
	File string
	// Env is the environment in the form of os.Environ.
	Env []string
	// Flags are the flags of [AddFlags] after parsing; nil for none.
	Flags *pflag.FlagSet
	// CheckFiles also reports what is wrong with the files and directories
	// that the settings name. Leave it out where they are not about to be
	// used: who reads the log may have no right to read the TLS key.
	CheckFiles bool
}

// Loaded is a configuration without faults and where its values came from.
type Loaded struct {
	Config Config
	// File is the file read, empty for none.
	File string

	origins map[string]Origin
}

// Load reads the sources, flags over environment over file over [Default],
// and validates the outcome. Its error is [Faults], naming every fault.
func Load(s Sources) (*Loaded, error) {
	l := &loader{
		schema:  newSchema(),
		config:  Default(),
		origins: map[string]Origin{},
		broken:  map[string]bool{},
	}
	env := newEnvironment(s.Env)
	file, named := s.File, Origin{Source: FromFile, Name: s.File}
	if file == "" {
		file = env.file
		named = Origin{Source: FromEnvironment, Name: FileVariable}
	}
	if file != "" {
		data, err := readFile(file)
		if err == nil {
			l.applyFile(file, data)
		} else if s.File != "" {
			l.fault(named, "", err.Error())
		} else {
			l.fault(named, "", fmt.Sprintf("%s: %v", strconv.Quote(file), err))
		}
	}
	l.applyEnvironment(env)
	l.applyFlags(s.Flags)
	l.validate()
	if s.CheckFiles {
		l.checkFiles()
	}
	if err := l.faults.err(); err != nil {
		return nil, err
	}
	return &Loaded{Config: l.config, File: file, origins: l.origins}, nil
}

// Origin returns where the value of the dotted key came from.
func (l *Loaded) Origin(key string) Origin {
	return l.origins[key]
}

// loader gathers values and faults; one goroutine uses it, for one Load.
type loader struct {
	schema  *schema
	config  Config
	origins map[string]Origin // of each value that is not the default
	broken  map[string]bool   // keys whose value could not be read, so that no rule is applied to them
	faults  Faults
}

func (l *loader) fault(o Origin, key, problem string) {
	l.faults = append(l.faults, &Fault{Origin: o, Key: key, Problem: problem})
}

func (l *loader) assign(k key, o Origin, v reflect.Value) {
	k.field(&l.config).Set(v.Convert(k.typ))
	l.origins[k.name] = o
}

func (l *loader) assignText(k key, o Origin, text string) {
	if err := setScalar(k.field(&l.config), text); err != nil {
		l.fault(o, k.name, err.Error())
		l.broken[k.name] = true
		return
	}
	l.origins[k.name] = o
}

// assignOutside reads the value of a variable, or those of a flag that may be
// repeated.
func (l *loader) assignOutside(k key, o Origin, texts []string) {
	switch {
	case k.typ == rulesType:
		var rules []KnownDirect
		for _, text := range texts {
			doc := &document{loader: l, source: o.Source, name: o.Name}
			more, ok := doc.rulesText(k, text)
			if !ok {
				return
			}
			rules = append(rules, more...)
		}
		l.assign(k, o, reflect.ValueOf(rules))
	case k.typ.Kind() == reflect.Slice:
		var list []string
		for _, text := range texts {
			for _, item := range splitList(text) {
				if err := printable(item); err != nil {
					l.fault(o, k.name, err.Error())
					l.broken[k.name] = true
					return
				}
				list = append(list, item)
			}
		}
		l.assign(k, o, reflect.ValueOf(list))
	default:
		l.assignText(k, o, texts[len(texts)-1])
	}
}

// quoteControls escapes what a terminal would act upon in text that may come
// from anywhere, and leaves ordinary text as it is.
func quoteControls(s string) string {
	if printable(s) == nil {
		return s
	}
	return strings.Trim(strconv.QuoteToGraphic(s), `"`)
}
