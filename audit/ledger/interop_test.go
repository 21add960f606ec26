package ledger_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"filippo.io/torchwood"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// readWithOthers reads a log over HTTP with code that is not ours: checkpoint, tiles
// and entry bundles with torchwood, the tree with transparency-dev's merkle. It
// returns the tree that was signed.
func readWithOthers(ctx context.Context, base, key string) (torchwood.Checkpoint, error) {
	var none torchwood.Checkpoint
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return none, err
	}
	fetcher, err := torchwood.NewTileFetcher(base)
	if err != nil {
		return none, err
	}
	signed, err := fetcher.ReadEndpoint(ctx, "checkpoint")
	if err != nil {
		return none, err
	}
	checkpoint, err := openWithOthers(signed, verifier)
	if err != nil {
		return none, err
	}
	client, err := torchwood.NewClient(fetcher)
	if err != nil {
		return none, err
	}
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for next := int64(0); next < checkpoint.N; {
		from := next
		for i, entry := range client.Entries(ctx, checkpoint.Tree, from) { // it leaves the partial tile for another time
			if e, err := audit.ParseLine(entry); i != next || err != nil || e.Index != uint64(i) {
				return none, fmt.Errorf("entry %d after %d is %q: %w", i, next, entry, err)
			}
			if err := tree.Append(rfc6962.DefaultHasher.HashLeaf(entry), nil); err != nil {
				return none, err
			}
			next++
		}
		if err := client.Err(); err != nil {
			return none, err
		}
		if next == from {
			return none, fmt.Errorf("no entry after %d", next)
		}
	}
	if root, err := tree.GetRootHash(nil); err != nil || !bytes.Equal(root, checkpoint.Hash[:]) {
		return none, fmt.Errorf("the entries have the root %x, signed is %x: %w", root, checkpoint.Hash, err)
	}
	return checkpoint, nil
}

func openWithOthers(signed []byte, v note.Verifier) (torchwood.Checkpoint, error) {
	opened, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return torchwood.Checkpoint{}, err
	}
	checkpoint, err := torchwood.ParseCheckpoint(opened.Text)
	if err == nil && checkpoint.Origin != v.Name() {
		err = fmt.Errorf("checkpoint of %q", checkpoint.Origin)
	}
	return checkpoint, err
}

// checkWithOthers checks a C2SP tlog-proof, read by the letter of the specification.
func checkWithOthers(text []byte, key string) (entry []byte, err error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return nil, err
	}
	head, signed, ok := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "extra ") || !strings.HasPrefix(lines[2], "index ") {
		return nil, errors.New("no proof with extra data")
	}
	if entry, err = base64.StdEncoding.DecodeString(lines[1][len("extra "):]); err != nil {
		return nil, err
	}
	index, err := strconv.ParseUint(lines[2][len("index "):], 10, 64)
	if err != nil {
		return nil, err
	}
	var hashes [][]byte
	for _, line := range lines[3:] {
		h, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, h)
	}
	checkpoint, err := openWithOthers(signed, verifier)
	if err != nil {
		return nil, err
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(entry)
	return entry, proof.VerifyInclusion(rfc6962.DefaultHasher, index, uint64(checkpoint.N), leaf, hashes, checkpoint.Hash[:])
}

// TestReadByOthers: what we write is what others read, and they notice what was
// changed.
func TestReadByOthers(t *testing.T) {
	const size = 66_000 // tiles on three levels, whole and partial
	all := smallLines(size)
	l := open(t, ledger.Config{FS: newMemFS(), Source: newMemSource(all)})
	defer l.Close(background())
	mustStep(t, l)
	var change func(path string, body []byte) // what the network does
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kept := httptest.NewRecorder()
		l.Handler().ServeHTTP(kept, r)
		body, err := io.ReadAll(kept.Body)
		if err != nil {
			t.Error(err)
		}
		if change != nil {
			change(r.URL.Path, body)
		}
		w.WriteHeader(kept.Code)
		_, _ = w.Write(body)
	}))
	defer server.Close()
	var asked sync.Map
	change = func(path string, _ []byte) { asked.Store(path, true) }
	checkpoint, err := readWithOthers(t.Context(), server.URL+"/", l.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	if ours, _ := l.Checkpoint(); checkpoint.N != size || checkpoint.Origin != origin || checkpoint.Hash != ours.Root {
		t.Errorf("others read %+v, we signed %+v", checkpoint, ours)
	}
	for _, path := range []string{"/checkpoint", "/tile/0/000", "/tile/1/000", "/tile/1/001.p/1", "/tile/2/000.p/1", "/tile/entries/000", "/tile/entries/257.p/208"} {
		if _, ok := asked.Load(path); !ok {
			t.Errorf("%s was not asked for: nothing is known about it", path)
			continue
		}
		change = func(asked string, body []byte) {
			if asked == path {
				body[len(body)/2] ^= 1
			}
		}
		if _, err := readWithOthers(t.Context(), server.URL+"/", l.VerifierKey()); err == nil {
			t.Errorf("%s was changed, and nobody noticed", path)
		}
	}
	change = nil

	for _, index := range []uint64{0, 255, 256, 40_000, size - 1} {
		p, err := l.Prove(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		entry, err := checkWithOthers(p, l.VerifierKey())
		if err != nil || !bytes.Equal(entry, all[index]) {
			t.Errorf("proof of %d: %q, %v", index, entry, err)
		}
		wrong := bytes.Replace(p, fmt.Appendf(nil, "\nindex %d\n", index), fmt.Appendf(nil, "\nindex %d\n", (index+1)%size), 1)
		if _, err := checkWithOthers(wrong, l.VerifierKey()); err == nil {
			t.Errorf("proof of %d holds for the next entry too", index)
		}
		lied := bytes.Replace(p, []byte(base64.StdEncoding.EncodeToString(all[index])), []byte(base64.StdEncoding.EncodeToString(all[(index+1)%size])), 1)
		if _, err := checkWithOthers(lied, l.VerifierKey()); err == nil {
			t.Errorf("proof of %d holds for another entry", index)
		}
	}
}
