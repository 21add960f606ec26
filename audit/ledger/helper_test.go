package ledger_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
	"golang.org/x/mod/sumdb/tlog"
)

const origin = "gatepost/test"

var epoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// event returns a typical event. The salt makes other histories.
func event(i uint64, salt string) *audit.Event {
	return &audit.Event{
		Index: i, ID: fmt.Sprintf("01936f2a-0000-7000-8000-%012d", i), Kind: audit.KindOutcome,
		Time: epoch.Add(time.Duration(i) * time.Millisecond), Origin: origin,
		Principal: "installer-fra1" + salt, AccessKeyID: "GPK7Q2M4X6ZB3N5C8V1L", SourceIP: "10.1.2.3", SourcePort: 40123,
		UserAgent: "aws-cli/2.31.0 md/awscrt#0.27.6 ua/2.1 os/linux#6.1 lang/python#3.13 cmd/outposts.get-connection",
		Operation: "GetConnection", ReadOnly: true, Region: "us-west-2", ConnectionID: "a1b2c3+/d4==",
		Decision: audit.Allow, Cache: audit.CacheHit, Status: 200, ErrorClass: audit.ErrorClassNone,
		ResponseSHA256: strings.Repeat("ab", 32), ResponseBytes: 412, DurationUS: 183,
	}
}

func line(i uint64, salt string) []byte { return audit.AppendLine(nil, event(i, salt)) }

func lines(n int, salt string) [][]byte {
	list := make([][]byte, n)
	for i := range list {
		list[i] = line(uint64(i), salt)
	}
	return list
}

// smallLines are the smallest lines that are whole.
func smallLines(n int) [][]byte {
	list := make([][]byte, n)
	for i := range list {
		list[i] = smallLine(uint64(i), "a")
	}
	return list
}

func smallLine(i uint64, action string) []byte {
	return audit.AppendLine(nil, &audit.Event{Index: i, ID: "i", Kind: audit.KindSystem, Time: epoch, Origin: "o", Action: action})
}

// merkleRoot is MTH of RFC 6962, section 2.1, word for word.
func merkleRoot(leaves [][]byte) tlog.Hash {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	left, right := merkleRoot(leaves[:k]), merkleRoot(leaves[k:])
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

// memSource is a journal in memory.
type memSource struct {
	mu    sync.Mutex
	lines [][]byte
	first int // the entries before it are gone
	err   error
	grown chan struct{}
}

func newMemSource(lines [][]byte) *memSource {
	return &memSource{lines: lines, grown: make(chan struct{})}
}

func (s *memSource) grow(lines ...[]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines[:len(s.lines):len(s.lines)], lines...)
	close(s.grown)
	s.grown = make(chan struct{})
}

func (s *memSource) Size() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return uint64(len(s.lines))
}

func (s *memSource) Watch() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grown
}

func (s *memSource) Read(from uint64) iter.Seq2[journal.Line, error] {
	return func(yield func(journal.Line, error) bool) {
		s.mu.Lock()
		lines, first, err := s.lines, s.first, s.err
		s.mu.Unlock()
		if err != nil {
			yield(journal.Line{}, err)
			return
		}
		if from < uint64(first) {
			if !yield(journal.Line{}, &journal.MissingError{Range: journal.Range{First: from, Last: uint64(first) - 1}}) {
				return
			}
			from = uint64(first)
		}
		// The buffer is used again, as a real reader's is.
		var buf []byte
		for i := from; i < uint64(len(lines)); i++ {
			buf = append(buf[:0], lines[i]...)
			if !yield(journal.Line{Index: i, Bytes: buf}, nil) {
				return
			}
		}
	}
}

// dirSource is a directory with segments like a journal's.
type dirSource struct {
	dir  string
	size uint64
	memSource
}

func (s *dirSource) Size() uint64 { return s.size }
func (s *dirSource) Read(from uint64) iter.Seq2[journal.Line, error] {
	return journal.ReadDir(s.dir, from)
}

func segmentName(first int) string { return fmt.Sprintf("segment-%020d.jsonl", first) }

// writeSegments writes lines to segments of so many lines each.
func writeSegments(t testing.TB, dir string, lines [][]byte, each int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for first := 0; first < len(lines); first += each {
		end := min(first+each, len(lines))
		data := append(bytes.Join(lines[first:end], []byte("\n")), '\n')
		if err := os.WriteFile(filepath.Join(dir, segmentName(first)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// makeLog makes an audit directory with a signed log, and returns the key that
// verifies it.
func makeLog(t testing.TB, dir string, lines [][]byte, each int) (verifierKey string) {
	t.Helper()
	writeSegments(t, dir, lines, each)
	return follow(t, dir, uint64(len(lines)))
}

// follow brings the ledger of a directory to the given size.
func follow(t testing.TB, dir string, size uint64) (verifierKey string) {
	t.Helper()
	l := open(t, ledger.Config{Dir: dir, Source: &dirSource{dir: dir, size: size}})
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l.VerifierKey()
}

func open(t testing.TB, c ledger.Config) *ledger.Ledger {
	t.Helper()
	l, err := tryOpen(t, c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func tryOpen(t testing.TB, c ledger.Config) (*ledger.Ledger, error) {
	if c.Dir == "" {
		c.Dir = "audit"
	}
	if c.Origin == "" {
		c.Origin = origin
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	return ledger.Open(t.Context(), c)
}

func mustStep(t testing.TB, l *ledger.Ledger) {
	t.Helper()
	if err := l.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// copyDir copies a directory tree.
func copyDir(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	// CopyFS gives files the mode 0666 before umask.
	err := filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func background() context.Context { return context.Background() }
