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

	"github.com/gatepost-proxy/gatepost/proxy/keyring"
)

// editTimeout bounds the wait for another editor of the keys file, which holds
// its lock for milliseconds.
const editTimeout = 10 * time.Second

func newKeysCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make and manage callers' keys",
		Long: `Callers sign their requests with keys from a keys file, which also says what each
may do. A running gatepost follows the file: a change takes effect on the next
request. These commands keep the file's comments and layout, replace it in one
step, and print a secret only once, when it is made.`,
	}
	cmd.AddCommand(
		newKeysNewCommand(p),
		newKeysListCommand(p),
		newKeysSwitchCommand(p, "disable", "Refuse a key's requests from now on", "disabled", true),
		newKeysSwitchCommand(p, "enable", "Answer a disabled key's requests again", "enabled", false),
		newKeysDeleteCommand(p),
	)
	return grouping(cmd)
}

// addKeysFileFlag gives cmd --file.
func addKeysFileFlag(cmd *cobra.Command) *string {
	file := cmd.Flags().StringP("file", "f", "keys.yaml", "keys `file`, what callers.keys_file names")
	_ = cmd.MarkFlagFilename("file", "yaml", "yml")
	return file
}

func newKeysListCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the keys, without their secrets",
		Example: `  gatepost keys list
  gatepost keys list --file /etc/gatepost/keys.yaml --output json`,
		Args: noArguments,
	}
	file := addKeysFileFlag(cmd)
	output := addChoice(cmd, "output", "o", "a table, or a line of JSON for each key", true, "text", "json")
	cmd.RunE = func(*cobra.Command, []string) error {
		keys, err := listKeys(*file)
		if err != nil {
			return err
		}
		now := time.Now()
		if output.value == "json" {
			encoder := json.NewEncoder(p.stdout)
			for _, k := range keys {
				if err := encoder.Encode(describeKey(k, now)); err != nil {
					return err
				}
			}
			return nil
		}
		if len(keys) == 0 {
			fmt.Fprintf(p.stderr, "%s holds no keys; gatepost keys new makes one\n", clean(*file))
			return nil
		}
		colours := p.palette(p.stdout)
		t := newTable(p.stdout, colours, "ID", "PRINCIPAL", "STATE", "EXPIRES", "ALLOW")
		rows := make([][]cell, len(keys))
		for i, k := range keys {
			d := describeKey(k, now)
			state := cell{d.State, colours.green}
			if d.State != "active" {
				state.paint = colours.red
			}
			expires := "never"
			if d.Expires != nil {
				expires = d.Expires.Format(time.RFC3339)
			}
			rows[i] = []cell{{text: k.ID}, {text: k.Principal}, state, {text: expires}, {text: formatAllows(k.Allow)}}
		}
		return t.write(rows...)
	}
	return cmd
}

// listKeys reads the keys file, in words for people.
func listKeys(file string) ([]keyring.Info, error) {
	keys, err := keyring.File{Path: file}.List()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no keys file %q: name another with --file, or make a key with gatepost keys new", file)
	}
	return keys, err
}

// keyDescription is a key in JSON.
type keyDescription struct {
	ID        string             `json:"id"`
	Secret    string             `json:"secret,omitempty"` // of a key just made
	Principal string             `json:"principal"`
	State     string             `json:"state"` // active, disabled or expired
	Expires   *time.Time         `json:"expires,omitempty"`
	Allow     []allowDescription `json:"allow"`
}

type allowDescription struct {
	Operations  []string `json:"operations"`
	Regions     []string `json:"regions,omitempty"`     // none: all that are served
	Connections []string `json:"connections,omitempty"` // none: all
}

func describeKey(k keyring.Info, now time.Time) keyDescription {
	d := keyDescription{ID: k.ID, Principal: k.Principal, State: "active", Allow: []allowDescription{}}
	if !k.Expires.IsZero() {
		d.Expires = &k.Expires
		if !now.Before(k.Expires) {
			d.State = "expired"
		}
	}
	if k.Disabled {
		d.State = "disabled"
	}
	for _, a := range k.Allow {
		d.Allow = append(d.Allow, allowDescription(a))
	}
	return d
}

// newKeysSwitchCommand makes the commands that disable and enable keys.
func newKeysSwitchCommand(p *program, name, short, done string, disabled bool) *cobra.Command {
	cmd := &cobra.Command{
		Use:               name + " ID...",
		Short:             short,
		Example:           "  gatepost keys " + name + " GPK7Q2M4X6ZB3N5C8V1L",
		Args:              keyIDs,
		ValidArgsFunction: completeKeys,
	}
	file := addKeysFileFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		return p.eachKey(cmd.Context(), *file, ids, done, func(ctx context.Context, f keyring.File, id string) error {
			return f.SetDisabled(ctx, id, disabled)
		})
	}
	return cmd
}

func newKeysDeleteCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete ID...",
		Aliases: []string{"rm"},
		Short:   "Remove a key from the file for good",
		Long: `Removes a key from the file. Its requests are refused from now on, and its secret
is gone; to refuse it for a while, disable it instead. The log keeps its id.`,
		Example:           "  gatepost keys delete GPK7Q2M4X6ZB3N5C8V1L",
		Args:              keyIDs,
		ValidArgsFunction: completeKeys,
	}
	file := addKeysFileFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		return p.eachKey(cmd.Context(), *file, ids, "deleted", func(ctx context.Context, f keyring.File, id string) error {
			return f.Delete(ctx, id)
		})
	}
	return cmd
}

func keyIDs(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return misuse("missing argument: the id of a key; gatepost keys list shows them")
	}
	return nil
}

// eachKey applies edit to each id and tells what was done. It goes on past an
// id that the file does not have, and ends with the answer no.
func (p *program) eachKey(ctx context.Context, file string, ids []string, done string, edit func(context.Context, keyring.File, string) error) error {
	keys, err := listKeys(file) // so that a missing file is not made
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, editTimeout)
	defer cancel()
	var missing []string
	for _, id := range ids {
		err := edit(ctx, keyring.File{Path: file}, id)
		switch {
		case errors.Is(err, keyring.ErrNoKey):
			missing = append(missing, missingKey(file, id, keys))
		case err != nil:
			return err
		default:
			fmt.Fprintf(p.stderr, "%s %s\n", clean(id), done)
		}
	}
	if len(missing) > 0 {
		return answerNo("%s", strings.Join(missing, "\n"))
	}
	return nil
}

// missingKey says that there is no key id, and which was meant when it is the
// name of a principal.
func missingKey(file, id string, keys []keyring.Info) string {
	var theirs []string
	for _, k := range keys {
		if k.Principal == id {
			theirs = append(theirs, k.ID)
		}
	}
	if len(theirs) > 0 {
		return fmt.Sprintf("%q is a principal, not the id of a key; its keys are %s", id, strings.Join(theirs, ", "))
	}
	return fmt.Sprintf("no key %q in %s", id, file)
}

// completeKeys offers the ids in the keys file.
func completeKeys(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	file, err := cmd.Flags().GetString("file")
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	keys, err := keyring.File{Path: file}.List()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var ids []string
	for _, k := range keys {
		ids = append(ids, cobra.CompletionWithDesc(k.ID, clean(k.Principal)))
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
