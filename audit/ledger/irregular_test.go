//go:build unix

package ledger_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// What stands in the place of one of the log's files and is no file hangs nobody,
// and is named.
func TestIrregularFile(t *testing.T) {
	verify := func(t *testing.T, dir string) error {
		_, err := ledger.Verify(t.Context(), ledger.VerifyOptions{Dir: dir})
		return err
	}
	open := func(t *testing.T, dir string) error {
		_, err := tryOpen(t, ledger.Config{Dir: dir, Source: newMemSource(lines(300, ""))})
		return err
	}
	for _, tt := range []struct {
		name string
		what func(t *testing.T, dir string) error
	}{
		{"ledger/checkpoint", verify},
		{"ledger/key.pub", verify},
		{"ledger/tile/0/000", verify},
		{segmentName(0), verify},
		{segmentName(9999), verify},
		{segmentName(9999) + ".zst", verify},
		{"ledger/checkpoint", open},
		{"ledger/key", open},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			makeLog(t, dir, lines(300, ""), 1000)
			path := filepath.Join(dir, filepath.FromSlash(tt.name))
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- tt.what(t, dir) }()
			select {
			case err := <-done:
				if err == nil || !strings.Contains(err.Error(), path+" is not a regular file") {
					t.Errorf("error %v", err)
				}
			case <-time.After(10 * time.Second):
				t.Error("hangs")
			}
		})
	}
}
