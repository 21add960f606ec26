package ledger_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
)

func get(t testing.TB, h http.Handler, method, path string) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Result()
}

func body(t testing.TB, r *http.Response) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := b.ReadFrom(r.Body); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestHandler(t *testing.T) {
	const size = 70000 // the example of C2SP tlog-tiles
	all := shortLines(size)
	src := newMemSource(all)
	l := open(t, ledger.Config{FS: newMemFS(), Source: src})
	defer l.Close(background())
	mustStep(t, l)
	src.grow(fmt.Appendf(nil, `{"v":1,"index":%d,}`, size)) // not covered
	_, checkpoint := l.Checkpoint()
	h := l.Handler()

	const immutable = "max-age=31536000, immutable"
	tests := []struct {
		path   string
		length int // -1: not found
		cache  string
	}{
		{"/tile/0/000", 8192, "public, " + immutable},
		{"/tile/0/272", 8192, "public, " + immutable},
		{"/tile/0/272.p/255", 255 * 32, "public, " + immutable},
		{"/tile/0/273.p/112", 112 * 32, "public, " + immutable},
		{"/tile/0/273.p/111", 111 * 32, "public, " + immutable},
		{"/tile/0/273.p/1", 32, "public, " + immutable},
		{"/tile/1/000", 8192, "public, " + immutable},
		{"/tile/1/001.p/17", 17 * 32, "public, " + immutable},
		{"/tile/2/000.p/1", 32, "public, " + immutable},
		{"/tile/entries/000", -2, "private, " + immutable},
		{"/tile/entries/273.p/112", -2, "private, " + immutable},
		{"/tile/entries/000.p/3", -2, "private, " + immutable},

		{"/tile/0/273", -1, ""},
		{"/tile/0/273.p/113", -1, ""},
		{"/tile/0/274.p/1", -1, ""},
		{"/tile/0/x000/000", -1, ""},
		{"/tile/1/001", -1, ""},
		{"/tile/1/001.p/18", -1, ""},
		{"/tile/2/000.p/2", -1, ""},
		{"/tile/2/000", -1, ""},
		{"/tile/3/000.p/1", -1, ""},
		{"/tile/63/000.p/1", -1, ""},
		{"/tile/entries/273", -1, ""},
		{"/tile/entries/273.p/113", -1, ""},
		{"/tile/entries/274.p/1", -1, ""},
		{"/tile/0/00%30", -1, ""},
		{"/tile%2F0/000", -1, ""},
		{"/tile/0/000/", -1, ""},
		{"/tile/0/000.p/256", -1, ""},
		{"/tile/0/000.p/0", -1, ""},
		{"/tile/0/0", -1, ""},
		{"/tile/data/000", -1, ""},
		{"/tile/8/0/000", -1, ""},
		{"/tile/0/../../checkpoint", -1, ""},
		{"/checkpoint/", -1, ""},
		{"//checkpoint", -1, ""},
		{"/key", -1, ""},
		{"/", -1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			r := get(t, h, "GET", tt.path)
			data := body(t, r)
			if tt.length == -1 {
				if r.StatusCode != 404 || r.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("status %d, %v", r.StatusCode, r.Header)
				}
				return
			}
			if r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/octet-stream" || r.Header.Get("Cache-Control") != tt.cache {
				t.Fatalf("status %d, %v", r.StatusCode, r.Header)
			}
			tile, err := ledger.ParseTilePath(tt.path[1:])
			if err != nil {
				t.Fatal(err)
			}
			if tile.L == -1 {
				checkBundle(t, data, all[tile.N*256:tile.N*256+int64(tile.W)])
			} else if len(data) != tt.length {
				t.Errorf("%d bytes, want %d", len(data), tt.length)
			} else if leaf := tlog.RecordHash(all[min(tile.N<<8, size-1)]); tile.L == 0 && !bytes.Equal(data[:32], leaf[:]) {
				t.Error("another leaf")
			}
			head := get(t, h, "HEAD", tt.path)
			if head.StatusCode != 200 || head.Header.Get("Content-Length") != fmt.Sprint(len(data)) || len(body(t, head)) != 0 {
				t.Errorf("HEAD: %d, %v", head.StatusCode, head.Header)
			}
		})
	}

	r := get(t, h, "GET", "/checkpoint")
	if got := body(t, r); r.StatusCode != 200 || !bytes.Equal(got, checkpoint) ||
		r.Header.Get("Content-Type") != "text/plain; charset=utf-8" || r.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("checkpoint: %d, %v, %q", r.StatusCode, r.Header, got)
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if r := get(t, h, method, "/checkpoint"); r.StatusCode != 405 || r.Header.Get("Allow") == "" {
			t.Errorf("%s: %d, %v", method, r.StatusCode, r.Header)
		}
	}
}

func checkBundle(t *testing.T, data []byte, want [][]byte) {
	t.Helper()
	for i, line := range want {
		if len(data) < 2 {
			t.Fatalf("bundle ends before entry %d", i)
		}
		n := int(binary.BigEndian.Uint16(data))
		if !bytes.Equal(data[2:2+n], line) {
			t.Fatalf("entry %d is %q, want %q", i, data[2:2+n], line)
		}
		data = data[2+n:]
	}
	if len(data) > 0 {
		t.Errorf("%d bytes behind the bundle", len(data))
	}
}

// What is damaged is not given to caches that keep it for a year.
func TestHandlerDamage(t *testing.T) {
	dir := t.TempDir()
	all := lines(600, "")
	src := newMemSource(all)
	l := open(t, ledger.Config{Dir: dir, Source: src})
	defer l.Close(background())
	mustStep(t, l)
	h := l.Handler()

	flip(t, filepath.Join(dir, "ledger", "tile", "0", "000"), 77)
	for _, path := range []string{"/tile/0/000", "/tile/0/000.p/1", "/tile/entries/000"} {
		if r := get(t, h, "GET", path); r.StatusCode != 500 || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d, %v", path, r.StatusCode, r.Header)
		}
	}
	mustStep(t, l)
	if r := get(t, h, "GET", "/tile/0/000"); r.StatusCode != 200 {
		t.Errorf("after the repair: %d", r.StatusCode)
	}

	src.mu.Lock()
	src.lines = append([][]byte{}, all...)
	src.lines[300] = line(300, "x")
	src.mu.Unlock()
	if r := get(t, h, "GET", "/tile/entries/001"); r.StatusCode != 500 {
		t.Errorf("bundle with a changed entry: %d", r.StatusCode)
	}
	src.mu.Lock()
	src.first = 10
	src.mu.Unlock()
	if r := get(t, h, "GET", "/tile/entries/000"); r.StatusCode != 404 {
		t.Errorf("pruned bundle: %d", r.StatusCode)
	}
	if r := get(t, h, "GET", "/tile/0/000"); r.StatusCode != 200 {
		t.Errorf("tile of a pruned bundle: %d", r.StatusCode)
	}
}

func TestHandlerEmptyLog(t *testing.T) {
	l := open(t, ledger.Config{FS: newMemFS(), Source: newMemSource(nil)})
	defer l.Close(background())
	if r := get(t, l.Handler(), "GET", "/checkpoint"); r.StatusCode != 200 || !strings.HasPrefix(string(body(t, r)), origin+"\n0\n") {
		t.Errorf("checkpoint: %d", r.StatusCode)
	}
	for _, path := range []string{"/tile/0/000", "/tile/0/000.p/1", "/tile/entries/000.p/1"} {
		if r := get(t, l.Handler(), "GET", path); r.StatusCode != 404 {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

// Readers meet no gap while the log grows under them and tiles are superseded.
func TestReadersBesideWriter(t *testing.T) {
	src := newMemSource(nil)
	l := open(t, ledger.Config{FS: newMemFS(), Source: src})
	defer l.Close(background())
	all := smallLines(700)
	src.grow(all[0])
	mustStep(t, l)
	h := l.Handler()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for size := 2; size <= len(all); size += 3 {
			src.grow(all[src.Size():size]...)
			if err := l.Step(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		c, _ := l.Checkpoint()
		text, err := l.Prove(t.Context(), c.Size/2)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.CheckProof(text, nil, l.VerifierKey()); err != nil {
			t.Fatal(err)
		}
		for _, tile := range ledger.EdgeTiles(int64(c.Size)) {
			if r := get(t, h, "GET", "/"+ledger.TilePath(tile)); r.StatusCode != 200 {
				t.Fatalf("%s of a checkpoint of %d entries: %d", ledger.TilePath(tile), c.Size, r.StatusCode)
			}
		}
	}
}

// httpTiles reads tiles as any client of a tiled log does.
type httpTiles struct {
	t testing.TB
	h http.Handler
}

func (httpTiles) Height() int                     { return 8 }
func (httpTiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (c httpTiles) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		r := get(c.t, c.h, "GET", "/"+ledger.TilePath(tile))
		if r.StatusCode != 200 {
			return nil, fmt.Errorf("%s: %d", ledger.TilePath(tile), r.StatusCode)
		}
		data = append(data, body(c.t, r))
	}
	return data, nil
}

// A client that knows nothing but the format proves consistency and inclusion
// for itself.
func TestClient(t *testing.T) {
	all := lines(1500, "")
	src := newMemSource(all[:700])
	l := open(t, ledger.Config{FS: newMemFS(), Source: src})
	defer l.Close(background())
	mustStep(t, l)
	old, _ := l.Checkpoint()
	src.grow(all[700:]...)
	mustStep(t, l)
	note := body(t, get(t, l.Handler(), "GET", "/checkpoint"))
	c, err := ledger.OpenCheckpoint(note, l.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	size := int64(c.Size)
	hashes := tlog.TileHashReader(tlog.Tree{N: size, Hash: c.Root}, httpTiles{t, l.Handler()})
	consistency, err := tlog.ProveTree(size, int64(old.Size), hashes)
	if err != nil {
		t.Fatal(err)
	}
	if err := tlog.CheckTree(consistency, size, c.Root, int64(old.Size), old.Root); err != nil {
		t.Error(err)
	}
	for i := int64(0); i < size; i += 97 {
		inclusion, err := tlog.ProveRecord(size, i, hashes)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckRecord(inclusion, size, c.Root, i, tlog.RecordHash(all[i])); err != nil {
			t.Error(err)
		}
		text, err := l.Prove(t.Context(), uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		p, err := ledger.ParseProof(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(inclusion, p.Hashes); diff != "" {
			t.Errorf("proof of entry %d (-client +ledger):\n%s", i, diff)
		}
	}
}
