package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/archive"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/lookup"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/trail"
	"github.com/gatepost-proxy/gatepost/audit/console"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
	"github.com/gatepost-proxy/gatepost/audit/reconcile"
	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
	"github.com/gatepost-proxy/gatepost/metrics"
	"github.com/gatepost-proxy/gatepost/proxy/upstream"
)

// openCorrelation wires what holds the log against CloudTrail. Where it is off, s.reconciler stays nil.
func (s *service) openCorrelation(ctx context.Context) error {
	c := s.config.Correlate
	if c.Source == config.SourceLookupEvents && c.Endpoint == "" && s.upstream.Simulated() {
		// Whose calls a simulator answers is nothing that AWS could know, and a test must not talk to it.
		s.log.Warn("correlation is off: upstream.endpoint is on this machine and correlate.endpoint names no CloudTrail to go with it")
		c.Source = config.SourceOff
	}
	if c.Source == config.SourceOff {
		return nil
	}
	var err error
	if s.archive, err = archive.Open(ctx, archive.Config{Dir: s.config.Audit.Dir, Logger: s.log}); err != nil {
		return err
	}
	var sources []reconcile.Source
	if c.Source == config.SourceTrailFiles {
		sources, err = s.trailFiles()
	} else {
		sources, err = s.lookups(ctx)
	}
	if err != nil {
		return err
	}
	s.reconciler, err = reconcile.Open(ctx, reconcile.Config{
		Journal: s.journal, Archive: s.archive, Sources: sources, PollInterval: c.PollInterval,
		Correlate: correlateConfig(s.config), Observer: s.metrics.Correlation, Logger: s.log,
	})
	return err
}

// correlateConfig is the core's part of the configuration.
func correlateConfig(c config.Config) correlate.Config {
	core := correlate.Config{
		LateAfter: c.Correlate.LateAfter, SettleAfter: c.Correlate.SettleAfter, Origin: origin(c.Audit.Origin),
		// Longer than a call takes, its retry and both its commits included.
		Grace: min(c.Upstream.Timeout+2*c.Audit.CommitTimeout+2*time.Second, c.Correlate.LateAfter),
	}
	for _, rule := range c.Correlate.KnownDirect {
		core.KnownDirect = append(core.KnownDirect, correlate.Rule{PrincipalARN: rule.PrincipalARN, SourceIP: rule.SourceIP, UserAgent: rule.UserAgent})
	}
	return core
}

// cloudTrail returns clients of CloudTrail by region. They sign as calls do: the records are in the account where the calls are made.
func cloudTrail(ctx context.Context, c config.Config, up *upstream.Client) (func(region string) *cloudtrail.Client, error) {
	options := []func(*awsconfig.LoadOptions) error{awsconfig.WithCredentialsProvider(up.Credentials()), awsconfig.WithRegion(c.Upstream.Regions[0])}
	if c.Upstream.Profile != "" {
		options = append(options, awsconfig.WithSharedConfigProfile(c.Upstream.Profile))
	}
	sdk, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("load AWS configuration: %w", err)
	}
	// The provider keeps credentials fresh by itself; the SDK's cache would outlive a refusal.
	sdk.Credentials = up.Credentials()
	return func(region string) *cloudtrail.Client {
		return cloudtrail.NewFromConfig(sdk, func(o *cloudtrail.Options) {
			o.Region = region
			if c.Correlate.Endpoint != "" {
				o.BaseEndpoint = aws.String(strings.ReplaceAll(c.Correlate.Endpoint, "{region}", region))
			} else if c.Upstream.FIPS {
				o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateEnabled
			}
		})
	}, nil
}

// lookups are a source for each region.
func (s *service) lookups(ctx context.Context) ([]reconcile.Source, error) {
	c := s.config
	client, err := cloudTrail(ctx, c, s.upstream)
	if err != nil {
		return nil, err
	}
	account := func() string {
		own, err := s.upstream.Own(ctx)
		if err != nil {
			return ""
		}
		return own.Account
	}
	var sources []reconcile.Source
	for _, region := range c.Upstream.Regions {
		source, err := lookup.New(lookup.Config{
			Client: client(region), Account: account, Region: region, LateAfter: c.Correlate.LateAfter, SettleAfter: c.Correlate.SettleAfter, PerSecond: c.Correlate.LookupsPerSecond,
			Places: s.archive, Observer: lookupObserver{s.metrics.Correlation}, Logger: s.log.With(slog.String("region", region)),
		})
		if err != nil {
			return nil, err
		}
		sources = append(sources, reconcile.Source{Name: region, Source: source})
	}
	return sources, nil
}

// trailFiles is the one source that has all regions.
func (s *service) trailFiles() ([]reconcile.Source, error) {
	c := s.config.Correlate
	source, err := trail.New(trail.Config{Paths: []string{c.TrailDir}, Keys: c.TrailKeys, SettleAfter: c.SettleAfter, Places: s.archive, Observer: lookupObserver{s.metrics.Correlation}, Logger: s.log})
	if err != nil {
		return nil, err
	}
	return []reconcile.Source{{Name: "trail files", Source: source}}, nil
}

// lookupObserver counts lookups, and readings of a trail's files.
type lookupObserver struct{ metrics *metrics.Correlation }

func (o lookupObserver) Lookup(result string, _ time.Duration) { o.metrics.Looked(result) }
func (o lookupObserver) Read(result string)                    { o.metrics.Looked(result) }

// correlationReadiness reports on what holds the log against CloudTrail. Calls are answered with and without it.
func (s *service) correlationReadiness() console.Component {
	if s.reconciler == nil {
		return console.Component{OK: true, Reason: "off", Details: map[string]any{"source": config.SourceOff}}
	}
	status := s.reconciler.Status()
	details := map[string]any{"source": s.config.Correlate.Source, "behind": status.Behind, "entries": status.Entries}
	if !status.LastSuccess.IsZero() {
		details["last_success"] = status.LastSuccess
	}
	c := console.Component{OK: status.OK, Reason: status.Reason, Details: details}
	if !status.OK && !status.Since.IsZero() {
		c.Since = &status.Since
	}
	return c
}
