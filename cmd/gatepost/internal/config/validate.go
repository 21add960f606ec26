package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// validate reports every rule that the gathered values break. Rules about a
// value that could not be read are left out: its own fault says enough.
func (l *loader) validate() {
	l.validateChoices()
	l.validateProxy()
	l.validateAdmin()
	l.validateCallers()
	l.validateUpstream()
	l.validateCache()
	l.validateAudit()
	l.validateCorrelate()
}

// reject reports a fault of name. A rule between keys also names the others:
// the fault is placed where the first of them was given that was given at
// all, since one left at its default has no place.
func (l *loader) reject(name, problem string, others ...string) {
	all := append([]string{name}, others...)
	if slices.ContainsFunc(all, func(k string) bool { return l.broken[k] }) {
		return
	}
	for _, k := range all {
		if o, ok := l.origins[k]; ok {
			l.fault(o, name, problem)
			return
		}
	}
	l.fault(Origin{}, name, problem)
}

// validateChoices holds the closed sets.
func (l *loader) validateChoices() {
	for _, k := range l.schema.keys {
		choices := k.choices()
		if choices == nil {
			continue
		}
		if text := k.field(&l.config).String(); !slices.Contains(choices, text) {
			l.reject(k.name, fmt.Sprintf("%q is not known: use %s", text, either(choices)))
		}
	}
}

func (l *loader) validateProxy() {
	p := l.config.Proxy
	listen, err := parseAddress(p.Listen)
	if err != nil {
		l.reject("proxy.listen", err.Error())
	}
	hasTLS := p.TLS.CertFile != "" || p.TLS.KeyFile != ""
	if err == nil && !listen.loopback() && !hasTLS && !p.InsecurePlaintext {
		l.reject("proxy.listen", fmt.Sprintf("%s is not loopback and has no TLS: set proxy.tls.cert_file and proxy.tls.key_file, "+
			"or proxy.insecure_plaintext: true if something else encrypts this network path", p.Listen),
			"proxy.tls.cert_file", "proxy.tls.key_file")
	}
	for _, name := range p.PublicNames {
		if err := checkPublicName(name); err != nil {
			l.reject("proxy.public_names", err.Error())
		}
	}
	switch {
	case p.TLS.CertFile != "" && p.TLS.KeyFile == "":
		l.reject("proxy.tls.key_file", "is missing: proxy.tls.cert_file needs its private key", "proxy.tls.cert_file")
	case p.TLS.CertFile == "" && p.TLS.KeyFile != "":
		l.reject("proxy.tls.cert_file", "is missing: proxy.tls.key_file needs its certificate", "proxy.tls.key_file")
	}
	if p.TLS.ClientCAFile != "" && !hasTLS {
		l.reject("proxy.tls.client_ca_file", "needs TLS: set proxy.tls.cert_file and proxy.tls.key_file too")
	}
	if p.MaxConnections < 1 || p.MaxConnections > 1_000_000 {
		l.reject("proxy.max_connections", fmt.Sprintf("%d is outside 1 to 1000000", p.MaxConnections))
	}
	l.within("proxy.header_timeout", p.HeaderTimeout, 100*time.Millisecond, 5*time.Minute)
	l.within("proxy.request_timeout", p.RequestTimeout, time.Second, 15*time.Minute)
	l.within("proxy.idle_timeout", p.IdleTimeout, time.Second, time.Hour)
}

func (l *loader) validateAdmin() {
	listen, err := parseAddress(l.config.Admin.Listen)
	if err != nil {
		l.reject("admin.listen", err.Error())
		return
	}
	for _, name := range l.config.Admin.PublicNames {
		if err := checkPublicName(name); err != nil {
			l.reject("admin.public_names", err.Error())
		}
	}
	if !listen.loopback() && l.config.Admin.TokensFile == "" {
		l.reject("admin.tokens_file", fmt.Sprintf("is missing: admin.listen %s is not loopback; make tokens with gatepost tokens new and name their file, "+
			"or listen on 127.0.0.1", l.config.Admin.Listen), "admin.listen")
	}
	if proxy, err := parseAddress(l.config.Proxy.Listen); err == nil && listen.collides(proxy) {
		l.reject("admin.listen", fmt.Sprintf("%s collides with proxy.listen %s: the two listeners need different ports",
			l.config.Admin.Listen, l.config.Proxy.Listen), "proxy.listen")
	}
}

func (l *loader) validateCallers() {
	if l.config.Callers.KeysFile == "" {
		l.reject("callers.keys_file", "is empty: name the file that gatepost keys new writes")
	}
	l.within("callers.clock_skew", l.config.Callers.ClockSkew, time.Second, 15*time.Minute)
}

func (l *loader) validateUpstream() {
	u := l.config.Upstream
	if len(u.Regions) == 0 {
		l.reject("upstream.regions", "is empty: name at least one region, such as [us-west-2]")
	}
	for i, region := range u.Regions {
		switch {
		case !regionForm.MatchString(region):
			l.reject("upstream.regions", fmt.Sprintf("%q does not have the form of a region: write one such as us-west-2", region))
		case slices.Contains(u.Regions[:i], region):
			l.reject("upstream.regions", fmt.Sprintf("%s is given twice", region))
		}
	}
	if err := checkEndpoint(u.Endpoint); err != nil {
		l.reject("upstream.endpoint", err.Error())
	}
	if u.FIPS && u.Endpoint != "" {
		l.reject("upstream.fips", "has no effect on upstream.endpoint: name a FIPS address there and set this to false, or remove the endpoint", "upstream.endpoint")
	}
	if arn := u.AssumeRole.RoleARN; arn != "" && !roleForm.MatchString(arn) {
		l.reject("upstream.assume_role.role_arn", fmt.Sprintf("%q is not the ARN of a role: write arn:aws:iam::123456789012:role/name", arn))
	}
	if u.AssumeRole.PerPrincipal && u.AssumeRole.RoleARN == "" {
		l.reject("upstream.assume_role.per_principal", "needs upstream.assume_role.role_arn: name the role to assume for each caller",
			"upstream.assume_role.role_arn")
	}
	if l.within("upstream.timeout", u.Timeout, 100*time.Millisecond, 5*time.Minute) && u.Timeout >= l.config.Proxy.RequestTimeout {
		l.reject("upstream.timeout", fmt.Sprintf("%s is not shorter than proxy.request_timeout %s: a slow call to AWS could not be answered any more",
			FormatDuration(u.Timeout), FormatDuration(l.config.Proxy.RequestTimeout)), "proxy.request_timeout")
	}
	if u.MaxInFlight < 1 || u.MaxInFlight > 10_000 {
		l.reject("upstream.max_in_flight", fmt.Sprintf("%d is outside 1 to 10000", u.MaxInFlight))
	}
}

func (l *loader) validateCache() {
	c := l.config.Cache
	l.within("cache.ttl", c.TTL, 0, 15*time.Minute)
	l.sizeWithin("cache.max_bytes", c.MaxBytes, mebibyte, 1024*gibibyte)
}

func (l *loader) validateAudit() {
	a := l.config.Audit
	if a.Dir == "" {
		l.reject("audit.dir", "is empty: name the directory of the log")
	}
	l.within("audit.commit_timeout", a.CommitTimeout, time.Millisecond, 30*time.Second)
	l.sizeWithin("audit.segment_bytes", a.SegmentBytes, 64<<10, 64*gibibyte)
	l.within("audit.checkpoint_interval", a.CheckpointInterval, 10*time.Millisecond, time.Hour)
	for i, text := range a.CheckpointCopies {
		if _, err := ParseCheckpointCopy(text); err != nil {
			l.reject("audit.checkpoint_copies", err.Error())
		} else if slices.Contains(a.CheckpointCopies[:i], text) {
			l.reject("audit.checkpoint_copies", fmt.Sprintf("%q is given twice", text))
		}
	}
	if a.Origin != "" && !originForm.MatchString(a.Origin) {
		l.reject("audit.origin", fmt.Sprintf("%q cannot name a log: use letters, digits and . _ - / alone, at most 255, such as gatepost/fra1", a.Origin))
	}
	l.sizeWithin("audit.reserve", a.Reserve, mebibyte, 1024*gibibyte)
}

func (l *loader) validateCorrelate() {
	c := l.config.Correlate
	if err := checkEndpoint(c.Endpoint); err != nil {
		l.reject("correlate.endpoint", err.Error())
	}
	if c.Source == SourceTrailFiles && c.TrailDir == "" {
		l.reject("correlate.trail_dir", "is missing: correlate.source trail-files reads its files", "correlate.source")
	}
	poll := l.within("correlate.poll_interval", c.PollInterval, 100*time.Millisecond, time.Hour)
	switch {
	case c.LookupsPerSecond <= 0:
		l.reject("correlate.lookups_per_second", "must be above 0; to look nothing up set correlate.source: off")
	case c.LookupsPerSecond > 2 && !loopbackEndpoint(c.Endpoint):
		l.reject("correlate.lookups_per_second", "must be at most 2: AWS allows an account no more, and shares them with every other tool")
	case c.LookupsPerSecond > 1000:
		l.reject("correlate.lookups_per_second", "must be at most 1000")
	}
	if poll && c.LateAfter < c.PollInterval {
		l.reject("correlate.late_after", fmt.Sprintf("%s is shorter than correlate.poll_interval %s",
			FormatDuration(c.LateAfter), FormatDuration(c.PollInterval)), "correlate.poll_interval")
	}
	if l.within("correlate.settle_after", c.SettleAfter, time.Second, 90*day) && c.SettleAfter <= c.LateAfter {
		l.reject("correlate.settle_after", fmt.Sprintf("%s is not longer than correlate.late_after %s: records that come late would be called missing",
			FormatDuration(c.SettleAfter), FormatDuration(c.LateAfter)), "correlate.late_after")
	}
	for i, rule := range c.KnownDirect {
		for _, problem := range rule.problems() {
			l.reject("correlate.known_direct", fmt.Sprintf("rule %d: %s", i+1, problem))
		}
	}
}

// either lists choices as a sentence does: a, b or c.
func either(choices []string) string {
	last := len(choices) - 1
	if last == 0 {
		return choices[0]
	}
	return strings.Join(choices[:last], ", ") + " or " + choices[last]
}

// within reports whether d lies in its bounds, and a fault if it does not.
func (l *loader) within(name string, d, low, high time.Duration) bool {
	if d >= low && d <= high {
		return true
	}
	lowest := FormatDuration(low)
	if low == 0 {
		lowest = "0s"
	}
	l.reject(name, fmt.Sprintf("%s is outside %s to %s", FormatDuration(d), lowest, FormatDuration(high)))
	return false
}

func (l *loader) sizeWithin(name string, n, low, high int64) {
	if n < low || n > high {
		l.reject(name, fmt.Sprintf("%s is outside %s to %s", FormatSize(n), FormatSize(low), FormatSize(high)))
	}
}
