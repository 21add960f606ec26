package config

import (
	"strings"

	"github.com/spf13/pflag"
)

// SectionAnnotation marks a flag of [AddFlags] with its section, for a help
// text that groups them.
const SectionAnnotation = "gatepost_config_section"

// AddFlags gives fs a flag for each key, named as the key is in the file with
// dashes for underscores: --proxy.header-timeout. The spellings
// --proxy.header_timeout and --proxy-header-timeout are the same flag. Lists
// take commas and may be repeated.
//
// Parsing keeps the text alone; [Load] reads it and reports its faults with
// all others.
func AddFlags(fs *pflag.FlagSet) {
	s := newSchema()
	canonical := map[string]pflag.NormalizedName{}
	for _, k := range s.keys {
		canonical[dashed(k.flag())] = pflag.NormalizedName(k.flag())
	}
	before := fs.GetNormalizeFunc()
	fs.SetNormalizeFunc(func(fs *pflag.FlagSet, name string) pflag.NormalizedName {
		if full, ok := canonical[dashed(name)]; ok {
			return full
		}
		return before(fs, name)
	})
	defaults := Default()
	for _, k := range s.keys {
		value := &flagText{form: k.form}
		f := fs.VarPF(value, k.flag(), "", k.usage)
		f.DefValue = shownDefault(k, &defaults)
		f.Annotations = map[string][]string{SectionAnnotation: {k.section}}
		if k.form == "bool" {
			f.NoOptDefVal = "true"
		}
	}
}

// FlagChoices returns the closed set of values that the named flag takes, nil
// when it has none: for shell completion.
func FlagChoices(flag string) []string {
	for _, k := range newSchema().keys {
		if k.flag() == flag {
			if k.form == "bool" {
				return []string{"true", "false"}
			}
			return k.choices()
		}
	}
	return nil
}

// dashed folds the spellings of a flag into one.
func dashed(name string) string {
	return strings.NewReplacer(".", "-", "_", "-").Replace(name)
}

// shownDefault is what help says of k; empty values are not worth a word.
func shownDefault(k key, defaults *Config) string {
	v := k.field(defaults)
	if list, ok := v.Interface().([]string); ok {
		return strings.Join(list, ",")
	}
	if v.IsZero() || k.typ == rulesType {
		return ""
	}
	return formatScalar(v)
}

// applyFlags reads the flags that were given.
func (l *loader) applyFlags(fs *pflag.FlagSet) {
	if fs == nil {
		return
	}
	for _, k := range l.schema.keys {
		f := fs.Lookup(k.flag())
		if f == nil || !f.Changed {
			continue
		}
		if value, ok := f.Value.(*flagText); ok {
			l.assignOutside(k, Origin{Source: FromFlag, Name: k.flag()}, value.texts)
		}
	}
}

// flagText keeps what was given for a flag. It is a pflag.Value.
type flagText struct {
	form  string
	texts []string
}

func (v *flagText) Set(text string) error {
	v.texts = append(v.texts, text)
	return nil
}

func (v *flagText) String() string {
	return strings.Join(v.texts, ",")
}

func (v *flagText) Type() string {
	return v.form
}
