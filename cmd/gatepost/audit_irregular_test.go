//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A pipe among the log's files hangs no command that reads them.
func TestPipeInLog(t *testing.T) {
	for _, command := range []string{"query", "export --format jsonl", "findings", "tail", "verify"} {
		t.Run(command, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(sampleDir)); err != nil {
				t.Fatal(err)
			}
			pipe := filepath.Join(dir, "segment-00000000000000000007.jsonl")
			if command == "verify" {
				pipe = filepath.Join(dir, "ledger", "key.pub")
				if err := os.Mkdir(filepath.Dir(pipe), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.RemoveAll(pipe); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			done := make(chan bool)
			go func() {
				defer close(done)
				_, stderr, code := gatepost(t, nil, append([]string{"audit"}, append(strings.Fields(command), "-d", dir)...)...)
				if code != exitUsage || !strings.Contains(stderr, pipe+" is not a regular file") {
					t.Errorf("exit status %d, %s", code, stderr)
				}
			}()
			select {
			case <-done:
			case <-time.After(10 * time.Second):
				t.Fatal("hangs")
			}
		})
	}
}
