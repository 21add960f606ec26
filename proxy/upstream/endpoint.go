package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	sdkoutposts "github.com/aws/aws-sdk-go-v2/service/outposts"
)

// endpoint is where the calls of one region go.
type endpoint struct {
	scheme    string
	host      string // as signed and as sent, with the port unless it is the scheme's own
	partition string
	known     bool // AWS's own host, as the SDK knows it
}

func (e endpoint) String() string { return e.scheme + "://" + e.host }

// address is what is dialled when no proxy is in between.
func (e endpoint) address() string {
	u := url.URL{Host: e.host}
	if u.Port() != "" {
		return e.host
	}
	port := "443"
	if e.scheme == "http" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// resolveEndpoints finds the endpoint of each region. The hosts of AWS come from
// the SDK's own rules. The environment has no say: AWS_ENDPOINT_URL and its
// relatives are what leads callers to gatepost, and a gatepost that followed them
// would call itself.
func resolveEndpoints(ctx context.Context, c *Config) (map[string]endpoint, error) {
	resolver := sdkoutposts.NewDefaultEndpointResolverV2()
	endpoints := map[string]endpoint{}
	for _, region := range c.Regions {
		resolved, err := resolver.ResolveEndpoint(ctx, sdkoutposts.EndpointParameters{Region: &region, UseFIPS: &c.FIPS, UseDualStack: new(false)})
		if err != nil {
			return nil, fmt.Errorf("resolve endpoint of region %s: %w", region, err)
		}
		e := endpoint{scheme: resolved.URI.Scheme, host: resolved.URI.Host, partition: partition(region), known: true}
		if c.Endpoint != "" {
			if e.scheme, e.host, err = parseEndpoint(strings.ReplaceAll(c.Endpoint, "{region}", region)); err != nil {
				return nil, fmt.Errorf("endpoint %q: %w", c.Endpoint, err)
			}
			e.known = false
		}
		endpoints[region] = e
	}
	return endpoints, nil
}

func parseEndpoint(text string) (scheme, host string, err error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", "", err
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return "", "", errors.New("scheme is neither https nor http")
	case u.Hostname() == "":
		return "", "", errors.New("no host")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Path != "" && u.Path != "/":
		return "", "", errors.New("more than scheme, host and port")
	}
	host = u.Host
	if port := u.Port(); port == "" || port == "443" && u.Scheme == "https" || port == "80" && u.Scheme == "http" {
		// Servers and proxies drop the scheme's own port, so it must not be signed.
		host = strings.TrimSuffix(host, ":"+port)
	}
	return u.Scheme, host, nil
}

// partition is the part of AWS that a region belongs to. The SDK's table of them
// is not exported, but the names of regions say it.
func partition(region string) string {
	for _, p := range []struct{ prefix, name string }{
		{"cn-", "aws-cn"},
		{"us-gov-", "aws-us-gov"},
		{"eusc-", "aws-eusc"},
		{"us-iso-", "aws-iso"},
		{"us-isob-", "aws-iso-b"},
		{"eu-isoe-", "aws-iso-e"},
		{"us-isof-", "aws-iso-f"},
		{"eu-isof-", "aws-iso-f"},
	} {
		if strings.HasPrefix(region, p.prefix) {
			return p.name
		}
	}
	return "aws"
}

// isLoopback reports whether a URL's host is this machine by its very name.
func isLoopback(host string) bool {
	name := (&url.URL{Host: host}).Hostname()
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.IsLoopback()
}
