package token_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/console/token"
	"github.com/gatepost-proxy/gatepost/audit/livefile/livefiletest"
)

// textOf is a token in the right form that is easy to find in a text.
func textOf(name string) string {
	return "gpt_" + (name + strings.Repeat("_SECRET", 7))[:43]
}

func sumOf(name string) string {
	sum := sha256.Sum256([]byte(textOf(name)))
	return hex.EncodeToString(sum[:])
}

// entry is a token of the file whose text is textOf its name.
func entry(name string, role token.Role, expires string) string {
	line := fmt.Sprintf("  - {name: %s, role: %s, sha256: %s", name, role, sumOf(name))
	if expires != "" {
		line += ", expires: " + expires
	}
	return line + "}\n"
}

func fileText(entries ...string) string { return "tokens:\n" + strings.Join(entries, "") }

func newFile(tb testing.TB, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "tokens.yaml")
	livefiletest.Replace(tb, path, text)
	return path
}

func open(tb testing.TB, path string, o token.Options) *token.Store {
	tb.Helper()
	s, err := token.Open(path, o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func sum(text string) [32]byte { return sha256.Sum256([]byte(text)) }
