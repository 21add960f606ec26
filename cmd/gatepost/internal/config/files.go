package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gatepost-proxy/gatepost/audit/console/token"
	"github.com/gatepost-proxy/gatepost/audit/livefile"
	"github.com/gatepost-proxy/gatepost/proxy/certificate"
	"github.com/gatepost-proxy/gatepost/proxy/keyring"
)

// checkFiles has the files that the settings name judged by the code that will
// read them, and looks whether directories are directories. A keys file that does
// not exist yet is no fault, nor is the log's directory.
func (l *loader) checkFiles() {
	c := l.config
	if t := c.Proxy.TLS; t.CertFile != "" || t.KeyFile != "" || t.ClientCAFile != "" {
		_, err := certificate.Open(certificate.Files{Cert: t.CertFile, Key: t.KeyFile, ClientCA: t.ClientCAFile}, certificate.Options{})
		l.rejectFiles(err,
			setting{"proxy.tls.cert_file", t.CertFile},
			setting{"proxy.tls.key_file", t.KeyFile},
			setting{"proxy.tls.client_ca_file", t.ClientCAFile})
	}
	if name := c.Callers.KeysFile; name != "" {
		if err := checkKeys(name, c.Upstream.Regions); !errors.Is(err, fs.ErrNotExist) {
			l.rejectFiles(err, setting{"callers.keys_file", name})
		}
	}
	if name := c.Admin.TokensFile; name != "" {
		_, err := token.Open(name, token.Options{})
		l.rejectFiles(err, setting{"admin.tokens_file", name})
	}
	if c.Audit.Dir != "" {
		l.rejectDirectory("audit.dir", c.Audit.Dir, true)
	}
	for _, text := range c.Audit.CheckpointCopies {
		switch to, err := ParseCheckpointCopy(text); {
		case err != nil: // said before
		case to.File != "":
			l.rejectDirectory("audit.checkpoint_copies", filepath.Dir(to.File), false)
		case to.Command != nil:
			if _, err := exec.LookPath(to.Command[0]); err != nil {
				l.reject("audit.checkpoint_copies", unreadable(to.Command[0], errors.Unwrap(err)))
			}
		}
	}
	if c.Correlate.Source == SourceTrailFiles && c.Correlate.TrailDir != "" {
		l.rejectDirectory("correlate.trail_dir", c.Correlate.TrailDir, false)
		if c.Correlate.TrailKeys != "" {
			l.rejectDirectory("correlate.trail_keys", c.Correlate.TrailKeys, false)
		}
	}
}

// checkKeys leaves regions out when none is known, which is a fault of its own.
func checkKeys(name string, regions []string) error {
	if len(regions) == 0 {
		_, err := keyring.File{Path: name}.List()
		return err
	}
	_, err := keyring.Open(name, keyring.Options{Regions: regions})
	return err
}

// setting is a key and the file that it names.
type setting struct{ key, file string }

// rejectFiles reports each fault in err with the setting that names its file.
// Faults of no file are those of settings, and reported already.
func (l *loader) rejectFiles(err error, settings ...setting) {
	for _, f := range fileFaults(err) {
		problem := f.Error()
		if f.Err != nil {
			problem = unreadable(f.File, f.Err)
		}
		for _, s := range settings {
			if s.file == f.File {
				l.reject(s.key, problem)
				break
			}
		}
	}
}

// fileFaults are all that err holds.
func fileFaults(err error) []*livefile.Fault {
	switch e := err.(type) {
	case *livefile.Fault:
		return []*livefile.Fault{e}
	case interface{ Unwrap() error }:
		return fileFaults(e.Unwrap())
	case interface{ Unwrap() []error }:
		var faults []*livefile.Fault
		for _, part := range e.Unwrap() {
			faults = append(faults, fileFaults(part)...)
		}
		return faults
	}
	return nil
}

func (l *loader) rejectDirectory(key, name string, mayBeMissing bool) {
	switch info, err := os.Stat(name); {
	case errors.Is(err, fs.ErrNotExist) && mayBeMissing:
	case err != nil:
		l.reject(key, unreadable(name, err))
	case !info.IsDir():
		l.reject(key, fmt.Sprintf("%q is not a directory", name))
	}
}

// unreadable says why, and where a relative name was looked for.
func unreadable(name string, err error) string {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err
	}
	if wd, wdErr := os.Getwd(); wdErr == nil && !filepath.IsAbs(name) {
		return fmt.Sprintf("%q in %q: %v", name, wd, err)
	}
	return fmt.Sprintf("%q: %v", name, err)
}
