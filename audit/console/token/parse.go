package token

import (
	"encoding/hex"
	"fmt"
	"io/fs"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/livefile"
)

// Fault is one thing wrong with a tokens file. It quotes nothing of the file that
// could be a token in the wrong place.
type Fault = livefile.Fault

// tokensFile is room for a thousand tokens. It refuses a file that others may
// change; they may read it, as it holds no token.
func tokensFile() *livefile.List[definition] {
	return &livefile.List[definition]{
		Name: "tokens",
		Rules: livefile.Rules{MaxBytes: 128 << 10, Mode: func(mode fs.FileMode, _ []byte) (why, chmod string) {
			if mode&0o022 != 0 {
				return "who may write it can give himself a role", "go-w"
			}
			return "", ""
		}},
		Empty: "# The tokens of gatepost's admin listener, as SHA-256. `gatepost tokens --help` tells more.\ntokens: []\n",
		Items: parseTokens,
		Equal: (*definition).equal,
	}
}

func parseTokens(items []livefile.Node) []definition {
	tokens := make([]definition, len(items))
	names, sums := make(map[string]int), make(map[sum]int) // on which lines
	for i, item := range items {
		d := &tokens[i]
		for _, f := range item.Fields([]string{"name", "role", "sha256"}, "expires") {
			switch f.Name {
			case "name":
				if !f.Text(func(text string) error { d.name = text; return checkName(text) }) {
					break
				}
				if first, twice := names[d.name]; twice {
					f.Fault("is already the name of the token on line %d", first)
				} else {
					names[d.name] = f.Line()
				}
			case "role":
				f.Text(func(text string) (err error) { d.role, err = ParseRole(text); return err })
			case "sha256":
				if !f.Digits(func(text string) (err error) { d.sum, err = parseSum(text); return err }) {
					break
				}
				if first, twice := sums[d.sum]; twice {
					f.Fault("is the token on line %d again; make one for each bearer", first)
				} else {
					sums[d.sum] = f.Line()
				}
			case "expires":
				f.Text(func(text string) (err error) { d.expires, err = livefile.ParseTime(text); return err })
			}
		}
	}
	return tokens
}

// line is a token as an item of the file.
func (d *definition) line() string {
	line := fmt.Sprintf("- {name: %s, role: %s, sha256: %q", livefile.Quote(d.name), d.role, hex.EncodeToString(d.sum[:]))
	if !d.expires.IsZero() {
		line += ", expires: " + d.expires.Format(time.RFC3339)
	}
	return line + "}"
}
