package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

var (
	// regionForm covers every partition's regions: us-west-2, us-gov-east-1,
	// us-isob-east-1, eusc-de-east-1.
	regionForm = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]{2,12}){1,2}-[0-9]{1,2}$`)
	roleForm   = regexp.MustCompile(`^arn:aws[a-z0-9-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,512}$`)
	arnForm    = regexp.MustCompile(`^arn:[^:\s]+:(iam|sts):[^:\s]*:[^:\s]*:[^\s]+$`)
	originForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,254}$`)
	hostForm   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)
)

// address is a host and port to listen on.
type address struct {
	host string // "" is every address
	port int
}

func parseAddress(s string) (address, error) {
	const want = "write host:port, such as 127.0.0.1:8080 or [::1]:8080"
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return address{}, fmt.Errorf("%q is not an address: %s", s, want)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return address{}, fmt.Errorf("%q has no port from 0 to 65535: %s", s, want)
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && !hostForm.MatchString(host) {
		return address{}, fmt.Errorf("%q has no host name or IP address before the port: %s", s, want)
	}
	return address{host: host, port: int(n)}, nil
}

// loopback reports whether only this machine can reach the address. Of names
// only localhost counts: what another resolves to can change.
func (a address) loopback() bool {
	return loopbackHost(a.host)
}

func loopbackHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// unspecified reports whether the address means every interface.
func (a address) unspecified() bool {
	ip, err := netip.ParseAddr(a.host)
	return a.host == "" || err == nil && ip.Unmap().IsUnspecified()
}

// collides reports whether a and b cannot both be listened on.
func (a address) collides(b address) bool {
	if a.port != b.port || a.port == 0 {
		return false
	}
	if a.unspecified() || b.unspecified() || strings.EqualFold(a.host, b.host) {
		return true
	}
	return a.loopback() && b.loopback() && (strings.EqualFold(a.host, "localhost") || strings.EqualFold(b.host, "localhost"))
}

// checkPublicName accepts what a client can send in Host.
func checkPublicName(name string) error {
	const want = "write the host as clients send it, with its port unless 80 or 443, such as gatepost.example:8443"
	if name == "" {
		return fmt.Errorf("holds an empty name: %s", want)
	}
	if strings.ContainsAny(name, "/@") {
		return fmt.Errorf("%q is more than a host: %s", redactURL(name), want)
	}
	host := name
	if h, port, err := net.SplitHostPort(name); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("%q has no port from 1 to 65535: %s", name, want)
		}
		host = h
	} else if inner, ok := strings.CutPrefix(name, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	if _, err := netip.ParseAddr(host); err != nil && !hostForm.MatchString(host) {
		return fmt.Errorf("%q is not a host: %s", name, want)
	}
	return nil
}

// regionPlaceholder stands for the call's region in an endpoint.
const regionPlaceholder = "{region}"

// checkEndpoint accepts an empty text, and an address to send signed calls
// to. What it says of a refused one never repeats a password in it.
func checkEndpoint(s string) error {
	if s == "" {
		return nil
	}
	const want = "write scheme and host, such as https://outposts.{region}.example"
	u, err := url.Parse(strings.ReplaceAll(s, regionPlaceholder, "us-west-2"))
	if err != nil {
		// The parser's own text would quote the whole address.
		return fmt.Errorf("is not an address: %s", want)
	}
	switch shown := redactURL(s); {
	case u.User != nil:
		return fmt.Errorf("%q holds a user name or password: remove it; calls to AWS are signed, and nothing else could go into their Authorization header", shown)
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%q does not begin with https:// or http://: %s", shown, want)
	case u.Opaque != "" || !hostForm.MatchString(u.Hostname()) && !isIP(u.Hostname()):
		return fmt.Errorf("%q names no host: %s", shown, want)
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(s, "#"):
		return fmt.Errorf("%q has more than a scheme and a host: AWS's paths begin at the root", shown)
	case u.Scheme == "http" && !loopbackHost(u.Hostname()):
		return fmt.Errorf("%q is plaintext to a host that is not loopback: use https://", shown)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("%q has no port from 1 to 65535: %s", redactURL(s), want)
		}
	}
	return nil
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func loopbackEndpoint(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && loopbackHost(u.Hostname())
}

// redactURL replaces whatever stands before an @ in s's host. It works on the
// text, so that an address which does not parse is redacted too.
func redactURL(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		scheme, rest = "", s
	} else {
		scheme += "://"
	}
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		return scheme + "REDACTED@" + rest[i+1:]
	}
	return s
}

// problems says what is wrong with the rule.
func (k KnownDirect) problems() []string {
	var problems []string
	add := func(err error) { problems = append(problems, err.Error()) }
	if k == (KnownDirect{}) {
		add(errors.New("is empty and would match every call: set principal_arn, source_ip or user_agent"))
	}
	if k.PrincipalARN != "" && !arnForm.MatchString(k.PrincipalARN) {
		add(fmt.Errorf("principal_arn %q is not the ARN of a principal: write arn:aws:sts::123456789012:assumed-role/installer/*", k.PrincipalARN))
	}
	if k.SourceIP != "" {
		_, addrErr := netip.ParseAddr(k.SourceIP)
		_, prefixErr := netip.ParsePrefix(k.SourceIP)
		if addrErr != nil && prefixErr != nil {
			add(fmt.Errorf("source_ip %q is neither an address nor a prefix: write 192.0.2.7 or 192.0.2.0/24", k.SourceIP))
		}
	}
	if k.UserAgent != "" && strings.Trim(k.UserAgent, "*") == "" {
		add(fmt.Errorf("user_agent %q matches every call: name the tool, such as aws-outposts-config*", k.UserAgent))
	}
	return problems
}
