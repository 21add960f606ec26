package main

import (
	"crypto/fips140"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is the release this source is, or leads to. It is also what calls
// to AWS carry in their User-Agent.
const version = "0.1.0"

// buildInfo describes the running binary.
type buildInfo struct {
	Version  string   `json:"version"`
	Commit   string   `json:"commit"`             // "unknown" if the toolchain did not stamp it
	Modified bool     `json:"modified,omitempty"` // built from a changed work tree
	Go       string   `json:"go"`
	Platform string   `json:"platform"`
	FIPS140  fipsInfo `json:"fips140"`
}

type fipsInfo struct {
	Enabled bool   `json:"enabled"`
	Module  string `json:"module"`
}

// readBuild takes what the Go toolchain stamped into the binary, so that no
// build needs flags to say what it is.
func readBuild() buildInfo {
	b := buildInfo{
		Version:  version,
		Commit:   "unknown",
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
		FIPS140:  fipsInfo{Enabled: fips140.Enabled(), Module: fips140.Version()},
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func newVersionCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print version, commit, Go version and FIPS 140 state",
		Example: `  gatepost version
  gatepost version --output json`,
		Args: noArguments,
	}
	output := addChoice(cmd, "output", "o", "form of the answer", true, "text", "json")
	cmd.RunE = func(*cobra.Command, []string) error {
		b := readBuild()
		if output.value == "json" {
			return json.NewEncoder(p.stdout).Encode(b)
		}
		commit, fips := b.Commit, "off"
		if b.Modified {
			commit += " (modified)"
		}
		if b.FIPS140.Enabled {
			fips = "on, module " + b.FIPS140.Module
		}
		_, err := fmt.Fprintf(p.stdout, "gatepost  %s\ncommit    %s\ngo        %s %s\nfips 140  %s\n", b.Version, commit, b.Go, b.Platform, fips)
		return err
	}
	return cmd
}
