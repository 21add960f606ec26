package ledger_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(mustRead(t, file)), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// goldenKey is a key of the tests, whose signatures are always the same.
const goldenKey = "PRIVATE+KEY+gatepost/test+97e2fdc8+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

// The texts that users keep do not change by accident.
func TestGolden(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "ledger"), 0o700); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(dir, "ledger", "key"), []byte(goldenKey+"\n"))
	all := lines(300, "")
	l := open(t, ledger.Config{Dir: dir, Source: newMemSource(all)})
	defer l.Close(background())
	_, empty := l.Checkpoint()
	mustStep(t, l)
	_, checkpoint := l.Checkpoint()
	proof, err := l.Prove(t.Context(), 42)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "key.pub", []byte(l.VerifierKey()+"\n"))
	golden(t, "empty.checkpoint", empty)
	golden(t, "300.checkpoint", checkpoint)
	golden(t, "42-of-300.tlog-proof", proof)

	key := string(mustRead(t, filepath.Join("testdata", "key.pub")))
	r, err := ledger.CheckProof(mustRead(t, filepath.Join("testdata", "42-of-300.tlog-proof")), nil, key)
	if err != nil {
		t.Fatal(err)
	}
	if r.Index != 42 || r.Size != 300 || r.Origin != origin || r.Root != merkleRoot(all) || !bytes.Equal(r.Line, all[42]) {
		t.Errorf("receipt is %+v", r)
	}
	if diff := cmp.Diff(*event(42, ""), r.Event, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".V" }, cmp.Ignore())); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

// Each entry of logs around the boundaries of tiles can be proved, and the proof
// is that of its entry alone.
func TestProveEach(t *testing.T) {
	for _, size := range []int{1, 2, 3, 255, 256, 257, 513} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			all := lines(size, "")
			l := open(t, ledger.Config{FS: newMemFS(), Source: newMemSource(all)})
			defer l.Close(background())
			mustStep(t, l)
			for i := range size {
				text, err := l.Prove(t.Context(), uint64(i))
				if err != nil {
					t.Fatal(err)
				}
				r, err := ledger.CheckProof(text, nil, l.VerifierKey())
				if err != nil {
					t.Fatalf("entry %d: %v", i, err)
				}
				if r.Index != uint64(i) || !bytes.Equal(r.Line, all[i]) || r.Event.Index != uint64(i) {
					t.Fatalf("proof of entry %d is of %+v", i, r)
				}
				if _, err := ledger.CheckProof(text, all[i], l.VerifierKey()); err != nil {
					t.Errorf("entry %d with its line: %v", i, err)
				}
				if _, err := ledger.CheckProof(text, line(uint64(i), "x"), l.VerifierKey()); err == nil {
					t.Errorf("entry %d is proved with another line", i)
				}
			}
		})
	}
}

// A proof is worth what it was for ever: while the tree grows, after a restart,
// after the line itself was pruned.
func TestProofLasts(t *testing.T) {
	dir := t.TempDir()
	all := lines(2000, "")
	src := newMemSource(all[:1])
	l := open(t, ledger.Config{Dir: dir, Source: src})
	key := l.VerifierKey()
	var proofs [][]byte
	for size := 1; size <= 2000; size += 333 {
		src.grow(all[src.Size():size]...)
		mustStep(t, l)
		text, err := l.Prove(t.Context(), uint64(size-1))
		if err != nil {
			t.Fatal(err)
		}
		proofs = append(proofs, text)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	pruned := newMemSource(all)
	pruned.first = 1000
	again := open(t, ledger.Config{Dir: dir, Source: pruned})
	defer again.Close(background())
	mustStep(t, again)
	for i, text := range proofs {
		if _, err := ledger.CheckProof(text, nil, key); err != nil {
			t.Errorf("proof %d: %v", i, err)
		}
	}
	// A pruned entry can still be proved, if its line was kept elsewhere.
	text, err := again.Prove(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.CheckProof(text, nil, key); err == nil {
		t.Error("a proof without its entry is taken alone")
	}
	if r, err := ledger.CheckProof(text, all[10], key); err != nil || r.Index != 10 {
		t.Errorf("proof of a pruned entry with its line: %+v, %v", r, err)
	}
	if _, err := ledger.CheckProof(text, all[11], key); err == nil {
		t.Error("proof of a pruned entry is taken with another line")
	}
}

func TestProveWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newMemSource(lines(3, ""))
		l := open(t, ledger.Config{FS: newMemFS(), Source: src, Interval: 5 * time.Second})
		go l.Run(t.Context())
		began := time.Now()
		if _, err := l.Prove(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("proof took %v", took)
		}
		if _, err := l.Prove(t.Context(), 3); notCovered(err) == nil {
			t.Errorf("proof of an entry that is not there: %v", err)
		}
		src.grow(line(3, ""))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Prove(ctx, 3); notCovered(err) == nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("proof that is not waited for: %v", err)
		}
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		src.grow(line(4, ""))
		if _, err := l.Prove(t.Context(), 4); notCovered(err) == nil {
			t.Errorf("proof after closing: %v", err)
		}
	})
}

func notCovered(err error) *ledger.NotCoveredError {
	e, _ := errors.AsType[*ledger.NotCoveredError](err)
	return e
}

func TestProveDir(t *testing.T) {
	dir := t.TempDir()
	all := lines(600, "")
	key := makeLog(t, dir, all, 100)
	text, err := ledger.ProveDir(dir, 321)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := ledger.CheckProof(text, nil, key); err != nil || !bytes.Equal(r.Line, all[321]) {
		t.Errorf("receipt is %+v, %v", r, err)
	}
	if _, err := ledger.ProveDir(dir, 600); notCovered(err) == nil {
		t.Errorf("proof past the end: %v", err)
	}
	if _, err := ledger.ProveDir(t.TempDir(), 0); err == nil {
		t.Error("proof from an empty directory")
	}
	// A changed line is not proved to be what was signed.
	name := filepath.Join(dir, segmentName(300))
	mustWrite(t, name, bytes.Replace(mustRead(t, name), []byte("installer"), []byte("Installer"), 100))
	if _, err := ledger.ProveDir(dir, 321); err == nil {
		t.Error("a changed line is proved")
	}
	mustRemove(t, name)
	if text, err = ledger.ProveDir(dir, 321); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.CheckProof(text, all[321], key); err != nil {
		t.Errorf("proof of a line that is gone: %v", err)
	}
}

// No byte of a proof can be changed.
func TestCheckProofEveryBit(t *testing.T) {
	text := mustRead(t, filepath.Join("testdata", "42-of-300.tlog-proof"))
	key := string(mustRead(t, filepath.Join("testdata", "key.pub")))
	for i := range text {
		for bit := range 8 {
			changed := bytes.Clone(text)
			changed[i] ^= 1 << bit
			if _, err := ledger.CheckProof(changed, nil, key); err == nil {
				t.Fatalf("bit %d of byte %d does not matter", bit, i)
			}
		}
	}
}

func TestCheckProofRefused(t *testing.T) {
	text := string(mustRead(t, filepath.Join("testdata", "42-of-300.tlog-proof")))
	key := string(mustRead(t, filepath.Join("testdata", "key.pub")))
	_, otherKey := signer(t, origin, "b")
	cut := func(from, to string) string {
		i := strings.Index(text, from)
		j := i + strings.Index(text[i:], to)
		return text[:i] + text[j:]
	}
	hash := tlog.Hash{}.String() + "\n"
	p, err := ledger.ParseProof([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(p.Text()); got != text {
		t.Errorf("proof is written as %q", got)
	}
	first, second := p.Hashes[0].String()+"\n", p.Hashes[1].String()+"\n"
	notEvent := func() string {
		// A tree of one leaf that is no event.
		ours, key := signer(t, origin, "e")
		_ = key
		leaf := []byte("hello")
		c := ledger.Checkpoint{Origin: origin, Size: 1, Root: tlog.RecordHash(leaf)}
		p := ledger.Proof{Line: leaf, Checkpoint: sign(t, c.Text(), ours)}
		return string(p.Text())
	}
	_, notEventKey := signer(t, origin, "e")
	otherIndex := func() string {
		ours, _ := signer(t, origin, "e")
		leaf := line(7, "")
		c := ledger.Checkpoint{Origin: origin, Size: 1, Root: tlog.RecordHash(leaf)}
		p := ledger.Proof{Line: leaf, Checkpoint: sign(t, c.Text(), ours)}
		return string(p.Text())
	}
	tests := []struct {
		name string
		text string
		key  string
	}{
		{"another key", text, otherKey},
		{"no key", text, ""},
		{"empty", "", key},
		{"another format", strings.Replace(text, "@v1", "@v2", 1), key},
		{"no index", cut("index", p.Hashes[0].String()), key},
		{"index before extra", strings.Replace(cut("extra", "index"), "index 42\n", "index 42\nextra aGVsbG8=\n", 1), key},
		{"another index", strings.Replace(text, "index 42", "index 43", 1), key},
		{"index with a zero", strings.Replace(text, "index 42", "index 042", 1), key},
		{"negative index", strings.Replace(text, "index 42", "index -42", 1), key},
		{"index past the tree", strings.Replace(text, "index 42", "index 300", 1), key},
		{"index past all trees", strings.Replace(text, "index 42", "index 18446744073709551615", 1), key},
		{"no entry", cut("extra", "index"), key},
		{"empty entry", strings.Replace(cut("extra", "index"), "index", "extra \nindex", 1), key},
		{"extra not base64", strings.Replace(text, "extra ", "extra !", 1), key},
		{"a hash less", strings.Replace(text, first, "", 1), key},
		{"a hash more", strings.Replace(text, first, first+hash, 1), key},
		{"hashes swapped", strings.Replace(text, first+second, second+first, 1), key},
		{"too many hashes", strings.Replace(text, first, strings.Repeat(hash, 64), 1), key},
		{"carriage returns", strings.ReplaceAll(text, "\n", "\r\n"), key},
		{"no checkpoint", text[:strings.Index(text, "\n\n")+2], key},
		{"no empty line", strings.Replace(text, "\n\n", "\n", 1), key},
		{"space behind", text + " ", key},
		{"newline behind", text + "\n", key},
		{"too long", text + strings.Repeat("— w x\n", ledger.MaxProofBytes/8), key},
		{"entry is no event", notEvent(), notEventKey},
		{"entry is another's", otherIndex(), notEventKey},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if r, err := ledger.CheckProof([]byte(tt.text), nil, tt.key); err == nil {
				t.Errorf("proves %+v", r)
			}
		})
	}
	if _, err := ledger.CheckProof([]byte(text), nil, "nonsense"); !isKeyError(err) {
		t.Errorf("a key that is none: %v", err)
	}
}

func isKeyError(err error) bool {
	_, ok := errors.AsType[*ledger.KeyError](err)
	return ok
}

func FuzzProof(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "42-of-300.tlog-proof"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("c2sp.org/tlog-proof@v1\nindex 0\n\nx\n"))
	f.Add([]byte("c2sp.org/tlog-proof@v1\nextra " + base64.StdEncoding.EncodeToString([]byte("x")) + "\nindex 0\n\n"))
	key, err := os.ReadFile(filepath.Join("testdata", "key.pub"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ledger.ParseProof(data)
		if err != nil {
			return
		}
		if got := p.Text(); !bytes.Equal(got, data) {
			t.Errorf("%q is written as %q", data, got)
		}
		if _, err := ledger.CheckProof(data, nil, string(key)); err == nil && !bytes.Equal(data, text) {
			t.Errorf("%q proves something", data)
		}
	})
}
