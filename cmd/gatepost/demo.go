package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
	"github.com/gatepost-proxy/gatepost/proxy/keyring"
)

func newDemoCommand(p *program) *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo [--once] [--data-dir DIR]",
		Short: "Show the whole story on this machine, without an AWS account",
		Long: `Starts a simulated AWS, which verifies signatures as AWS does and has a CloudTrail
of its own, and gatepost in front of it with its default settings, and calls
through it with AWS's own SDK. Prints what each call came to, what CloudTrail says
of each, and who went round the proxy; then stays up.`,
		Example: `  gatepost demo
  gatepost demo --once   # for scripts: exit 0 only if everything held`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			failed, err := runDemo(cmd.Context(), o, p.stdout, p.stderr)
			switch {
			case err != nil:
				return &exitError{code: exitStart, err: err}
			case failed > 0:
				return answerNo("%s did not hold", plural(failed, "expectation"))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&o.once, "once", false, "end when the story is told")
	cmd.Flags().StringVar(&o.dataDir, "data-dir", "", "`directory` for the log and the keys (default: a temporary one)")
	return cmd
}

type demoOptions struct {
	once    bool   // end when the story is told
	dataDir string // "" makes a temporary one
}

// The demonstration's two callers: one who may do anything, and one whose key is good for a single connection.
const (
	demoInstaller  = "installer-fra1"
	demoContractor = "contractor"
)

// runDemo tells the whole story on one machine: a simulated AWS that verifies signatures as AWS does, gatepost in front of it, and AWS's
// own SDK as its callers. It returns how many expectations did not hold.
func runDemo(ctx context.Context, o demoOptions, out, talk io.Writer) (failed int, err error) {
	dir := o.dataDir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "gatepost-demo-"); err != nil {
			return 0, err
		}
		if o.once {
			defer os.RemoveAll(dir)
		}
	}
	aws, err := startDemoAWS()
	if err != nil {
		return 0, err
	}
	defer aws.Close()
	c := config.Default()
	c.Callers.KeysFile = filepath.Join(dir, "keys.yaml")
	c.Audit.Dir = filepath.Join(dir, "audit")
	c.Upstream.Endpoint = aws.URL
	c.Correlate = demoCorrelate(aws.trail.URL)
	c.Proxy.Listen, c.Admin.Listen = freeUnlessTaken(c.Proxy.Listen, o.once), freeUnlessTaken(c.Admin.Listen, o.once)
	callers, err := demoKeys(ctx, c.Callers.KeysFile)
	if err != nil {
		return 0, err
	}

	log := slog.New(slog.NewTextHandler(talk, &slog.HandlerOptions{Level: slog.LevelError}))
	s, err := startService(ctx, c, log, substitutes{credentials: aws.Credentials(), stsEndpoint: aws.STSURL})
	if err != nil {
		return 0, err
	}
	audience := &firstError{to: out}
	story := &demoStory{out: audience, aws: aws, service: s, callers: callers, since: s.journal.Size()}
	err = cmp.Or(story.tell(ctx), audience.err)
	if err == nil && !o.once {
		story.signpost(dir)
		<-ctx.Done()
	}
	return story.failed, errors.Join(err, s.stop(context.WithoutCancel(ctx)))
}

// firstError remembers whether what was written arrived.
type firstError struct {
	to  io.Writer
	err error
}

func (w *firstError) Write(b []byte) (int, error) {
	n, err := w.to.Write(b)
	w.err = cmp.Or(w.err, err)
	return n, err
}

// demoKey is a caller's access key.
type demoKey struct {
	id     string
	secret keyring.Secret
}

// demoKeys makes the callers' keys; those of an earlier demonstration in the same directory are of no use to anybody.
func demoKeys(ctx context.Context, path string) (map[string]demoKey, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	keys := make(map[string]demoKey)
	for _, grant := range []keyring.Grant{
		{Principal: demoInstaller, Allow: []keyring.Allow{{Operations: []string{"*"}}}},
		{Principal: demoContractor, Allow: []keyring.Allow{{Operations: []string{"GetConnection"}, Connections: []string{"onlythisone"}}}},
	} {
		id, secret, err := keyring.File{Path: path}.New(ctx, grant)
		if err != nil {
			return nil, err
		}
		keys[grant.Principal] = demoKey{id, secret}
	}
	return keys, nil
}

// freeUnlessTaken keeps the default address for somebody who wants to look around, and takes any free port where it is taken or
// nobody will look.
func freeUnlessTaken(address string, anyPort bool) string {
	if !anyPort {
		if ln, err := net.Listen("tcp", address); err == nil {
			ln.Close()
			return address
		}
	}
	return "127.0.0.1:0"
}

// signpost says where everything is.
func (d *demoStory) signpost(dir string) {
	admin := "http://" + d.service.adminListener.Addr().String()
	key := d.callers[demoInstaller]
	fmt.Fprintf(d.out, `
It stays up until you press Ctrl-C. Try:

  dashboard  %[1]s/
  metrics    %[1]s/metrics
  readiness  %[1]s/readyz
  the log    gatepost audit tail -f --data-dir %[2]s
  a call     AWS_ACCESS_KEY_ID=%[3]s AWS_SECRET_ACCESS_KEY=%[4]s \
             aws --region %[5]s --endpoint-url http://%[6]s \
             outposts get-connection --connection-id %[7]s
`, admin, filepath.Join(dir, "audit"), key.id, key.secret.Reveal(), d.aws.Region(), d.service.callersListener.Addr(), demoConnection)
}
