package seekable_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/gatepost-proxy/gatepost/audit/journal/seekable"
)

// pack compresses content in frames of the given sizes; the number of a frame is
// ten times its position.
func pack(t testing.TB, content []byte, sizes ...int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := seekable.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range sizes {
		if err := w.Frame(uint64(10*i), content[:n]); err != nil {
			t.Fatal(err)
		}
		content = content[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(t testing.TB, file []byte) *seekable.Reader {
	t.Helper()
	r, err := seekable.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// text compresses well, and noise not at all.
func text(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, `{"v":1,"index":%d}`+"\n", i)
	}
	return b.Bytes()[:n]
}

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func TestReadAt(t *testing.T) {
	tests := []struct {
		name    string
		content []byte
		sizes   []int
	}{
		{"empty", nil, nil},
		{"one byte", text(1), []int{1}},
		{"full frames", text(3 * seekable.FrameBytes), []int{seekable.FrameBytes, seekable.FrameBytes, seekable.FrameBytes}},
		{"frames of all sizes", text(100_000), []int{1, 99, 50_000, 2, 49_898}},
		{"what does not compress", noise(seekable.FrameBytes + 7), []int{seekable.FrameBytes, 7}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := pack(t, tt.content, tt.sizes...)
			r := open(t, file)
			if r.Size() != int64(len(tt.content)) {
				t.Fatalf("size %d, want %d", r.Size(), len(tt.content))
			}
			want := bytes.NewReader(tt.content)
			random := rand.New(rand.NewPCG(1, 1))
			for range 300 {
				offset := random.Int64N(int64(len(tt.content)) + 3)
				size := random.IntN(min(len(tt.content)+3, 1+random.IntN(300_000)))
				got, expected := make([]byte, size), make([]byte, size)
				n, err := r.ReadAt(got, offset)
				m, wantErr := want.ReadAt(expected, offset)
				if size == 0 {
					continue // bytes.Reader says EOF there
				}
				if n != m || !errors.Is(err, wantErr) || !bytes.Equal(got[:n], expected[:m]) {
					t.Fatalf("%d bytes at %d: %d, %v, want %d, %v", size, offset, n, err, m, wantErr)
				}
			}
			// Anybody's decoder takes the file for an ordinary one.
			plain, err := zstd.NewReader(bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			defer plain.Close()
			if all, err := io.ReadAll(plain); err != nil || !bytes.Equal(all, tt.content) {
				t.Errorf("read as zstd: %d bytes, %v", len(all), err)
			}
		})
	}
}

func TestSeek(t *testing.T) {
	r := open(t, pack(t, text(60), 10, 20, 30))
	for _, tt := range []struct {
		number uint64
		offset int64
		first  uint64
	}{{0, 0, 0}, {9, 0, 0}, {10, 10, 10}, {19, 10, 10}, {20, 30, 20}, {1000, 30, 20}} {
		if offset, first := r.Seek(tt.number); offset != tt.offset || first != tt.first {
			t.Errorf("seek %d: frame %d at %d, want %d at %d", tt.number, first, offset, tt.first, tt.offset)
		}
	}
}

// The command of the format's authors reads a file.
func TestCommand(t *testing.T) {
	zstd, err := exec.LookPath("zstd")
	switch {
	case err == nil:
	case os.Getenv("GATEPOST_TEST_REQUIRE") == "all":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
	content := text(600_000)
	path := filepath.Join(t.TempDir(), "x.zst")
	if err := os.WriteFile(path, pack(t, content, 200_000, 200_000, 200_000), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := exec.CommandContext(t.Context(), zstd, "-dc", path).Output()
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// No byte can change without an error, and what the error does not concern can
// be read.
func TestEveryByteCounts(t *testing.T) {
	content := text(3000)
	sizes := []int{1000, 1000, 1000}
	file := pack(t, content, sizes...)
	for i := range file {
		for _, mask := range []byte{0x01, 0x80, 0xff} {
			changed := bytes.Clone(file)
			changed[i] ^= mask
			r, err := seekable.NewReader(bytes.NewReader(changed), int64(len(changed)))
			if err != nil {
				if _, ok := errors.AsType[*seekable.FormatError](err); !ok {
					t.Fatalf("byte %d: %v", i, err)
				}
				continue
			}
			bad := 0
			for f, size := range sizes {
				got := make([]byte, size)
				_, err := r.ReadAt(got, int64(1000*f))
				if damage, ok := errors.AsType[*seekable.FrameError](err); ok {
					if bad++; damage.Number != uint64(10*f) || damage.Offset != int64(1000*f) || damage.Size != size {
						t.Fatalf("byte %d: %+v", i, damage)
					}
				} else if err != nil || !bytes.Equal(got, content[1000*f:1000*(f+1)]) {
					t.Fatalf("byte %d: frame %d: %v", i, f, err)
				}
			}
			if bad != 1 {
				t.Fatalf("byte %d of %d changed by %#x: %d frames are damaged", i, len(file), mask, bad)
			}
			r.Close()
		}
	}
	for n := range file {
		if _, err := seekable.NewReader(bytes.NewReader(file[:n]), int64(n)); err == nil {
			t.Fatalf("a file cut to %d of %d bytes is taken for whole", n, len(file))
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	w, err := seekable.NewWriter(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if w.Frame(0, nil) == nil || w.Frame(0, make([]byte, seekable.FrameBytes+1)) == nil {
		t.Error("a frame of an impossible size is written")
	}
	if err := w.Frame(5, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if w.Frame(5, []byte("y")) == nil {
		t.Error("two frames have one number")
	}
	if w, err := seekable.NewWriter(shortWriter{}); err != nil || !errors.Is(w.Frame(0, []byte("x")), io.ErrShortWrite) {
		t.Error("a short write is not noticed")
	}
}

type shortWriter struct{}

func (shortWriter) Write(b []byte) (int, error) { return len(b) - 1, nil }

// Whatever a file holds, reading it ends, with bounded memory.
func FuzzReader(f *testing.F) {
	f.Add(pack(f, text(3000), 1000, 2000))
	f.Add(pack(f, nil))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := seekable.NewReader(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return
		}
		defer r.Close()
		n, err := io.Copy(io.Discard, io.NewSectionReader(r, 0, r.Size()))
		if err == nil && n != r.Size() {
			t.Errorf("%d bytes of %d without an error", n, r.Size())
		}
	})
}
