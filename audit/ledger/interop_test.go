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
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// readWithOthers has tessera's fsck check a log over HTTP: the checkpoint's
// signature, the entry bundles, the tree that they make, and each of its tiles.
func readWithOthers(ctx context.Context, base *url.URL, key string) error {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return err
	}
	fetcher, err := client.NewHTTPFetcher(base, nil)
	if err != nil {
		return err
	}
	hashes := func(bundle []byte) (hashes [][]byte, err error) {
		var b api.EntryBundle
		if err := b.UnmarshalText(bundle); err != nil {
			return nil, err
		}
		for _, entry := range b.Entries {
			hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
		}
		return hashes, nil
	}
	return fsck.New(verifier.Name(), verifier, fetcher, hashes, fsck.Opts{N: fsckWorkers}).Check(ctx)
}

// A worker of fsck's that has found a fault leaves, and without any it would wait
// for ever.
const fsckWorkers = 1000

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
	checkpoint, _, _, err := log.ParseCheckpoint(signed, verifier.Name(), verifier)
	if err != nil {
		return nil, err
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(entry)
	return entry, proof.VerifyInclusion(rfc6962.DefaultHasher, index, checkpoint.Size, leaf, hashes, checkpoint.Hash)
}

// TestReadByOthers: what we write is what others read, and they notice what was
// changed.
func TestReadByOthers(t *testing.T) {
	const size = 66_000 // tiles on three levels, whole and partial
	all := smallLines(size)
	l := open(t, ledger.Config{FS: newMemFS(), Source: newMemSource(all)})
	defer l.Close(background())
	mustStep(t, l)
	var change atomic.Pointer[func(path string, body []byte)] // what the network does
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kept := httptest.NewRecorder()
		l.Handler().ServeHTTP(kept, r)
		body, err := io.ReadAll(kept.Body)
		if err != nil {
			t.Error(err)
		}
		if f := change.Load(); f != nil {
			(*f)(r.URL.Path, body)
		}
		w.WriteHeader(kept.Code)
		_, _ = w.Write(body)
	}))
	defer server.Close()
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var asked sync.Map
	change.Store(new(func(path string, _ []byte) { asked.Store(path, true) }))
	if err := readWithOthers(t.Context(), base, l.VerifierKey()); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/checkpoint", "/tile/0/000", "/tile/1/000", "/tile/1/001.p/1", "/tile/2/000.p/1", "/tile/entries/000", "/tile/entries/257.p/208"} {
		if _, ok := asked.Load(path); !ok {
			t.Errorf("%s was not asked for: nothing is known about it", path)
			continue
		}
		change.Store(new(func(asked string, body []byte) {
			if asked == path {
				body[len(body)/2] ^= 1
			}
		}))
		if err := readWithOthers(t.Context(), base, l.VerifierKey()); err == nil {
			t.Errorf("%s was changed, and nobody noticed", path)
		}
	}
	change.Store(nil)

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
