package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/proxy/keyring"
)

// installerOperations is what installing an Outposts server takes, and what a
// new key may do unless told otherwise. It is what AWS's own policy for that
// task allows.
const installerOperations = "GetConnection,StartConnection"

func newKeysNewCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "new --principal NAME",
		Short: "Make a caller's key and show its secret once",
		Long: `Makes a key, adds it to the keys file, and prints it. The secret is printed this
once.

What the key may do is said with --allow, which can be repeated:

  OPERATIONS [in REGIONS] [on CONNECTIONS]

each a comma-separated list. OPERATIONS are names of the API's operations,
read-only, * for all of them, or Unknown for paths outside the API. REGIONS are
all that are served unless named. CONNECTIONS are patterns for the connection ids
of GetConnection, in which * is any run of characters and ? any one. Without
--allow a key may ` + installerOperations + `, what installing a server takes.

--output aws-config prints a profile to append to ~/.aws/config. AWS CLIs before
2.13 silently ignore the address in it and call AWS directly: give them
--endpoint-url on every call.`,
		Example: `  gatepost keys new --principal installer-fra1
  gatepost keys new --principal installer-fra1 --expires 90d \
      --output aws-config --endpoint-url https://gatepost.example:8443 >> ~/.aws/config
  gatepost keys new --principal auditor --allow read-only
  gatepost keys new --principal fra1 --allow 'GetConnection in eu-central-1 on fra1*' --allow StartConnection`,
		Args: noArguments,
	}
	flags := cmd.Flags()
	file := addKeysFileFlag(cmd)
	principal := flags.String("principal", "", "`name` of the caller, as the log will have it (required)")
	allow := flags.StringArray("allow", nil, "`what` the key may do, repeatable (default \""+installerOperations+"\")")
	expires := &momentFlag{sign: 1}
	flags.Var(expires, "expires", "when the key ends: RFC 3339, a date, or a time from now such as 90d (default never)")
	output := addChoice(cmd, "output", "o", "form of the answer", true, "text", "json", "aws-config")
	endpoint := flags.String("endpoint-url", "http://127.0.0.1:8080", "gatepost's `address`, for aws-config")
	region := flags.String("region", "us-west-2", "the profile's `region`, for aws-config")
	profile := flags.String("profile", "", "the profile's `name`, for aws-config (default the principal)")
	completeNothing(cmd, "principal", "expires", "endpoint-url", "region", "profile")
	_ = cmd.RegisterFlagCompletionFunc("allow", completeAllow)

	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *principal == "" {
			return misuse("the key needs a principal: name the caller, such as --principal installer-fra1")
		}
		if !expires.at.IsZero() && !expires.at.After(time.Now()) {
			return misuse("--expires %s is in the past", expires.at.Format(time.RFC3339))
		}
		grant := keyring.Grant{Principal: *principal, Expires: expires.at}
		if !flags.Changed("allow") {
			*allow = []string{installerOperations}
		}
		for _, text := range *allow {
			a, err := parseAllow(text)
			if err != nil {
				return misuse("--allow %q: %w", text, err)
			}
			grant.Allow = append(grant.Allow, a)
		}
		if *profile == "" {
			*profile = profileName(*principal)
		}
		// Before the key is made: a secret that could not be shown is lost.
		awsProfile := awsProfile{Name: *profile, Region: *region, Endpoint: *endpoint}
		if err := awsProfile.check(); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), editTimeout)
		defer cancel()
		id, secret, err := keyring.File{Path: *file}.New(ctx, grant)
		if err != nil {
			return err
		}
		info := keyring.Info{ID: id, Principal: grant.Principal, Expires: grant.Expires.Truncate(time.Second), Allow: grant.Allow}
		switch output.value {
		case "json":
			d := describeKey(info, time.Now())
			d.Secret = secret.Reveal()
			err = json.NewEncoder(p.stdout).Encode(d)
		case "aws-config":
			err = awsProfile.write(p.stdout, info, secret.Reveal())
		default:
			_, err = fmt.Fprintf(p.stdout, "access key id      %s\nsecret access key  %s\n", id, secret.Reveal())
		}
		if err != nil {
			return fmt.Errorf("the key %s was made, but its secret could not be shown: delete it and make another: %w", id, err)
		}
		fmt.Fprintf(p.stderr, "%s: added a key for %s, which may %s%s. Its secret is not shown again.\n",
			clean(*file), clean(grant.Principal), clean(formatAllows(grant.Allow)), formatEnd(info.Expires))
		return nil
	}
	return cmd
}

func formatEnd(expires time.Time) string {
	if expires.IsZero() {
		return ""
	}
	return ", until " + expires.Format(time.RFC3339)
}
