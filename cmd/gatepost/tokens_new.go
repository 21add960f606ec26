package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/audit/console/token"
)

func newTokensNewCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "new --name NAME --role viewer|operator",
		Short: "Make an admin token and show it once",
		Long: `Makes a token, adds its SHA-256 to the tokens file, and prints it. The token is
printed this once.

A viewer may read the log, its proofs, the metrics and the state of the gate; each
reading of the log is itself recorded, under the token's name. An operator may
also purge the cache. Give every person and every program a token of its own.

The token goes into the field Authorization of a request:

  curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:9090/api/v1/events`,
		Example: `  gatepost tokens new --name soc --role viewer --expires 90d
  gatepost tokens new --name prometheus --role viewer --output json`,
		Args: noArguments,
	}
	flags := cmd.Flags()
	file := addTokensFileFlag(cmd)
	name := flags.String("name", "", "`name` of the bearer, as the log will have it (required)")
	role := addChoice(cmd, "role", "", "what the bearer may do (required)", false, string(token.Viewer), string(token.Operator))
	expires := &momentFlag{sign: 1}
	flags.Var(expires, "expires", "when the token ends: RFC 3339, a date, or a time from now such as 90d (default never)")
	output := addChoice(cmd, "output", "o", "form of the answer", true, "text", "json")
	completeNothing(cmd, "name", "expires")

	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case *name == "":
			return misuse("the token needs a name: name the bearer, such as --name soc")
		case role.value == "":
			return misuse("the token needs a role: --role viewer reads, --role operator may also purge the cache")
		case !expires.at.IsZero() && !expires.at.After(time.Now()):
			return misuse("--expires %s is in the past", expires.at.Format(time.RFC3339))
		}
		info := token.Info{Name: *name, Role: token.Role(role.value), Expires: expires.at.Truncate(time.Second)}
		ctx, cancel := context.WithTimeout(cmd.Context(), editTimeout)
		defer cancel()
		text, err := token.File{Path: *file}.New(ctx, info)
		if errors.Is(err, token.ErrNameTaken) {
			return answerNo("%s has a token named %q already: choose another name, or delete it first with gatepost tokens delete", *file, *name)
		}
		if err != nil {
			return err
		}
		if output.value == "json" {
			d := describeToken(info, time.Now())
			d.Token = text
			err = json.NewEncoder(p.stdout).Encode(d)
		} else {
			_, err = fmt.Fprintln(p.stdout, text)
		}
		if err != nil {
			return fmt.Errorf("the token %s was made, but could not be shown: delete it and make another: %w", info.Name, err)
		}
		fmt.Fprintf(p.stderr, "%s: added a token for %s, with the role %s%s. It is not shown again.\n",
			clean(*file), clean(info.Name), info.Role, formatEnd(info.Expires))
		return nil
	}
	return cmd
}
