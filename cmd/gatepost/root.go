package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/suggest"
)

// program is one run of the command: what the process was given. It does not
// change while a command runs.
type program struct {
	env            []string // in the form of os.Environ
	stdin          io.Reader
	stdout, stderr io.Writer
}

// run executes the command line args and returns the exit status. It ends
// early, and in order, when ctx is done.
func run(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{env: env, stdin: stdin, stdout: stdout, stderr: stderr}
	root := newRootCommand(p)
	// A nil list would make cobra read the process's own.
	root.SetArgs(append([]string{}, args...))
	cmd, err := root.ExecuteContextC(ctx)
	return p.report(cmd, err)
}

func newRootCommand(p *program) *cobra.Command {
	root := &cobra.Command{
		Use:   "gatepost",
		Short: "Auditing and caching proxy for the AWS Outposts API",
		Long: `gatepost stands between installers and the AWS Outposts API. Every call is
proved, recorded before it is answered, and held against CloudTrail.`,
		Example: `  # See the whole story on this machine, without an AWS account
  gatepost demo

  # Make a caller's key, check the configuration, run
  gatepost keys new --principal installer-fra1 --output aws-config
  gatepost config check --config gatepost.yaml
  gatepost serve --config gatepost.yaml

  # Who did what
  gatepost audit query --principal installer-fra1 --since 24h`,
		SilenceErrors: true, // run reports them
		SilenceUsage:  true,
		Version:       version,
	}
	// Before the completion command is made, which keeps the output that it
	// finds.
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetVersionTemplate("gatepost {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.SetUsageFunc(p.usage)
	root.SetHelpFunc(p.help)
	root.SetCompletionCommandGroupID("about")
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run:"},
		&cobra.Group{ID: "manage", Title: "Set up:"},
		&cobra.Group{ID: "inspect", Title: "Look into the log:"},
		&cobra.Group{ID: "about", Title: "More:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("run", newServeCommand(p), newDemoCommand(p))
	add("manage", newConfigCommand(p), newDoctorCommand(p), newKeysCommand(p), newTokensCommand(p))
	add("inspect", newAuditCommand(p))
	help := newHelpCommand()
	root.SetHelpCommand(help)
	add("about", newVersionCommand(p), help)
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			grouping(c)
		}
	}
	return grouping(root)
}

// newHelpCommand takes the place of cobra's, for which a command that does
// not exist is no fault.
func newHelpCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show the help of a command",
		Example: "  gatepost help audit query",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			if within, rest, err := cmd.Root().Find(args); err == nil && len(rest) == 0 {
				for _, c := range within.Commands() {
					names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		about, rest, err := cmd.Root().Find(args)
		if err != nil {
			return err
		}
		if len(rest) > 0 && about.HasSubCommands() {
			return about.RunE(about, rest) // which says what there is
		}
		return about.Help()
	}
	return cmd
}

// grouping makes cmd, which does nothing itself, show its help when it stands
// alone, and refuse a subcommand that does not exist.
func grouping(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		var names []string
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				names = append(names, c.Name())
			}
		}
		if near := suggest.Nearest(args[0], names); near != "" {
			return misuse("unknown command %q: did you mean %q?", args[0], cmd.CommandPath()+" "+near)
		}
		return misuse("unknown command %q: the commands are %s", args[0], strings.Join(names, ", "))
	}
	return cmd
}

// noArguments refuses whatever follows the flags.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return misuse("unexpected argument %q: this command takes flags only", args[0])
	}
	return nil
}

// oneArgument wants exactly one, which name describes.
func oneArgument(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return misuse("missing argument: %s", name)
		case 1:
			return nil
		default:
			return misuse("unexpected argument %q: this command takes one, %s", args[1], name)
		}
	}
}

// flagError turns what pflag says of a command line into one sentence.
func flagError(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name := unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			return misuse("unknown flag %q", "-"+name)
		}
		// In the order of definition, so that of equals the more usual wins.
		var names []string
		cmd.Flags().SortFlags = false
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			names = append(names, f.Name)
		})
		near := suggest.Nearest(name, names)
		if near == "" {
			// The key's own name, without its section.
			i := slices.IndexFunc(names, func(n string) bool {
				return strings.HasSuffix(n, "."+strings.ReplaceAll(name, "_", "-"))
			})
			if i >= 0 {
				near = names[i]
			}
		}
		if near != "" {
			return misuse("unknown flag %q: did you mean --%s?", "--"+name, near)
		}
		return misuse("unknown flag %q", "--"+name)
	}
	return &usageError{err: err}
}
