package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
)

// help writes all there is to say about cmd to standard output.
func (p *program) help(cmd *cobra.Command, _ []string) {
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintf(p.stdout, "%s\n\n", strings.TrimSpace(text))
	p.writeUsage(p.stdout, cmd)
}

// usage is what cobra asks for; errors of usage only point to help.
func (p *program) usage(cmd *cobra.Command) error {
	p.writeUsage(p.stderr, cmd)
	return nil
}

func (p *program) writeUsage(w io.Writer, cmd *cobra.Command) {
	colours := p.palette(w)
	title := func(s string) { fmt.Fprintln(w, colours.bold(s)) }

	title("Usage:")
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "  %s COMMAND [flags]\n", cmd.CommandPath())
	} else {
		fmt.Fprintf(w, "  %s\n", cmd.UseLine())
	}
	commands := func(group string) {
		for _, c := range cmd.Commands() {
			if c.GroupID == group && (c.IsAvailableCommand() || c.Name() == "help") {
				fmt.Fprintf(w, "  %-*s  %s\n", cmd.NamePadding(), c.Name(), c.Short)
			}
		}
	}
	for _, group := range cmd.Groups() {
		fmt.Fprintln(w)
		title(group.Title)
		commands(group.ID)
	}
	if len(cmd.Groups()) == 0 && cmd.HasAvailableSubCommands() {
		fmt.Fprintln(w)
		title("Commands:")
		commands("")
	}
	if cmd.HasExample() {
		fmt.Fprintln(w)
		title("Examples:")
		fmt.Fprintln(w, strings.TrimRight(cmd.Example, "\n"))
	}
	for _, section := range flagSections(cmd) {
		fmt.Fprintln(w)
		title(section.title)
		fmt.Fprint(w, section.flags.FlagUsages())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\nRun '%s COMMAND --help' for more about a command.\n", cmd.CommandPath())
	}
}

type flagSection struct {
	title string
	flags *pflag.FlagSet
}

// flagSections sorts cmd's flags: its own first, then the configuration's by
// section, each in the order of definition.
func flagSections(cmd *cobra.Command) []flagSection {
	sections := []flagSection{{title: "Flags:", flags: newSection()}}
	cmd.Flags().SortFlags = false
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		into := sections[0].flags
		if name := f.Annotations[config.SectionAnnotation]; len(name) == 1 {
			title := "Configuration, " + name[0] + ":"
			if last := sections[len(sections)-1]; last.title != title {
				sections = append(sections, flagSection{title: title, flags: newSection()})
			}
			into = sections[len(sections)-1].flags
		}
		into.AddFlag(f)
	})
	if !sections[0].flags.HasAvailableFlags() {
		return sections[1:]
	}
	return sections
}

func newSection() *pflag.FlagSet {
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	fs.SortFlags = false
	return fs
}
