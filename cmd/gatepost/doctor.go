package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
)

func newDoctorCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor [--config FILE]",
		Short: "Check what gatepost needs, before it goes live",
		Long: `Checks, with the configuration that serve would have, the disk under the log, AWS
credentials, the endpoint of each region, that requests for awkward connection ids
are signed as AWS reads them, the clock against AWS's, and the permission to look
events up in CloudTrail. Says one line for each, and exits 1 if any fails.

It asks AWS for connections that do not exist, and CloudTrail records that: with a
user agent that begins with gatepost-doctor. Records from before a log's beginning
are no findings; run beside a log, these are, of the kind foreign_instance.`,
		Example: `  gatepost doctor --config gatepost.yaml`,
		Args:    noArguments,
	}
	addConfigFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		loaded, err := p.loadConfig(cmd, true)
		if err != nil {
			return err
		}
		d := &doctor{config: loaded.Config, out: p.stdout, colours: p.palette(p.stdout)}
		d.examine(cmd.Context())
		if d.failed > 0 {
			return answerNo("%s failed", plural(d.failed, "check"))
		}
		return nil
	}
	return cmd
}

// doctor makes the checks, and says what came of each.
type doctor struct {
	config  config.Config
	out     io.Writer
	colours palette
	failed  int
}

// checkTimeout bounds one check, so that a network that swallows packets is found and not waited for.
const checkTimeout = 20 * time.Second

// checked is what a check came to: an error fails it.
type checked struct {
	detail  string
	err     error
	skipped bool
}

func found(format string, args ...any) checked { return checked{detail: fmt.Sprintf(format, args...)} }

func fails(format string, args ...any) checked { return checked{err: fmt.Errorf(format, args...)} }

func skipped(format string, args ...any) checked {
	return checked{detail: fmt.Sprintf(format, args...), skipped: true}
}

// check makes one check and says what came of it.
func (d *doctor) check(ctx context.Context, name string, check func(context.Context) checked) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	f := check(ctx)
	verdict, detail := d.colours.green("ok  "), f.detail
	switch {
	case f.err != nil:
		verdict, detail = d.colours.red("FAIL"), f.err.Error()
		d.failed++
	case f.skipped:
		verdict = d.colours.faint("skip")
	}
	fmt.Fprintf(d.out, "%s  %-26s %s\n", verdict, name, strings.Join(strings.Fields(clean(detail)), " "))
}

func (d *doctor) examine(ctx context.Context) {
	d.check(ctx, "disk", d.disk)
	d.check(ctx, "fsync", d.fsync)
	aws, err := d.dial(ctx)
	d.check(ctx, "AWS configuration", func(context.Context) checked {
		if err != nil {
			return fails("%w", err)
		}
		return found("%s", strings.Join(d.config.Upstream.Regions, ", "))
	})
	if err != nil {
		return
	}
	defer aws.upstream.Close()
	d.check(ctx, "credentials", aws.credentials)
	for _, region := range d.config.Upstream.Regions {
		d.check(ctx, "endpoint "+region, func(ctx context.Context) checked { return aws.endpoint(ctx, region) })
	}
	d.check(ctx, "awkward ids", aws.awkwardIDs)
	d.check(ctx, "clock", aws.clock)
	for _, region := range d.config.Upstream.Regions {
		d.check(ctx, "CloudTrail "+region, func(ctx context.Context) checked { return aws.lookup(ctx, region) })
	}
}
