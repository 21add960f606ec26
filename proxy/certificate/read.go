package certificate

import (
	"bytes"
	"io/fs"

	"github.com/gatepost-proxy/gatepost/audit/livefile"
)

// file is one file as it was at one moment, or why it cannot be used.
type file struct {
	path string
	text []byte
	err  error
}

// read takes an empty path for a file that is not wanted.
func read(path string, holdsKey bool) file {
	if path == "" {
		return file{}
	}
	rules := livefile.Rules{
		MaxBytes: 4 << 20, // far above any bundle of authorities
		Mode: func(mode fs.FileMode, text []byte) (why, chmod string) {
			return checkMode(mode, holdsKey || bytes.Contains(text, []byte("PRIVATE KEY-----")))
		},
	}
	content, err := rules.Read(path)
	if err != nil {
		return file{path: path, err: err}
	}
	return file{path: path, text: content.Text}
}

// checkMode leaves the group alone: keys are commonly readable by a group made
// for the purpose.
func checkMode(mode fs.FileMode, holdsKey bool) (why, chmod string) {
	switch {
	case holdsKey && mode&0o006 != 0:
		return "its private key is open to every user of this machine", "o-rwx"
	case mode&0o002 != 0:
		return "every user of this machine may change it", "o-w"
	}
	return "", ""
}

// fault is one of this file.
func (f *file) fault(problem string) error {
	return &livefile.Fault{File: f.path, Problem: problem}
}

// contents are the files as they were at one moment.
type contents struct {
	cert, key, clientCA file
}

func (f *Files) read() *contents {
	return &contents{cert: read(f.Cert, false), key: read(f.Key, true), clientCA: read(f.ClientCA, false)}
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

// states are those of the files, in a fixed order.
func (f *Files) states() (s states) {
	for i, path := range []string{f.Cert, f.Key, f.ClientCA} {
		if s.wanted[i] = path != ""; s.wanted[i] {
			s.files[i] = livefile.Stat(path)
		}
	}
	return s
}

type states struct {
	wanted [3]bool
	files  [3]livefile.State
}

func (s *states) settled() bool {
	for i, state := range s.files {
		if s.wanted[i] && !state.Settled() {
			return false
		}
	}
	return true
}
