package livefile_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/livefile"
	"github.com/gatepost-proxy/gatepost/audit/livefile/livefiletest"
)

// thing is an item of the files that are tested.
type thing struct {
	Name string
	On   bool
	Tags []string
}

const maxBytes = 1 << 20

// rules refuse a file that others may write.
func rules() livefile.Rules {
	return livefile.Rules{MaxBytes: maxBytes, Mode: func(mode fs.FileMode, _ []byte) (why, chmod string) {
		if mode&0o022 != 0 {
			return "others may write it", "go-w"
		}
		return "", ""
	}}
}

func things() *livefile.List[thing] {
	return &livefile.List[thing]{
		Name:  "things",
		Rules: rules(),
		Empty: "# Things.\nthings: []\n",
		Items: parseThings,
		Equal: func(a, b *thing) bool { return a.Name == b.Name && a.On == b.On && slices.Equal(a.Tags, b.Tags) },
	}
}

func parseThings(items []livefile.Node) []thing {
	list := make([]thing, len(items))
	for i, item := range items {
		for _, f := range item.Fields([]string{"name"}, "on", "tags") {
			switch f.Name {
			case "name":
				f.Digits(func(text string) error {
					list[i].Name = text
					if strings.HasPrefix(text, "bad") {
						return fmt.Errorf("is no name")
					}
					return nil
				})
			case "on":
				list[i].On = f.Flag()
			case "tags":
				for _, tag := range f.Items() {
					tag.Text(func(text string) error { list[i].Tags = append(list[i].Tags, text); return nil })
				}
			}
		}
	}
	return list
}

func newFile(tb testing.TB, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "things.yaml")
	livefiletest.Write(tb, path, text, 0o600)
	return path
}

// follow has a follower hold the text of a file, and refuse one that is bad.
func follow(tb testing.TB, path string, logger *slog.Logger) *livefile.Follower[string] {
	tb.Helper()
	f, err := livefile.Follow(livefile.Source[string]{
		Path: path, Rules: rules(), What: "things", Logger: logger,
		Parse: func(text []byte, _ string) (string, error) {
			if bytes.HasPrefix(text, []byte("bad")) {
				return "", &livefile.Fault{File: path, Problem: string(text)}
			}
			return string(text), nil
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return f
}
