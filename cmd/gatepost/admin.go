package main

import (
	"context"
	"log/slog"

	"github.com/gatepost-proxy/gatepost/audit/console"
	"github.com/gatepost-proxy/gatepost/proxy/keyring"
)

// newConsole is what operators and security teams use. It has a mux and a listener of its own, so that nothing of it can be reached by
// callers, and nothing of theirs from here.
func newConsole(s *service) *console.Console {
	c := console.Config{
		Log: s.journal, Recorder: s.journal, Index: s.index, Prover: s.ledger, Tiles: s.ledger.Handler(),
		Ready: s.readiness, Metrics: s.metrics.Handler(s.log), Tokens: s.tokens, Logger: s.log,
		Keys: keysFile{keyring.File{Path: s.config.Callers.KeysFile}}, VerifierKey: s.ledger.VerifierKey(), Version: version,
		Hosts: s.config.Admin.PublicNames,
	}
	if s.cache != nil {
		c.Purger, c.Cached = s.cache, cachedAnswers{s.cache}
	}
	if s.archive != nil {
		c.Records = s.archive
	}
	return console.New(c)
}

// readiness reports each component, and whether calls would be answered now. That the log's followers keep up is no condition: they read
// what is durable, and catch up.
func (s *service) readiness(ctx context.Context) console.Readiness {
	components := make(map[string]console.Component)

	journal := s.journal.Health()
	c := console.Component{OK: journal.OK, Reason: journal.Reason, Details: map[string]any{"size": journal.Size, "free_bytes": journal.FreeBytes, "reserve_bytes": s.config.Audit.Reserve}}
	if !journal.OK {
		c.Since = &journal.Since
	}
	components["audit"] = c

	up := s.upstream.Ready(ctx)
	components["upstream"] = console.Component{OK: up.OK, Reason: up.Reason, Details: map[string]any{
		"account": up.Identity.Account, "identity_arn": up.Identity.ARN, "clock_offset_ms": up.ClockOffset.Milliseconds(),
	}}

	keys := s.keys.Status()
	c = console.Component{OK: keys.Err == nil, Details: map[string]any{"keys": keys.Keys, "loaded": keys.Loaded}}
	if keys.Err != nil {
		c.Reason, c.Since = "the keys file is refused; the keys loaded before stay in use: see the log", &keys.Since
	}
	components["keys"] = c

	if s.tokens != nil {
		tokens := s.tokens.Status()
		c = console.Component{OK: tokens.Err == nil, Details: map[string]any{"tokens": tokens.Tokens, "loaded": tokens.Loaded}}
		if tokens.Err != nil {
			c.Reason, c.Since = "the tokens file is refused; the tokens loaded before stay in use: see the log", &tokens.Since
		}
		components["tokens"] = c
	}
	if s.tls != nil {
		status := s.tls.Status()
		components["tls"] = console.Component{OK: status.OK, Reason: status.Reason, Details: map[string]any{"not_after": status.NotAfter, "loaded": status.LoadedAt}}
	}
	if s.cache != nil {
		stats := s.cache.Stats()
		components["cache"] = console.Component{OK: true, Details: map[string]any{"entries": stats.Entries, "bytes": stats.Bytes}}
	}

	ledger := s.ledger.Health()
	c = console.Component{OK: ledger.OK, Reason: ledger.Reason, Details: map[string]any{
		"size": ledger.Size, "signed": ledger.Signed, "public_key": s.ledger.VerifierKey(),
	}}
	if !ledger.OK {
		c.Since = &ledger.Since
	}
	components["ledger"] = c
	if copies := s.ledger.Copies(); len(copies) > 0 {
		components["checkpoint_copies"] = copiesReadiness(copies)
	}
	components["index"] = console.Component{OK: true, Details: map[string]any{"entries": s.index.Indexed(), "lag": s.indexLag()}}

	components["correlation"] = s.correlationReadiness()

	return console.Readiness{Ready: journal.OK && up.OK, Components: components}
}

// indexLag is how many entries of the log cannot be searched yet.
func (s *service) indexLag() uint64 { return s.index.Lag() }

// follow runs a follower of the log until ctx is done. One that gives up is told of: the log goes on without it.
func (s *service) follow(ctx context.Context, name string, run func(context.Context) error) {
	s.background.Go(func() {
		if err := run(ctx); err != nil {
			s.log.ErrorContext(ctx, "follower of the audit log ended", slog.String("follower", name), slog.Any("err", err))
		}
	})
}
