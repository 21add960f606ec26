package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/archive"
	"github.com/gatepost-proxy/gatepost/audit/console"
	"github.com/gatepost-proxy/gatepost/audit/console/token"
	"github.com/gatepost-proxy/gatepost/audit/index"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
	"github.com/gatepost-proxy/gatepost/audit/reconcile"
	"github.com/gatepost-proxy/gatepost/cache"
	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
	"github.com/gatepost-proxy/gatepost/metrics"
	"github.com/gatepost-proxy/gatepost/proxy"
	"github.com/gatepost-proxy/gatepost/proxy/certificate"
	"github.com/gatepost-proxy/gatepost/proxy/http1"
	"github.com/gatepost-proxy/gatepost/proxy/keyring"
	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
	"github.com/gatepost-proxy/gatepost/proxy/upstream"
)

// service is everything that `gatepost serve` runs, wired.
type service struct {
	config config.Config
	log    *slog.Logger

	metrics  *metrics.Metrics
	keys     *keyring.Ring
	tls      *certificate.Store // nil on plaintext
	tokens   *token.Store       // nil on loopback, where none are needed
	journal  *journal.Journal
	ledger   *ledger.Ledger
	index    *index.Index
	upstream *upstream.Client
	cache    *cache.Cache // nil when it is turned off
	handler  *proxy.Handler
	callers  *http1.Server
	console  *console.Console
	admin    *http.Server

	archive    *archive.Archive // nil, as reconciler, where correlation is off
	reconciler *reconcile.Reconciler

	callersListener, adminListener net.Listener

	background sync.WaitGroup     // the goroutines that stopBackground ends
	quit       context.CancelFunc // ends background
	failed     chan error         // a listener that ended by itself
}

// substitutes replace parts of the world, for a demonstration that needs no AWS account.
type substitutes struct {
	credentials aws.CredentialsProvider
	stsEndpoint string
	stdout      io.Writer // of the process; nil discards
}

// How long stopping may take: answers in the making have upstream.timeout and then some, and the rest is flushing.
const (
	drainTimeout = 30 * time.Second
	flushTimeout = 10 * time.Second
)

// startService brings everything up, in the order in which each part needs the ones before it. On an error what was started is stopped.
func startService(ctx context.Context, c config.Config, log *slog.Logger, sub substitutes) (_ *service, err error) {
	s := &service{config: c, log: log, failed: make(chan error, 2)}
	background, quit := context.WithCancel(context.WithoutCancel(ctx))
	s.quit = quit
	defer func() {
		if err != nil {
			s.release(context.WithoutCancel(ctx))
		}
	}()

	// A core file would hold callers' secrets and connection details.
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		log.Warn("core dumps stay possible", slog.Any("err", err))
	}
	if s.metrics, err = newMetrics(c); err != nil {
		return nil, err
	}
	if s.keys, err = keyring.Open(c.Callers.KeysFile, keyring.Options{Regions: c.Upstream.Regions, Logger: log}); err != nil {
		return nil, err
	}
	if c.Admin.TokensFile != "" {
		if s.tokens, err = token.Open(c.Admin.TokensFile, token.Options{Logger: log}); err != nil {
			return nil, err
		}
	}
	if c.Proxy.TLS.CertFile != "" {
		files := certificate.Files{Cert: c.Proxy.TLS.CertFile, Key: c.Proxy.TLS.KeyFile, ClientCA: c.Proxy.TLS.ClientCAFile}
		if s.tls, err = certificate.Open(files, certificate.Options{Logger: log}); err != nil {
			return nil, err
		}
	}
	s.journal, err = journal.Open(ctx, journal.Config{
		Dir: c.Audit.Dir, Origin: origin(c.Audit.Origin), Version: version, CommitTimeout: c.Audit.CommitTimeout, SegmentBytes: c.Audit.SegmentBytes, Reserve: c.Audit.Reserve,
		Logger: log, Observer: journalObserver{s.metrics.Audit},
	})
	if err != nil {
		return nil, err
	}
	copies, err := checkpointCopies(c.Audit, sub.stdout)
	if err != nil {
		return nil, err
	}
	source := ledger.JournalSource(s.journal, c.Audit.Dir) // which can be read to its last line after the journal is closed
	if s.ledger, err = ledger.Open(ctx, ledger.Config{
		Dir: c.Audit.Dir, Origin: origin(c.Audit.Origin), Interval: c.Audit.CheckpointInterval, Source: source, Sinks: copies, Logger: log,
	}); err != nil {
		return nil, err
	}
	if s.index, err = index.Open(ctx, index.Config{Dir: c.Audit.Dir, Source: source, Logger: log}); err != nil {
		return nil, err
	}
	toAWS := upstreamConfig(c, sub, log)
	toAWS.Observer = s.metrics.Upstream
	s.upstream, err = upstream.New(ctx, toAWS)
	if err != nil {
		return nil, err
	}
	if err := s.openCorrelation(ctx); err != nil {
		return nil, err
	}
	if c.Cache.TTL > 0 {
		s.cache, err = cache.New(cache.Config{
			MaxBytes: c.Cache.MaxBytes, TTL: c.Cache.TTL, Scope: cache.Scope(c.Cache.Scope),
			LoadTimeout: c.Upstream.Timeout + 2*c.Audit.CommitTimeout + time.Second, Observer: s.metrics.Cache,
		})
		if err != nil {
			return nil, err
		}
	}
	if s.callersListener, err = net.Listen("tcp", c.Proxy.Listen); err != nil {
		return nil, err
	}
	if s.adminListener, err = net.Listen("tcp", c.Admin.Listen); err != nil {
		return nil, err
	}

	s.handler = proxy.New(proxy.Config{
		Verifier: &sigv4.Verifier{Service: "outposts", Regions: c.Upstream.Regions, Hosts: publicNames(c.Proxy.PublicNames, s.callersListener.Addr()), Skew: c.Callers.ClockSkew},
		Keys:     s.keys, Upstream: s.upstream, Cache: s.cache, Journal: s.journal, Observer: requestObserver{s.metrics}, Logger: log,
	})
	s.callers = &http1.Server{
		Handler: s.handler, HeaderTimeout: c.Proxy.HeaderTimeout, RequestTimeout: c.Proxy.RequestTimeout, IdleTimeout: c.Proxy.IdleTimeout,
		MaxConns: c.Proxy.MaxConnections, Logger: log,
	}
	if s.tls != nil {
		s.callers.TLS = s.tls.Config()
		s.background.Go(func() { s.tls.Run(background) })
	}
	s.console = newConsole(s)
	s.admin = s.console.Server()
	s.trackMetrics()

	s.background.Go(func() { s.keys.Run(background) })
	s.background.Go(func() { s.handler.Run(background) })
	if s.tokens != nil {
		s.background.Go(func() { s.tokens.Run(background) })
	}
	s.follow(background, "ledger", s.ledger.Run)
	s.follow(background, "index", s.index.Run)
	if s.reconciler != nil {
		s.follow(background, "correlation", s.reconciler.Run)
	}
	go func() { s.failed <- s.callers.Serve(s.callersListener) }()
	go func() { s.failed <- s.admin.Serve(s.adminListener) }()
	return s, nil
}

// upstreamConfig is how calls go to AWS.
func upstreamConfig(c config.Config, sub substitutes, log *slog.Logger) upstream.Config {
	return upstream.Config{
		Regions: c.Upstream.Regions, Endpoint: c.Upstream.Endpoint, STSEndpoint: sub.stsEndpoint, FIPS: c.Upstream.FIPS, Profile: c.Upstream.Profile, Credentials: sub.credentials,
		AssumeRole: upstream.AssumeRole{RoleARN: c.Upstream.AssumeRole.RoleARN, PerPrincipal: c.Upstream.AssumeRole.PerPrincipal},
		Timeout:    c.Upstream.Timeout, MaxInFlight: c.Upstream.MaxInFlight, Version: version, Logger: log,
	}
}

// reload reads the files again that may change while gatepost runs. What does not load leaves the former state in force.
func (s *service) reload() {
	if err := s.keys.Reload(); err != nil {
		s.log.Error("reload keys", slog.Any("err", err))
	}
	if s.tokens != nil {
		if err := s.tokens.Reload(); err != nil {
			s.log.Error("reload tokens", slog.Any("err", err))
		}
	}
	if s.tls != nil {
		if err := s.tls.Reload(); err != nil {
			s.log.Error("reload TLS files", slog.Any("err", err))
		}
	}
}

// stop ends everything in the order that loses nothing: no new calls, the answers in the making, the summaries they leave, the log.
func (s *service) stop(ctx context.Context) error {
	drain, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	if err := s.callers.Shutdown(drain); err != nil {
		s.log.Warn("callers were cut off", slog.Any("err", err))
	}
	return s.release(ctx)
}

// release ends what there is, also of a service that only half came up.
func (s *service) release(ctx context.Context) error {
	s.quit()
	s.background.Wait()
	flush, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	var errs []error
	if s.upstream != nil {
		s.upstream.Close()
	}
	if s.cache != nil {
		s.cache.Close()
	}
	if s.journal != nil {
		errs = append(errs, s.journal.Close(flush))
	}
	// The listener outlives the log, so that readiness can be asked for to the end; what it reads from has to outlive the listener.
	if s.admin != nil {
		errs = append(errs, s.admin.Shutdown(flush))
	}
	if s.index != nil {
		errs = append(errs, s.index.Close())
	}
	if s.archive != nil {
		errs = append(errs, s.archive.Close())
	}
	if s.ledger != nil {
		errs = append(errs, s.ledger.Close(flush))
	}
	for _, ln := range []net.Listener{s.callersListener, s.adminListener} {
		if ln != nil {
			ln.Close()
		}
	}
	return errors.Join(errs...)
}

// origin is the log's name. It is part of every checkpoint: give one in the configuration before the host's name changes.
func origin(configured string) string {
	if configured != "" {
		return configured
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	return "gatepost/" + host
}

// publicNames are the Host values that callers sign: those configured, or the listener's address and localhost with its port.
func publicNames(configured []string, addr net.Addr) []string {
	if len(configured) > 0 {
		return configured
	}
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return []string{addr.String()}
	}
	return []string{addr.String(), net.JoinHostPort("localhost", port)}
}
