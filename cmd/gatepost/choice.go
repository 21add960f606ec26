package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// choice is a flag that takes one of a closed set. It is a pflag.Value.
type choice struct {
	value   string
	allowed []string
}

// addChoice adds the flag --name with the values allowed, and their
// completion. The first value is the default when preset is set; otherwise
// the default is to choose none.
func addChoice(cmd *cobra.Command, name, shorthand, usage string, preset bool, allowed ...string) *choice {
	c := &choice{allowed: allowed}
	if preset {
		c.value = allowed[0]
	}
	cmd.Flags().VarP(c, name, shorthand, usage)
	complete(cmd, name, allowed...)
	return c
}

func (c *choice) Set(text string) error {
	if !slices.Contains(c.allowed, text) {
		return fmt.Errorf("use %s", strings.Join(c.allowed, ", "))
	}
	c.value = text
	return nil
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string {
	if len(c.allowed) > 6 {
		return "name"
	}
	return strings.Join(c.allowed, "|")
}

// complete gives the flag's values to the shell.
func complete(cmd *cobra.Command, flag string, values ...string) {
	// The only error is a flag that does not exist or has completion already:
	// the tests that ask for every command's completion would show it.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completeNothing keeps the shell from offering files for a flag.
func completeNothing(cmd *cobra.Command, flags ...string) {
	for _, flag := range flags {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.NoFileCompletions)
	}
}
