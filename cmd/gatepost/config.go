package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
)

// addConfigFlags gives cmd --config and a flag for every key.
func addConfigFlags(cmd *cobra.Command) {
	addFileFlag(cmd)
	config.AddFlags(cmd.Flags())
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Annotations[config.SectionAnnotation] == nil {
			return
		}
		if choices := config.FlagChoices(f.Name); choices != nil {
			complete(cmd, f.Name, choices...)
		} else if t := f.Value.Type(); t != "file" && t != "directory" {
			completeNothing(cmd, f.Name)
		}
	})
}

// addFileFlag gives cmd --config alone.
func addFileFlag(cmd *cobra.Command) {
	cmd.Flags().StringP("config", "c", "", "configuration `file` (default: what "+config.FileVariable+" names, if anything)")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
}

// loadConfig reads what cmd's flags, the environment and the file say.
// checkFiles also looks at the files they name. Its error is every fault.
func (p *program) loadConfig(cmd *cobra.Command, checkFiles bool) (*config.Loaded, error) {
	file, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	return config.Load(config.Sources{File: file, Env: p.env, Flags: cmd.Flags(), CheckFiles: checkFiles})
}

func newConfigCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check the configuration",
	}
	cmd.AddCommand(newConfigCheckCommand(p))
	return grouping(cmd)
}

func newConfigCheckCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [--config FILE]",
		Short: "Report every fault at once, or print the effective configuration",
		Long: `Reads the configuration as gatepost serve would: flags over environment over
file. Every fault is reported at once, with the place where the value was given;
unknown keys and unknown GATEPOST_ variables are faults. The files that it names
are judged too, as gatepost serve judges them.

Without faults the effective configuration is printed as YAML, each value that is
not the default with the place it came from. It holds no secrets.

Relative paths mean the working directory.`,
		Example: `  gatepost config check --config gatepost.yaml
  GATEPOST_CACHE_TTL=5m gatepost config check -c gatepost.yaml > effective.yaml`,
		Args: noArguments,
	}
	addConfigFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		loaded, err := p.loadConfig(cmd, true)
		if err != nil {
			return err
		}
		for _, warning := range loaded.Warnings() {
			fmt.Fprintf(p.stderr, "warning: %s\n", clean(warning))
		}
		if err := loaded.WriteYAML(p.stdout); err != nil {
			return err
		}
		read := loaded.File
		if read == "" {
			read = "no file was read"
		}
		fmt.Fprintf(p.stderr, "%s: no faults\n", clean(read))
		return nil
	}
	return cmd
}
