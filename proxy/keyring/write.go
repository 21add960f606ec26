package keyring

import (
	"fmt"
	"strings"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/livefile"
)

// lines are a key as an item of the file.
func (d *definition) lines() []string {
	lines := []string{
		"- id: " + d.id,
		"  secret: " + fmt.Sprintf("%q", d.secret.Reveal()),
		"  principal: " + livefile.Quote(d.principal),
	}
	if !d.expires.IsZero() {
		lines = append(lines, "  expires: "+d.expires.Format(time.RFC3339))
	}
	if len(d.allow) == 0 {
		return append(lines, "  allow: []")
	}
	lines = append(lines, "  allow:")
	for _, a := range d.allow {
		lines = append(lines, "    - operations: "+quoteList(a.Operations))
		if len(a.Regions) > 0 {
			lines = append(lines, "      regions: "+quoteList(a.Regions))
		}
		if len(a.Connections) > 0 {
			lines = append(lines, "      connections: "+quoteList(a.Connections))
		}
	}
	return lines
}

func quoteList(texts []string) string {
	written := make([]string, len(texts))
	for i, t := range texts {
		written[i] = livefile.Quote(t)
	}
	return "[" + strings.Join(written, ", ") + "]"
}
