// Package livefiletest is for tests of what follows and edits small files: it
// writes files as people do, and keeps what was logged about them.
//
// A [Log] may be used concurrently; the functions belong to their test.
package livefiletest

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Write puts a text into a file, the one that is there if there is one.
func Write(tb testing.TB, path, text string, mode os.FileMode) {
	tb.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		tb.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		tb.Fatal(err)
	}
}

// Replace puts a file with mode 0600 in the place of another, as a careful editor
// does.
func Replace(tb testing.TB, path, text string) {
	tb.Helper()
	Write(tb, path+".new", text, 0o600)
	if err := os.Rename(path+".new", path); err != nil {
		tb.Fatal(err)
	}
}

// Read is the text of a file.
func Read(tb testing.TB, path string) string {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// Litter is what is in the directory of a file beside it and its lock.
func Litter(tb testing.TB, path string) (names []string) {
	tb.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(path) && e.Name() != filepath.Base(path)+".lock" {
			names = append(names, e.Name())
		}
	}
	return names
}

// Log keeps what its logger was told.
type Log struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

// Logger writes to the log.
func (l *Log) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// Write is for the logger.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// Take returns the lines since the last Take, without their times.
func (l *Log) Take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for line := range strings.Lines(l.text.String()) {
		_, line, _ = strings.Cut(line, " ")
		lines = append(lines, strings.TrimSpace(line))
	}
	l.text.Reset()
	return lines
}
