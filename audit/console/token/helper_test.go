package token_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/console/token"
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

// write replaces the file as a careful editor does.
func write(tb testing.TB, path, text string) {
	tb.Helper()
	temp := path + ".new"
	if err := os.WriteFile(temp, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Rename(temp, path); err != nil {
		tb.Fatal(err)
	}
}

func newFile(tb testing.TB, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "tokens.yaml")
	write(tb, path, text)
	return path
}

func read(tb testing.TB, path string) string {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func open(tb testing.TB, path string, o token.Options) *token.Store {
	tb.Helper()
	s, err := token.Open(path, o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// journal is a logger whose lines can be looked at.
type journal struct {
	mu    sync.Mutex // guards lines
	lines bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.Write(p)
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// take returns the lines since the last take, without their times.
func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	text := j.lines.String()
	j.lines.Reset()
	var lines []string
	for line := range strings.Lines(text) {
		_, line, _ = strings.Cut(line, " ")
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

func sum(text string) [32]byte { return sha256.Sum256([]byte(text)) }
