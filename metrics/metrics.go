package metrics

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Config names the closed sets that other packages own. "other" need not be
// listed; it belongs to every set.
type Config struct {
	Build      Build
	Operations []string // the API's operation names; "Unknown" need not be listed
	Regions    []string // those that callers may sign for

	AuditRefusals  []string // why the journal does not take an entry
	CacheEvictions []string // why an entry leaves the cache
	CacheFills     []string // what becomes of an answer offered to the cache
	Rejections     []string // why the listener refuses a request

	CorrelationFindings []string // what a CloudTrail record without its call may be
	CloudTrailLookups   []string // what becomes of a request to CloudTrail
}

// Metrics holds every collector, one field a subsystem.
type Metrics struct {
	Requests    *Requests
	Upstream    *Upstream
	Cache       *Cache
	Audit       *Audit
	Correlation *Correlation
	Rejections  *Rejections

	// The files that are read again while gatepost runs.
	Keys   *Reload
	Tokens *Reload
	TLS    *Reload

	registry *prometheus.Registry
}

// New registers every collector in a registry of its own, so that two of them
// in one process, as in tests, know nothing of each other. It fails only on
// values that can't be labels.
func New(c Config) (*Metrics, error) {
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newBuildInfo(c.Build),
	)
	sets := callSets{
		operation:  newLabelSet(append([]string{operationUnknown}, c.Operations...)...),
		region:     newLabelSet(c.Regions...),
		cache:      newLabelSet(cacheResults()...),
		decision:   newLabelSet(decisions()...),
		errorClass: newLabelSet(errorClasses()...),
	}
	return &Metrics{
		Requests:    newRequests(reg, sets, c.Regions),
		Upstream:    newUpstream(reg, sets, c.Regions),
		Cache:       newCache(reg, c.CacheEvictions, c.CacheFills),
		Audit:       newAudit(reg, c.AuditRefusals),
		Correlation: newCorrelation(reg, c.CorrelationFindings, c.CloudTrailLookups),
		Rejections:  newRejections(reg, c.Rejections),
		Keys:        newReload(reg, "keys"),
		Tokens:      newReload(reg, "tokens"),
		TLS:         newReload(reg, "tls"),
		registry:    reg,
	}, nil
}

// validate refuses values that no label should have. They come from code and
// from configuration, never from callers, so a fault is worth stopping for.
func (c Config) validate() error {
	var errs []error
	if build := c.Build.Version + c.Build.Commit + c.Build.GoVersion; !utf8.ValidString(build) {
		errs = append(errs, fmt.Errorf("build: %q is not UTF-8", build))
	}
	for _, set := range []struct {
		name   string
		values []string
	}{
		{"operations", c.Operations},
		{"regions", c.Regions},
		{"audit refusals", c.AuditRefusals},
		{"cache evictions", c.CacheEvictions},
		{"cache fills", c.CacheFills},
		{"rejections", c.Rejections},
		{"correlation findings", c.CorrelationFindings},
		{"cloudtrail lookups", c.CloudTrailLookups},
	} {
		for _, v := range set.values {
			if v == "" || !utf8.ValidString(v) {
				errs = append(errs, fmt.Errorf("%s: value %q is empty or not UTF-8", set.name, v))
			}
		}
	}
	return errors.Join(errs...)
}
