//go:build unix

package journal_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// What stands in a segment's place and is no file hangs nobody.
func TestIrregularSegment(t *testing.T) {
	for _, name := range []string{"segment-00000000000000000000.jsonl", "segment-00000000000000000000.jsonl.zst"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, name)
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			for what, open := range map[string]func() error{
				"ReadDir": func() error {
					for _, err := range journal.ReadDir(dir, 0) {
						return err
					}
					return nil
				},
				"ReadDirBackward": func() error {
					for _, err := range journal.ReadDirBackward(dir, 1<<40) {
						return err
					}
					return nil
				},
				"Open": func() error {
					_, err := journal.Open(t.Context(), journal.Config{Dir: dir, Origin: "gatepost/test"})
					return err
				},
			} {
				done := make(chan error, 1)
				go func() { done <- open() }()
				select {
				case err := <-done:
					if err == nil || !strings.Contains(err.Error(), path+" is not a regular file") {
						t.Errorf("%s: %v", what, err)
					}
				case <-time.After(10 * time.Second):
					t.Errorf("%s hangs", what)
				}
			}
		})
	}
}
