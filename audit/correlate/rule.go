package correlate

import (
	"net/netip"
	"strings"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// rule is a Rule that is ready to be asked.
type rule struct {
	Rule
	source netip.Prefix
}

// compileRules leaves out the rules that match nobody: without a member, or with
// a source that is no address.
func compileRules(rules []Rule) (list []rule) {
	for _, r := range rules {
		if r == (Rule{}) {
			continue
		}
		c := rule{Rule: r}
		if r.SourceIP != "" {
			if p, err := netip.ParsePrefix(r.SourceIP); err == nil {
				c.source = p.Masked()
			} else if a, err := netip.ParseAddr(r.SourceIP); err == nil {
				c.source = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
			} else {
				continue
			}
		}
		list = append(list, c)
	}
	return list
}

func (c *Correlator) knownDirect(r *cloudtrail.Record) bool {
	for i := range c.rules {
		if c.rules[i].matches(r) {
			return true
		}
	}
	return false
}

func (k *rule) matches(r *cloudtrail.Record) bool {
	if k.PrincipalARN != "" && !globs(k.PrincipalARN, r.UserIdentity.ARN) && !globs(k.PrincipalARN, r.UserIdentity.IssuerARN) {
		return false
	}
	if k.UserAgent != "" && !globs(k.UserAgent, r.UserAgent) {
		return false
	}
	if k.SourceIP != "" {
		ip, err := netip.ParseAddr(r.SourceIP)
		if err != nil || !k.source.Contains(ip.Unmap()) {
			return false
		}
	}
	return true
}

// globs matches a value that is told against a pattern in which '*' stands for
// any text.
func globs(pattern, value string) bool {
	if cloudtrail.Unknown(value) {
		return false
	}
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == value
	}
	value, ok := strings.CutPrefix(value, head)
	if !ok {
		return false
	}
	for {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(value, part)
		}
		i := strings.Index(value, part)
		if i < 0 {
			return false
		}
		value, rest = value[i+len(part):], after
	}
}
