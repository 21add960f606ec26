package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
)

func newServeCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve [--config FILE]",
		Short: "Run the proxy and the admin listener",
		Long: `Runs the proxy for callers and the admin listener for operators, and says "ready"
with both addresses on standard error once they answer.

SIGTERM or SIGINT stops it in order: no new calls, those under way are answered,
the log is flushed, exit 0. A second signal ends it at once. SIGHUP reads the keys
and TLS files again, which it also does by itself when they change.`,
		Example: `  gatepost serve --config gatepost.yaml
  gatepost serve --callers.keys-file keys.yaml --proxy.listen 127.0.0.1:0`,
		Args: noArguments,
	}
	addConfigFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		loaded, err := p.loadConfig(cmd, true)
		if err != nil {
			return err
		}
		log := newLogger(p.stderr, loaded.Config.Log)
		standardLog(log)
		for _, warning := range loaded.Warnings() {
			log.Warn(warning)
		}
		return serve(cmd.Context(), loaded.Config, log, p.stdout)
	}
	return cmd
}

// serve runs until ctx ends or a listener fails.
func serve(ctx context.Context, c config.Config, log *slog.Logger, stdout io.Writer) error {
	s, err := startService(ctx, c, log, substitutes{stdout: stdout})
	if err != nil {
		return &exitError{code: exitStart, err: err}
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	log.Info("ready", slog.String("proxy", s.callersListener.Addr().String()), slog.String("admin", s.adminListener.Addr().String()),
		slog.String("version", version), slog.Bool("tls", s.tls != nil))
	for {
		select {
		case <-hangup:
			s.reload()
		case err := <-s.failed:
			log.Error("listener ended", slog.Any("err", err))
			s.stop(context.WithoutCancel(ctx))
			return &exitError{code: exitNo, err: err}
		case <-ctx.Done():
			log.Info("stopping")
			if err := s.stop(context.WithoutCancel(ctx)); err != nil {
				return &exitError{code: exitNo, err: err}
			}
			log.Info("stopped")
			return nil
		}
	}
}

// newLogger makes the operators' log. It is never the evidence.
func newLogger(w io.Writer, c config.Log) *slog.Logger {
	var level slog.Level
	level.UnmarshalText([]byte(c.Level)) // one of the four that the configuration allows
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
