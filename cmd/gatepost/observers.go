package main

import (
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/lookup"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/cache"
	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
	"github.com/gatepost-proxy/gatepost/metrics"
	"github.com/gatepost-proxy/gatepost/proxy/http1"
	"github.com/gatepost-proxy/gatepost/proxy/outposts"
)

// newMetrics names the closed sets, each from the package that owns it.
func newMetrics(c config.Config) (*metrics.Metrics, error) {
	var operations []string
	for _, op := range outposts.Operations() {
		operations = append(operations, op.Name)
	}
	var rejections []string
	for _, r := range http1.Reasons() {
		rejections = append(rejections, string(r))
	}
	var findings []string
	for _, kind := range correlate.Kinds() {
		if kind != correlate.Covered { // which is a verdict
			findings = append(findings, string(kind))
		}
	}
	build := readBuild()
	return metrics.New(metrics.Config{
		Build:          metrics.Build{Version: build.Version, Commit: build.Commit, GoVersion: build.Go, FIPS: build.FIPS140.Enabled},
		Operations:     operations,
		Regions:        c.Upstream.Regions,
		AuditRefusals:  journal.Reasons(),
		CacheEvictions: cache.EvictionReasons(),
		CacheFills:     cache.FillResults(),
		Rejections:     rejections,

		CorrelationFindings: findings,
		CloudTrailLookups:   lookup.Results(), // trail.Results are among them
	})
}

// trackMetrics gives the gauges their sources, which are read at a scrape.
func (s *service) trackMetrics() {
	s.metrics.Audit.Track(func() metrics.AuditState {
		h := s.journal.Health()
		return metrics.AuditState{
			Healthy: h.OK, FreeBytes: h.FreeBytes, Reserve: s.config.Audit.Reserve, Checkpoint: s.ledger.Health().Signed, IndexLag: int64(s.indexLag()),
		}
	})
	if s.cache != nil {
		s.metrics.Cache.Track(func() metrics.CacheState {
			stats := s.cache.Stats()
			return metrics.CacheState{Entries: stats.Entries, Bytes: stats.Bytes}
		})
	}
	if s.reconciler != nil {
		s.metrics.Correlation.Track(func() metrics.CorrelationState {
			return metrics.CorrelationState{Attempts: s.reconciler.Counts(), LastSuccess: s.reconciler.Status().LastSuccess}
		})
	}
	s.metrics.Keys.Track(func() metrics.ReloadState {
		status := s.keys.Status()
		return metrics.ReloadState{OK: status.Err == nil, Loaded: status.Loaded, Expiry: status.Expiry}
	})
	if s.tokens != nil {
		s.metrics.Tokens.Track(func() metrics.ReloadState {
			status := s.tokens.Status()
			return metrics.ReloadState{OK: status.Err == nil, Loaded: status.Loaded, Expiry: status.Expiry}
		})
	}
	if s.tls != nil {
		s.metrics.TLS.Track(func() metrics.ReloadState {
			status := s.tls.Status()
			return metrics.ReloadState{OK: status.OK, Loaded: status.LoadedAt, Expiry: status.NotAfter}
		})
	}
}

// The observers below are what the packages ask for, in the plain types that metrics takes.

type requestObserver struct{ metrics *metrics.Metrics }

func (o requestObserver) Request(operation, region string, cache audit.CacheResult, decision audit.Decision, class audit.ErrorClass, took time.Duration, eventID string) {
	o.metrics.Requests.Observe(metrics.Request{
		Operation: operation, Region: region, Cache: string(cache), Decision: string(decision), ErrorClass: string(class),
	}, took, eventID)
}

func (o requestObserver) Rejected(reason string) { o.metrics.Rejections.Rejected(reason) }

type journalObserver struct{ metrics *metrics.Audit }

func (o journalObserver) Committed(entries int, commit, fsync time.Duration) {
	o.metrics.Committed(entries, commit, fsync)
}
func (o journalObserver) Appended(kind audit.Kind) { o.metrics.Appended(string(kind)) }
func (o journalObserver) Refused(reason string)    { o.metrics.Refused(reason) }
