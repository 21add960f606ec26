package keyring

import (
	"io/fs"

	"github.com/gatepost-proxy/gatepost/audit/livefile"
)

// Fault is one thing wrong with a keys file. It never holds a secret: of the
// file's values it quotes only those of the keys in which no secret belongs.
type Fault = livefile.Fault

// maxFile is room for some thousand keys.
const maxFile = 1 << 20

// rules refuse a file that others may read.
func rules() livefile.Rules {
	return livefile.Rules{MaxBytes: maxFile, Mode: func(mode fs.FileMode, _ []byte) (why, chmod string) {
		if mode&0o077 != 0 {
			return "holds secrets that only its owner may read", "600"
		}
		return "", ""
	}}
}

// fileOf is what a keys file may hold.
func fileOf(words *vocabulary) *livefile.List[definition] {
	return &livefile.List[definition]{
		Name:  "keys",
		Rules: rules(),
		Empty: "# The access keys of gatepost's callers; keep mode 0600. `gatepost keys --help` tells more.\nkeys: []\n",
		Items: words.keys,
		Equal: (*definition).equal,
	}
}

func (v *vocabulary) keys(items []livefile.Node) []definition {
	keys := make([]definition, 0, len(items))
	lines := make(map[string]int, len(items)) // of the ids
	for _, item := range items {
		key, id := v.key(item)
		if key.id != "" {
			if first, twice := lines[key.id]; twice {
				id.Fault("%s is already on line %d", key.id, first)
			} else {
				lines[key.id] = id.Line()
			}
		}
		keys = append(keys, key)
	}
	return keys
}

// key returns the node of the id beside the key, and an empty id for one that
// cannot be used.
func (v *vocabulary) key(item livefile.Node) (k definition, id livefile.Node) {
	for _, f := range item.Fields([]string{"id", "secret", "principal"}, "expires", "disabled", "allow") {
		switch f.Name {
		case "id":
			id = f
			f.Text(taken(&k.id, checkKeyID))
		case "secret":
			var text string
			f.Text(taken(&text, checkSecret))
			k.secret = newSecret(text)
		case "principal":
			f.Text(taken(&k.principal, func(text string) error { return livefile.CheckName("principal", text) }))
		case "expires":
			f.Text(func(text string) (err error) {
				k.expires, err = livefile.ParseTime(text)
				return err
			})
		case "disabled":
			k.disabled = f.Flag()
		case "allow":
			k.allow = v.allow(f)
		}
	}
	return k, id
}

func (v *vocabulary) allow(list livefile.Node) []Allow {
	items := list.Items()
	entries := make([]Allow, len(items))
	for i, item := range items {
		for _, f := range item.Fields([]string{"operations"}, "regions", "connections") {
			switch f.Name {
			case "operations":
				entries[i].Operations = texts(f, v.checkOperation)
			case "regions":
				entries[i].Regions = texts(f, v.checkRegion)
			case "connections":
				entries[i].Connections = texts(f, checkGlob)
			}
		}
	}
	return entries
}

// texts is a list that, when it is given, is not empty: an empty list could be
// read as none and as all.
func texts(list livefile.Node, check func(string) error) []string {
	items := list.Items()
	if items != nil && len(items) == 0 {
		list.Fault("is an empty list; name at least one")
	}
	texts := make([]string, len(items))
	for i, item := range items {
		item.Text(taken(&texts[i], check))
	}
	return texts
}

// taken puts a text that passes a check into its place.
func taken(into *string, check func(string) error) func(string) error {
	return func(text string) error {
		err := check(text)
		if err == nil {
			*into = text
		}
		return err
	}
}
