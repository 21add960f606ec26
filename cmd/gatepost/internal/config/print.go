package config

import (
	"bufio"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// WriteYAML writes the effective configuration: every key, in the order of
// the structs, in a form that [Load] reads back to the same Config. A value
// that is not the default is followed by a comment saying where it came from.
// Passwords in addresses are replaced by REDACTED; every other secret lives
// in a file that the configuration only names.
func (l *Loaded) WriteYAML(w io.Writer) error {
	out := bufio.NewWriter(w)
	c := l.Config
	c.Upstream.Endpoint = redactURL(c.Upstream.Endpoint)
	c.Correlate.Endpoint = redactURL(c.Correlate.Endpoint)
	var open []string
	for _, k := range newSchema().keys {
		path := strings.Split(k.name, ".")
		sections, member := path[:len(path)-1], path[len(path)-1]
		for depth, section := range sections {
			if depth < len(open) && open[depth] == section {
				continue
			}
			fmt.Fprintf(out, "%s%s:\n", indent(depth), section)
		}
		open = sections
		fmt.Fprintf(out, "%s%s:", indent(len(sections)), member)
		comment := ""
		if o := l.Origin(k.name); o.Source != FromDefault {
			comment = "  # " + quoteControls(o.String())
		}
		writeValue(out, k.field(&c), len(sections), comment)
	}
	return out.Flush()
}

func writeValue(out *bufio.Writer, v reflect.Value, depth int, comment string) {
	switch list := v.Interface().(type) {
	case []string:
		quoted := make([]string, len(list))
		for i, s := range list {
			quoted[i] = yamlText(s)
		}
		fmt.Fprintf(out, " [%s]%s\n", strings.Join(quoted, ", "), comment)
	case []KnownDirect:
		if len(list) == 0 {
			fmt.Fprintf(out, " []%s\n", comment)
			return
		}
		fmt.Fprintf(out, "%s\n", comment)
		for _, rule := range list {
			fmt.Fprintf(out, "%s- {principal_arn: %s, source_ip: %s, user_agent: %s}\n", indent(depth+1),
				strconv.Quote(rule.PrincipalARN), strconv.Quote(rule.SourceIP), strconv.Quote(rule.UserAgent))
		}
	case string:
		fmt.Fprintf(out, " %s%s\n", yamlText(list), comment)
	default:
		fmt.Fprintf(out, " %s%s\n", formatScalar(v), comment)
	}
}

func indent(depth int) string {
	return strings.Repeat("  ", depth)
}

var (
	// plainText is what YAML takes for a string without quotes, also within
	// [ ]; an address is the one such text that may begin with a digit.
	plainText = regexp.MustCompile(`^(/|\./|[A-Za-z])[A-Za-z0-9._/-]*(:[A-Za-z0-9._/-]+)*$|^[0-9]+(\.[0-9]+){3}:[0-9]+$`)
	yamlWord  = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|y|n|null)$`)
)

// yamlText writes s as a YAML string, quoted where it could be read as
// something else.
func yamlText(s string) string {
	if plainText.MatchString(s) && !yamlWord.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}
