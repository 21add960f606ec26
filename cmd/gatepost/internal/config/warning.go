package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// within reports whether a file lies below a directory, by their names.
func within(file, dir string) bool {
	file, err1 := filepath.Abs(file)
	dir, err2 := filepath.Abs(dir)
	if err1 != nil || err2 != nil {
		return false
	}
	rel, err := filepath.Rel(dir, file)
	return err == nil && filepath.IsLocal(rel)
}

// Warnings says what is permitted but seldom meant, one line each, in the
// form of a fault.
func (l *Loaded) Warnings() []string {
	var warnings []string
	warn := func(key, text string) {
		warnings = append(warnings, (&Fault{Origin: l.Origin(key), Key: key, Problem: text}).Error())
	}
	c := l.Config
	proxy, err := parseAddress(c.Proxy.Listen)
	if err == nil && proxy.unspecified() && len(c.Proxy.PublicNames) == 0 {
		warn("proxy.listen", "is every address, and proxy.public_names is empty: only callers that sign for localhost will be answered; name the hosts that others use")
	}
	if err == nil && !proxy.loopback() && c.Proxy.TLS.CertFile == "" {
		warn("proxy.insecure_plaintext", "connection details cross the network readable, and requests can be captured and replayed, unless something else encrypts it")
	}
	if admin, err := parseAddress(c.Admin.Listen); err == nil && !admin.loopback() {
		warn("admin.listen", fmt.Sprintf("%s is not loopback and speaks plain HTTP: let something in front of it encrypt, or tokens can be read", c.Admin.Listen))
		if len(c.Admin.PublicNames) == 0 {
			warn("admin.public_names", "is empty: only requests for an IP address or localhost will be answered; name the hosts that browsers and Prometheus use")
		}
	}
	if _, err := os.Stat(c.Callers.KeysFile); errors.Is(err, fs.ErrNotExist) {
		warn("callers.keys_file", fmt.Sprintf("%q is not there yet, and gatepost does not start without it: \"gatepost keys new\" makes it", c.Callers.KeysFile))
	}
	for _, text := range c.Audit.CheckpointCopies {
		if to, err := ParseCheckpointCopy(text); err == nil && to.File != "" && within(to.File, c.Audit.Dir) {
			warn("audit.checkpoint_copies", fmt.Sprintf("%s is inside audit.dir: whoever rolls the log back rolls it back too; keep it on another volume or machine", text))
		}
	}
	if c.Correlate.Source == SourceOff {
		warn("correlate.source", "is off: no call is held against CloudTrail, and calls that go round the proxy stay unnoticed")
	}
	return warnings
}
