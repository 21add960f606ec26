package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// checkFiles looks at the files that the settings name: that TLS material can
// be read and fits together, that the keys are not open to others, that
// directories are directories. A keys file that does not exist yet is no
// fault, nor is the log's directory.
func (l *loader) checkFiles() {
	check := func(key string, err error) {
		if err != nil {
			l.reject(key, err.Error())
		}
	}
	c := l.config
	certErr, keyErr := readable(c.Proxy.TLS.CertFile), readable(c.Proxy.TLS.KeyFile)
	check("proxy.tls.cert_file", certErr)
	check("proxy.tls.key_file", keyErr)
	if certErr == nil && keyErr == nil && c.Proxy.TLS.CertFile != "" && c.Proxy.TLS.KeyFile != "" {
		if _, err := tls.LoadX509KeyPair(c.Proxy.TLS.CertFile, c.Proxy.TLS.KeyFile); err != nil {
			check("proxy.tls.cert_file", fmt.Errorf("%q and proxy.tls.key_file %q are no pair of certificate and key: %w",
				c.Proxy.TLS.CertFile, c.Proxy.TLS.KeyFile, err))
		}
	}
	check("proxy.tls.client_ca_file", authorities(c.Proxy.TLS.ClientCAFile))
	switch err := readable(c.Callers.KeysFile); {
	case err == nil:
		check("callers.keys_file", private(c.Callers.KeysFile))
	case !errors.Is(err, fs.ErrNotExist):
		check("callers.keys_file", err)
	}
	check("admin.tokens_file", readable(c.Admin.TokensFile))
	if c.Audit.Dir != "" {
		check("audit.dir", directory(c.Audit.Dir, true))
	}
	if c.Correlate.Source == SourceTrailFiles && c.Correlate.TrailDir != "" {
		check("correlate.trail_dir", directory(c.Correlate.TrailDir, false))
	}
}

// readable reports why name cannot be read; an empty name is no fault.
func readable(name string) error {
	if name == "" {
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return fileError(name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fileError(name, err)
	}
	if info.IsDir() {
		return fmt.Errorf("%q is a directory: name a file", name)
	}
	return nil
}

// private reports a file of secrets that others on this machine can read or
// change.
func private(name string) error {
	if name == "" {
		return nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return fileError(name, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%q has mode %04o and holds secrets: run chmod 600 on it", name, mode)
	}
	return nil
}

func authorities(name string) error {
	if name == "" {
		return nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return fileError(name, err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(data) {
		return fmt.Errorf("%q holds no PEM certificate", name)
	}
	return nil
}

func directory(name string, mayBeMissing bool) error {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && mayBeMissing:
		return nil
	case err != nil:
		return fileError(name, err)
	case !info.IsDir():
		return fmt.Errorf("%q is not a directory", name)
	}
	return nil
}

// fileError names the file and where a relative name was looked for, and
// keeps the cause for errors.Is.
func fileError(name string, err error) error {
	cause := err
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		cause = pathErr.Err
	}
	if wd, wdErr := os.Getwd(); wdErr == nil && len(name) > 0 && name[0] != '/' {
		return fmt.Errorf("%q in %q: %w", name, wd, cause)
	}
	return fmt.Errorf("%q: %w", name, cause)
}
