package token

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// maxFile is room for a thousand tokens. The YAML parser's time grows with the
// square of the nesting, and its stack with it: more text could stop gatepost.
const maxFile = 128 << 10

// fingerprint tells one state of a file from another without reading it.
type fingerprint struct {
	device, inode uint64
	size          int64
	modified      time.Time
	mode          fs.FileMode
}

func fingerprintOf(info fs.FileInfo) fingerprint {
	f := fingerprint{size: info.Size(), modified: info.ModTime(), mode: info.Mode()}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		f.device, f.inode = uint64(s.Dev), s.Ino
	}
	return f
}

// settled says that a later change would show in the fingerprint: file systems
// keep times in steps, and two changes in one step look like one.
func (f *fingerprint) settled(now time.Time) bool {
	const coarsest = 2 * time.Second // of FAT; others are far below
	return now.Sub(f.modified) > coarsest
}

// tokensFile is a tokens file as it was at one moment.
type tokensFile struct {
	text  []byte
	hash  [sha256.Size]byte
	state fingerprint
	info  fs.FileInfo
}

// readFile refuses a file that others may change, and anything that is no regular
// file. Others may read it: it holds no token.
func readFile(path string) (*tokensFile, error) {
	// Without O_NONBLOCK a pipe in the file's place would hang the open.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &Fault{File: path, Problem: "is not a regular file"}
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return nil, &Fault{File: path, Problem: fmt.Sprintf("has mode %04o, and who may write it can give himself a role; run: chmod go-w %s", mode, path)}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, &Fault{File: path, Problem: fmt.Sprintf("is larger than %d bytes", maxFile)}
	}
	// The text is taken for the state before it was read: if somebody writes
	// meanwhile, the next look finds another state and reads again.
	return &tokensFile{text: text, hash: sha256.Sum256(text), state: fingerprintOf(info), info: info}, nil
}

// readSteady reads again when it finds that somebody wrote meanwhile: half a file
// may look like a whole one with fewer tokens. It does not wait for an endless
// writer.
func readSteady(path string) (*tokensFile, error) {
	const tries = 3
	for try := 1; ; try++ {
		file, err := readFile(path)
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if fingerprintOf(info) == file.state || try == tries {
			return file, nil
		}
	}
}
