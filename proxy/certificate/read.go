package certificate

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// maxFile is far above any bundle of authorities and keeps a wrong path from
// filling the memory.
const maxFile = 4 << 20

// fingerprint tells one state of a file from another without reading it. The zero
// fingerprint is that of a file that is not there.
type fingerprint struct {
	device, inode uint64
	size          int64
	modified      time.Time
	mode          fs.FileMode
}

func fingerprintOf(path string) fingerprint {
	info, err := os.Stat(path)
	if err != nil {
		return fingerprint{}
	}
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
	return *f != fingerprint{} && now.Sub(f.modified) > coarsest
}

// file is one file as it was at one moment, or why it cannot be used.
type file struct {
	path string
	text []byte
	err  error
}

// readFile takes an empty path for a file that is not wanted.
func readFile(path string, holdsKey bool) file {
	if path == "" {
		return file{}
	}
	text, err := readText(path, holdsKey)
	return file{path: path, text: text, err: err}
}

func readText(path string, holdsKey bool) ([]byte, error) {
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
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return text, checkMode(path, info.Mode().Perm(), holdsKey || bytes.Contains(text, []byte("PRIVATE KEY-----")))
}

// checkMode leaves the group alone: keys are commonly readable by a group made
// for the purpose.
func checkMode(path string, mode fs.FileMode, holdsKey bool) error {
	switch {
	case holdsKey && mode&0o006 != 0:
		return fmt.Errorf("%s has mode %04o, and its private key is open to every user of this machine; run: chmod o-rwx %s", path, mode, path)
	case mode&0o002 != 0:
		return fmt.Errorf("%s has mode %04o, and every user of this machine may change it; run: chmod o-w %s", path, mode, path)
	}
	return nil
}

// contents are the files as they were at one moment.
type contents struct {
	cert, key, clientCA file
}

func (f *Files) read() *contents {
	return &contents{
		cert:     readFile(f.Cert, false),
		key:      readFile(f.Key, true),
		clientCA: readFile(f.ClientCA, false),
	}
}

// equal compares what matters to the judgement.
func (c *contents) equal(o *contents) bool {
	return c.cert.equal(&o.cert) && c.key.equal(&o.key) && c.clientCA.equal(&o.clientCA)
}

func (f *file) equal(o *file) bool {
	return bytes.Equal(f.text, o.text) && errorText(f.err) == errorText(o.err)
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// fingerprints are those of the files, in a fixed order.
func (f *Files) fingerprints() [3]fingerprint {
	var seen [3]fingerprint
	for i, path := range []string{f.Cert, f.Key, f.ClientCA} {
		if path != "" {
			seen[i] = fingerprintOf(path)
		}
	}
	return seen
}
