package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/audit/console/token"
)

func newTokensCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tokens",
		Short: "Make and manage the admin listener's tokens",
		Long: `Whoever uses the admin listener, with its API, metrics and dashboard, shows a token
from a tokens file, which also says what each may do: a viewer reads, an operator
may also change what gatepost holds, as by a purge of the cache. The file has the
tokens' SHA-256 only. A running gatepost follows the file: a change takes effect
on the next request. These commands keep the file's comments and layout, replace
it in one step, and print a token only once, when it is made.`,
	}
	cmd.AddCommand(newTokensNewCommand(p), newTokensListCommand(p), newTokensDeleteCommand(p))
	return grouping(cmd)
}

// addTokensFileFlag gives cmd --file.
func addTokensFileFlag(cmd *cobra.Command) *string {
	file := cmd.Flags().StringP("file", "f", "tokens.yaml", "tokens `file`, what admin.tokens_file names")
	_ = cmd.MarkFlagFilename("file", "yaml", "yml")
	return file
}

func newTokensListCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the tokens by their names",
		Example: `  gatepost tokens list
  gatepost tokens list --file /etc/gatepost/tokens.yaml --output json`,
		Args: noArguments,
	}
	file := addTokensFileFlag(cmd)
	output := addChoice(cmd, "output", "o", "a table, or a line of JSON for each token", true, "text", "json")
	cmd.RunE = func(*cobra.Command, []string) error {
		tokens, err := listTokens(*file)
		if err != nil {
			return err
		}
		now := time.Now()
		if output.value == "json" {
			encoder := json.NewEncoder(p.stdout)
			for _, t := range tokens {
				if err := encoder.Encode(describeToken(t, now)); err != nil {
					return err
				}
			}
			return nil
		}
		if len(tokens) == 0 {
			fmt.Fprintf(p.stderr, "%s holds no tokens; gatepost tokens new makes one\n", clean(*file))
			return nil
		}
		colours := p.palette(p.stdout)
		t := newTable(p.stdout, colours, "NAME", "ROLE", "STATE", "EXPIRES")
		rows := make([][]cell, len(tokens))
		for i, one := range tokens {
			d := describeToken(one, now)
			state := cell{d.State, colours.green}
			if d.State != "active" {
				state.paint = colours.red
			}
			expires := "never"
			if d.Expires != nil {
				expires = d.Expires.Format(time.RFC3339)
			}
			rows[i] = []cell{{text: d.Name}, {text: string(d.Role)}, state, {text: expires}}
		}
		return t.write(rows...)
	}
	return cmd
}

// listTokens reads the tokens file, in words for people.
func listTokens(file string) ([]token.Info, error) {
	tokens, err := token.File{Path: file}.List()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no tokens file %q: name another with --file, or make a token with gatepost tokens new", file)
	}
	return tokens, err
}

// tokenDescription is a token in JSON.
type tokenDescription struct {
	Name    string     `json:"name"`
	Token   string     `json:"token,omitempty"` // of a token just made
	Role    token.Role `json:"role"`
	State   string     `json:"state"` // active or expired
	Expires *time.Time `json:"expires,omitempty"`
}

func describeToken(t token.Info, now time.Time) tokenDescription {
	d := tokenDescription{Name: t.Name, Role: t.Role, State: "active"}
	if !t.Expires.IsZero() {
		d.Expires = &t.Expires
		if !now.Before(t.Expires) {
			d.State = "expired"
		}
	}
	return d
}

func newTokensDeleteCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete NAME...",
		Aliases: []string{"rm"},
		Short:   "Remove a token from the file for good",
		Long: `Removes a token from the file. Requests that show it are refused from now on. The
log keeps its name.`,
		Example: "  gatepost tokens delete soc",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return misuse("missing argument: the name of a token; gatepost tokens list shows them")
			}
			return nil
		},
		ValidArgsFunction: completeTokens,
	}
	file := addTokensFileFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		if _, err := listTokens(*file); err != nil { // so that a missing file is not made
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), editTimeout)
		defer cancel()
		var missing []string
		for _, name := range names {
			err := token.File{Path: *file}.Delete(ctx, name)
			switch {
			case errors.Is(err, token.ErrNoToken):
				missing = append(missing, fmt.Sprintf("no token named %q in %s", name, *file))
			case err != nil:
				return err
			default:
				fmt.Fprintf(p.stderr, "%s deleted\n", clean(name))
			}
		}
		if len(missing) > 0 {
			return answerNo("%s", strings.Join(missing, "\n"))
		}
		return nil
	}
	return cmd
}

// completeTokens offers the names in the tokens file.
func completeTokens(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	file, err := cmd.Flags().GetString("file")
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	tokens, err := token.File{Path: file}.List()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, t := range tokens {
		names = append(names, cobra.CompletionWithDesc(clean(t.Name), string(t.Role)))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
